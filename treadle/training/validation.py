"""Validation while training: the same held-out rows and the same random numbers each time, beside the training.

Evaluation is TRL's own, so that vLLM and several processes work as in training; the best result so far is what
transformers keeps as `best_metric`. Added here:

- A random stream of its own, which begins anew at each validation: two validations differ by their weights and not by
  luck, and a run with validation draws the rollouts of a run without.
- For RL the exact mean reward of the rows. TRL averages over batches, which counts the rows of a small last batch more,
  and some twice where processes are filled up to equal numbers.

Rewards are sampled at the training temperature, one completion a row unless `num_generations_eval` says otherwise: with
60 final answers one standard error is up to 6.5 points, so near the top the choice among checkpoints is a rough one.
SFT is validated by its loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

_OFFSET = 104_729  # keeps the stream apart from those that training seeds with the same number


@contextmanager
def random_stream(seed: int) -> Iterator[None]:
    """Torch draws from a stream that begins at `seed`, on the CPU and the current GPU, and from its own again after."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def validation_stream(seed: int, process: int) -> AbstractContextManager[None]:
    """The stream of a validation, alike each time; every process draws its own."""
    return random_stream(seed + _OFFSET + process)


class HeldOutRewards:
    """The rewards of one validation, batch by batch."""

    def __init__(self) -> None:
        self._rewards: list[torch.Tensor] = []

    def begin(self) -> None:
        """Forget those of the last validation."""
        self._rewards = []

    def add(self, rewards_B: torch.Tensor) -> None:
        """Add a batch of total rewards, of all processes and in the order of the sampler; NaN for none."""
        self._rewards.append(rewards_B)

    def mean(self, completions: int) -> float | None:
        """The mean over the first `completions` rewards: what comes after fills up the processes' last batches.

        `None` without a batch, NaN where none could be scored.
        """
        return torch.cat(self._rewards)[:completions].nanmean().item() if self._rewards else None
