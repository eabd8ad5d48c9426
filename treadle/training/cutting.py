"""The batch of one generation becomes micro-batches: as TRL cuts it, or by the tokens that a prefix tree forwards.

Each run of micro-batches between the borders of optimizer steps and of generations gets as many rows as in TRL; within
it, losses that are normalised globally allow micro-batches by tokens. Several processes take part in every forward:
they agree on the number of micro-batches and on the rows of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from treadle import tree
from treadle.training.logps import token_budget
from treadle.training.micro_batches import (
    GLOBAL_LOSSES,
    Batch,
    add_empty_rows,
    even_parts,
    rows_of,
    select_rows,
    split_updates,
    trim,
)
from treadle.training.processes import Processes
from treadle.training.srl_config import SRLConfig


@dataclass(frozen=True)
class CuttingSettings:
    """How a generation is cut.

    Args:
        group_size: G.
        per_generation: Micro-batches of one generation.
        per_step: Micro-batches of one optimizer step.
        rows: Rows of a micro-batch.
        max_tree_tokens: See `SRLConfig`.
        shuffled: Groups come into optimizer steps at random; else as they lie, so that trajectories stay whole.
        by_tokens: Micro-batches are filled up to a budget of tokens, and what is left over of their number is skipped.
        may_skip: Whether backwards may be skipped at all; DeepSpeed counts them itself.
    """

    group_size: int
    per_generation: int
    per_step: int
    rows: int
    max_tree_tokens: int | None
    shuffled: bool
    by_tokens: bool
    may_skip: bool

    @classmethod
    def of(cls, args: SRLConfig, tree_is_used: bool, may_skip: bool) -> CuttingSettings:
        """Those of a trainer's configuration."""
        return cls(
            group_size=args.num_generations,
            per_generation=args.steps_per_generation,
            per_step=args.gradient_accumulation_steps,
            rows=args.per_device_train_batch_size,
            max_tree_tokens=args.max_tree_tokens,
            shuffled=not tree_is_used,
            by_tokens=tree_is_used and args.loss_type in GLOBAL_LOSSES,
            may_skip=may_skip,
        )


class Cutter:
    """Cuts batches.

    Args:
        settings: See there.
        processes: All processes.
    """

    def __init__(self, settings: CuttingSettings, processes: Processes) -> None:
        self.settings = settings
        self._processes = processes

    def cut(self, batch: Batch | None) -> list[Batch | None]:
        """The micro-batches of one generation, in order; `None` for a backward that has nothing to do.

        Args:
            batch: `None` where no group carries a signal; its backwards leave no gradient, so that the optimizer
                changes nothing.
        """
        settings = self.settings
        if batch is None:
            return [None] * settings.per_generation
        together = math.gcd(settings.per_generation, settings.per_step)
        count = settings.per_generation // together
        parts: list[Batch | None] = []
        for update in split_updates(batch, settings.group_size, count, settings.shuffled):
            if settings.by_tokens:
                parts += self._by_tokens(update, together)
            else:
                parts += self._as_many_rows(even_parts(update, together, by_length=settings.shuffled))
        return parts

    def _by_tokens(self, update: Batch, count: int) -> list[Batch | None]:
        # Wholly masked rows add nothing; a micro-batch of them alone would count as one with entropy 0.
        update = select_rows(update, update["completion_mask"].any(1))
        ids_BL = torch.cat([update["prompt_ids"], update["completion_ids"]], dim=1)
        mask_BL = torch.cat([update["prompt_mask"], update["completion_mask"]], dim=1)
        budget = token_budget(self.settings.max_tree_tokens, ids_BL.shape[1], self.settings.rows)
        cut = tree.cut_by_tokens(ids_BL, mask_BL, update["completion_ids"].shape[1], budget, count)
        if cut.tokens > budget:
            self._processes.warn_once(
                f"a micro-batch forwards {cut.tokens:,} tokens, more than the budget of {budget:,}: there are {count} "
                "micro-batches and single rows cannot be cut. Set a smaller per_device_train_batch_size for more "
                "micro-batches, or a larger max_tree_tokens."
            )
        # All processes skip the same backwards, the first ones: gradients are exchanged after the last.
        needed = max(self._processes.all([len(cut.parts)])) if self.settings.may_skip else count
        parts = [select_rows(update, torch.arange(part.start, part.stop)) for part in cut.parts]
        parts = [trim(part) for part in [*parts, *[select_rows(update, torch.arange(0))] * (needed - len(parts))]]
        return [*[None] * (count - needed), *self._as_many_rows(parts)]

    def _as_many_rows(self, parts: list[Batch]) -> list[Batch]:
        """The micro-batches with as many rows as those of the other processes, which TRL's metrics count on."""
        rows_N = map(max, zip(*self._processes.all([[rows_of(part) for part in parts]]), strict=True))
        return [add_empty_rows(part, rows - rows_of(part)) for part, rows in zip(parts, rows_N, strict=True)]
