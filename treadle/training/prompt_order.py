"""The order in which prompts are trained on: shuffled trajectories, the steps of each next to one another.

What shares a trunk must come in one generation batch to share its computation. Rows of a trajectory are known by a
column of the data set; without one, or where no trajectory has two rows, the order is TRL's shuffle of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from trl.trainer.utils import RepeatSampler

COLUMNS = ("trajectory", "trajectory_id")
"""Columns that name a row's trajectory: of rows rendered on access (`treadle.data.rows`), and of rows written out."""


def trajectories_of(rows: Any) -> np.ndarray | None:
    """For each row the number of its trajectory, or `None` if the data set does not tell or no two rows share one.

    A prompt that a data set holds several times counts as another trajectory each time: its copies are further
    passes, not siblings.
    """
    if not isinstance(rows, Dataset):
        return None
    name = next((column for column in COLUMNS if column in rows.column_names), None)
    if name is None:
        return None
    stored = rows.with_format("numpy")  # without the transform that renders prompts
    _, number_N = np.unique(np.asarray(stored[name][:]), return_inverse=True)
    if "step" in rows.column_names:
        step_N = np.nan_to_num(np.asarray(stored["step"][:], dtype=float), nan=-1)
        copy_N = _occurrence(np.stack([number_N, step_N], axis=1))
        _, number_N = np.unique(np.stack([number_N, copy_N], axis=1), axis=0, return_inverse=True)
    number_N = number_N.reshape(-1)
    return number_N if number_N.max(initial=-1) + 1 < len(number_N) else None


def _occurrence(keys_NK: np.ndarray) -> np.ndarray:
    """How many equal keys come before each."""
    _, key_N = np.unique(keys_NK, axis=0, return_inverse=True)
    order_N = np.argsort(key_N.reshape(-1), kind="stable")
    sorted_N = key_N.reshape(-1)[order_N]
    starts = np.flatnonzero(np.diff(sorted_N, prepend=-1))
    occurrence_N = np.empty(len(sorted_N), dtype=np.int64)
    occurrence_N[order_N] = np.arange(len(sorted_N)) - np.repeat(starts, np.diff(starts, append=len(sorted_N)))
    return occurrence_N


def shuffled(size: int, trajectory_N: np.ndarray | None, generator: torch.Generator) -> list[int]:
    """All row numbers, in a random order of trajectories and, within each, as they are in the data set."""
    if trajectory_N is None:
        return torch.randperm(size, generator=generator).tolist()
    place = torch.randperm(int(trajectory_N.max()) + 1, generator=generator).numpy()
    return np.argsort(place[trajectory_N], kind="stable").tolist()


class TrajectorySampler(RepeatSampler):
    """TRL's `RepeatSampler`, which repeats prompts for their siblings and for reuse, in the order of `shuffled`.

    The order is decided by seed and epoch. TRL's own goes on with a generator, so that a run which is resumed in its
    second epoch gets the first one's order again; the orders are the same as long as no run is resumed.

    Args:
        rows: The data set.
        trajectory_N: From `trajectories_of`; `None` shuffles rows.
        more: Arguments of `RepeatSampler`, with a seed.
    """

    def __init__(self, rows: Sized, trajectory_N: np.ndarray | None, **more: Any) -> None:
        super().__init__(rows, **more)
        self.trajectory_N = trajectory_N
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The pass over the data set, from 0, whose order the next iteration gives."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.epoch + 1):
            order = shuffled(self.num_samples, self.trajectory_N, generator)
        for start in range(0, len(order) - self.batch_size + 1, self.batch_size):
            for _ in range(self.repeat_count):
                for row in order[start : start + self.batch_size]:
                    yield from [row] * self.mini_repeat_count


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell the samplers inside a data loader which epoch begins, through whatever accelerate has wrapped them in.

    transformers and accelerate do so themselves in a fresh run, but not when batches are skipped in several processes.
    """
    part = loader
    while part is not None:
        following = getattr(part, "batch_sampler", None)
        part = following if following is not None else getattr(part, "sampler", None)
        if hasattr(part, "set_epoch"):
            part.set_epoch(epoch)


class PromptStream:
    """Further prompts for refilling: row numbers of a data set in shuffled passes, repeatable and resumable.

    Args:
        size: Number of rows.
        seed: Seed of the order.
        trajectory_N: From `trajectories_of`.
        drawn: Rows that were already drawn, to continue an interrupted run.
    """

    def __init__(self, size: int, seed: int, trajectory_N: np.ndarray | None = None, drawn: int = 0) -> None:
        self.size = size
        self.seed = seed
        self.trajectory_N = trajectory_N
        self.drawn = drawn
        self._order: tuple[int, list[int]] = (-1, [])

    def draw(self, count: int) -> Iterator[int]:
        """The next `count` row numbers."""
        for _ in range(count):
            number, position = divmod(self.drawn, self.size)
            if self._order[0] != number:
                generator = torch.Generator().manual_seed(self.seed + 7919 * number)
                self._order = number, shuffled(self.size, self.trajectory_N, generator)
            self.drawn += 1
            yield self._order[1][position]
