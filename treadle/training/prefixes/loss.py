"""The likelihood of the prefix beside GRPO's loss, as a unified fine-tuning has it (UFT, arXiv 2505.16984).

The policy is not rewarded for the steps that it was given, so nothing teaches it to write them. With a weight above 0
the mean negative log-likelihood of their tokens, over those of the groups that are trained on, is added to the loss.

The log-probs come from the forward that GRPO's loss makes anyway: prefix and completion are scored together, through
the tree or row by row. They are those of the policy that samples, at its temperature.

The term is a sum over rows with a denominator of the whole generation, so that micro-batches and halves of them add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from treadle.training.groups import Group
from treadle.training.micro_batches import Batch
from treadle.training.prefixes.part import given_text
from treadle.training.processes import Processes

Tensor = torch.Tensor
Scores = tuple[Tensor, Tensor | None, Tensor | None]

ROWS, WHOLE = "prefix_tokens", "prefix_tokens_in_batch"
"""Entries of a batch: `[B]` tokens at the end of each row's prompt that are the expert's, and the sum over all rows."""


class PrefixLoss:
    """Adds the likelihood of prefixes to the loss; with weight 0 it does nothing.

    Args:
        weight: Of the mean negative log-likelihood.
        text_ids: Tokens of an assistant's text.
        processes: All processes.
        metrics: TRL's lists of values since the last log.
    """

    def __init__(
        self,
        weight: float,
        text_ids: Callable[[str], Sequence[int]] | None,
        processes: Processes,
        metrics: dict[str, list[float]],
    ) -> None:
        self._weight = weight
        self._text_ids = text_ids
        self._processes = processes
        self._metrics = metrics
        self._prefix_B: Tensor | None = None  # of the micro-batch whose loss is computed
        self._logp = torch.zeros(())

    def tokens(self, groups: Sequence[Group]) -> list[int] | None:
        """Of each completion of the groups the tokens of its prefix; `None` where there is no such loss."""
        if not self._weight:
            return None
        counts = [len(self._text_ids(given_text(group.row))) for group in groups]
        return [count for count, group in zip(counts, groups, strict=True) for _ in group.completion_ids]

    def around_loss(self, compute: Callable[[], Tensor], batch: Batch, share: float) -> Tensor:
        """The loss of a micro-batch with its part of the term.

        Args:
            compute: GRPO's loss, by `around_logps`.
            batch: The micro-batch, with `ROWS` and `WHOLE`.
            share: Of the generation's micro-batches, those of one optimizer step.
        """
        if not self._weight:
            return compute()
        self._prefix_B = batch[ROWS]
        try:
            loss = compute()
        finally:
            self._prefix_B = None
        # Gradients are averaged over processes, while the denominator has the tokens of all.
        denominator = batch[WHOLE].clamp(min=1) * share / self._processes.count
        told = self._processes.gather(torch.stack([self._logp.detach().double(), batch[ROWS].sum().double()])[None])
        logp, tokens = told.sum(0).tolist()
        if tokens:
            self._metrics["prefix/nll"].append(-logp / tokens)
        return loss - self._weight * self._logp / denominator

    def around_logps(
        self, compute: Callable[[Tensor, Tensor, int], Scores], ids_BL: Tensor, mask_BL: Tensor, kept: int
    ) -> Scores:
        """Log-probs of completions as `compute` gives them; of a micro-batch whose loss is computed, those of its
        prefixes are kept.

        Args:
            compute: Log-probs, entropies and the router's loss of the last columns of a batch.
            ids_BL: Prompts, padded on the left, and completions, padded on the right.
            mask_BL: 1 for tokens that are no padding.
            kept: C, the columns of completions.
        """
        prefix_B = self._prefix_B
        if prefix_B is None or not torch.is_grad_enabled():
            return compute(ids_BL, mask_BL, kept)
        most = int(prefix_B.max()) if len(prefix_B) else 0
        if not most:
            scores = compute(ids_BL, mask_BL, kept)
            self._logp = scores[0].new_zeros(())
            return scores
        logps_BC, entropies_BC, auxiliary = compute(*_moved(ids_BL, mask_BL, prefix_B, most), most + kept)
        column_C = torch.arange(most + kept, device=prefix_B.device)
        self._logp = (logps_BC * (column_C < prefix_B[:, None])).sum()
        own_BC = prefix_B[:, None] + column_C[:kept]
        return logps_BC.gather(1, own_BC), None if entropies_BC is None else entropies_BC.gather(1, own_BC), auxiliary


def _moved(ids_BL: Tensor, mask_BL: Tensor, prefix_B: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The rows with `most` columns more, so moved to the right that their prefixes begin in one column."""
    columns = ids_BL.shape[1]
    place_BL = torch.arange(columns + most, device=ids_BL.device) - prefix_B[:, None]
    inside_BL = (place_BL >= 0) & (place_BL < columns)
    place_BL = place_BL.clamp(0, columns - 1)
    return ids_BL.gather(1, place_BL), mask_BL.gather(1, place_BL) * inside_BL
