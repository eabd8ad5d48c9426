"""Dynamic sampling: keep the groups that carry a learning signal (paper section 3, after DAPO).

GRPO divides by the spread of a group's rewards, so a group whose rewards are all alike teaches nothing. A
prompt is kept only if the population standard deviation of its G rewards is above a threshold; further
prompts are drawn until the batch is full or a cap is hit. The paper does not give the threshold.

Batches here are TRL's: a dictionary of tensors with one row a completion, siblings adjacent, prompts padded
on the left and everything else on the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

Batch = dict[str, torch.Tensor]


def informative_groups(rewards_B: torch.Tensor, group_size: int, threshold: float) -> torch.Tensor:
    """Which groups to keep.

    Args:
        rewards_B: Rewards of P * G completions, siblings adjacent; NaN marks an unscorable completion.
        group_size: G.
        threshold: Population standard deviation above which a group is informative.

    Returns:
        `[P]` booleans. A group with fewer than two scored completions is not informative.
    """
    rewards_PG = rewards_B.view(-1, group_size).double()
    scored_PG = ~rewards_PG.isnan()
    count_P = scored_PG.sum(1)
    mean_P1 = rewards_PG.nansum(1, keepdim=True) / count_P.clamp(min=1)[:, None]
    variance_P = ((rewards_PG - mean_P1).square().nansum(1)) / count_P.clamp(min=1)
    return (count_P > 1) & (variance_P.sqrt() > threshold)


def select_rows(batch: Batch, rows_B: torch.Tensor) -> Batch:
    """The rows where `rows_B` is true, or those with its numbers; scalars are kept as they are."""
    return {key: value[rows_B] if value.ndim else value for key, value in batch.items()}


def concatenate(batches: Sequence[Batch], pad_token_id: int) -> Batch:
    """Join batches whose widths differ, padding prompts on the left and completions on the right.

    Scalars (TRL's `num_items_in_batch`) are dropped: they belong to the parts.
    """
    joined = {}
    for key, first in batches[0].items():
        if first.ndim == 0:
            continue
        parts = [batch[key] for batch in batches]
        if first.ndim == 2:
            width = max(part.shape[1] for part in parts)
            fill = pad_token_id if key.endswith("_ids") else 0
            parts = [_widen(part, width, fill, left=key.startswith("prompt")) for part in parts]
        joined[key] = torch.cat(parts)
    return joined


def _widen(rows_BT: torch.Tensor, width: int, fill: int, left: bool) -> torch.Tensor:
    missing = width - rows_BT.shape[1]
    return torch.nn.functional.pad(rows_BT, (missing, 0) if left else (0, missing), value=fill)


def micro_batches(batch: Batch, count: int) -> list[Batch]:
    """Split a batch into `count` parts of nearly equal size, siblings together, without superfluous padding.

    Rows with prompts of similar length come together. A batch of fewer rows than `count` cannot be split; the
    caller fills it up first.
    """
    order = batch["prompt_mask"].sum(1).argsort(stable=True)
    parts = []
    for index in order.tensor_split(count):
        part = select_rows(batch, index)
        prompt = slice(int(part["prompt_mask"].any(0).int().argmax()), None)
        width = max(1, int(part["completion_mask"].sum(1).max()))
        for key, value in part.items():
            if value.ndim == 2:
                part[key] = value[:, prompt] if key.startswith("prompt") else value[:, :width]
        parts.append(part)
    return parts


def split_updates(batch: Batch, group_size: int, count: int) -> list[Batch]:
    """Split the groups of one generation at random into `count` optimizer steps of nearly equal size.

    Sizes are equal to a row; where the groups do not divide, one group's siblings come into two steps.
    """
    if count == 1:
        return [batch]
    rows = len(batch["completion_ids"])
    order = torch.randperm(rows // group_size)[:, None] * group_size + torch.arange(group_size)
    return [select_rows(batch, index) for index in order.flatten().tensor_split(count)]


class PromptStream:
    """Further prompts for refilling: row numbers of a data set in shuffled passes, repeatable and resumable.

    Args:
        size: Number of rows.
        seed: Seed of the order.
        drawn: Rows that were already drawn, to continue an interrupted run.
    """

    def __init__(self, size: int, seed: int, drawn: int = 0) -> None:
        self.size = size
        self.seed = seed
        self.drawn = drawn
        self._order: tuple[int, list[int]] = (-1, [])

    def draw(self, count: int) -> Iterator[int]:
        """The next `count` row numbers."""
        for _ in range(count):
            number, position = divmod(self.drawn, self.size)
            if self._order[0] != number:
                generator = torch.Generator().manual_seed(self.seed + 7919 * number)
                self._order = number, torch.randperm(self.size, generator=generator).tolist()
            self.drawn += 1
            yield self._order[1][position]
