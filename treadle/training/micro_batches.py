"""One generation batch cut into what each backward sees: optimizer steps, and micro-batches within them.

Stock TRL shuffles rows and cuts them evenly. Here siblings stay together, and with the prefix tree so do the steps of a
trajectory; the micro-batches of an optimizer step may then differ in size, or be fewer than there are backwards. That
leaves the gradient as it is for losses that are normalised over the whole batch (`GLOBAL_LOSSES`).

Batches are TRL's: a dictionary of tensors with one row a completion, siblings adjacent, prompts padded on the left and
everything else on the right. Other entries (scalars) belong to the whole batch.
"""

from __future__ import annotations

import torch

Batch = dict[str, torch.Tensor]

GLOBAL_LOSSES = ("dapo", "cispo", "vespo")


def rows_of(batch: Batch) -> int:
    """Number of completions of a batch."""
    return len(batch["completion_ids"])


def select_rows(batch: Batch, rows_B: torch.Tensor) -> Batch:
    """The rows where `rows_B` is true, or those with its numbers; scalars are kept as they are."""
    return {key: value[rows_B] if value.ndim else value for key, value in batch.items()}


def trim(batch: Batch) -> Batch:
    """The same rows without columns that are padding in all of them.

    One column of prompts stays, and two of completions: TRL takes a single one for a value of the whole sequence.
    """
    columns = batch["prompt_mask"].shape[1]
    first = int(batch["prompt_mask"].any(0).int().argmax()) if batch["prompt_mask"].any() else max(columns - 1, 0)
    width = max(2, int(batch["completion_mask"].sum(1).max())) if rows_of(batch) else 2
    return {
        key: value if value.ndim != 2 else value[:, first:] if key.startswith("prompt") else value[:, :width]
        for key, value in batch.items()
    }


def add_empty_rows(batch: Batch, count: int) -> Batch:
    """`count` rows more, without completion and with advantage 0: they change no loss, and make processes agree.

    Their prompt is one token, because attention over nothing is not a number.
    """
    longer = {
        key: value if value.ndim == 0 else torch.cat([value, value.new_zeros(count, *value.shape[1:])])
        for key, value in batch.items()
    }
    longer["prompt_mask"][rows_of(batch) :, -1] = 1
    return longer


def even_parts(batch: Batch, count: int, by_length: bool) -> list[Batch]:
    """Split a batch into `count` parts of nearly equal size, siblings together, without superfluous padding.

    Args:
        by_length: Rows with prompts of similar length come together, instead of rows as they lie.

    A batch of fewer rows than `count` cannot be split; the caller fills it up first.
    """
    order = torch.arange(rows_of(batch))
    if by_length:
        order = batch["prompt_mask"].sum(1).cpu().argsort(stable=True)
    return [trim(select_rows(batch, index)) for index in order.tensor_split(count)]


def split_updates(batch: Batch, group_size: int, count: int, shuffle: bool) -> list[Batch]:
    """Split the groups of one generation into `count` optimizer steps of nearly equal size.

    Args:
        shuffle: At random; else as they lie, so that trajectories stay whole.

    Sizes are equal to a row; where the groups do not divide, one group's siblings come into two steps.
    """
    if count == 1:
        return [batch]
    groups = list(torch.arange(rows_of(batch)).split(group_size))
    if shuffle:
        groups = [groups[i] for i in torch.randperm(len(groups))]
    return [select_rows(batch, index) for index in torch.cat(groups).tensor_split(count)]
