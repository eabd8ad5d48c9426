"""Cut a padded batch into parts of which each, as a tree, stays within a budget of tokens.

Rows are taken in the order in which they come: those of one trajectory lie next to one another, so a row shares most
with the row before it. Siblings (rows of one prompt) stay together wherever the budget and the number of parts allow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from treadle.tree.chains import common_length


class Cut(NamedTuple):
    """Parts of a batch.

    Attributes:
        parts: Ranges of rows, in order; together all rows.
        tokens: Of the largest part, as far as neighbours tell: exact up to what rows share with earlier ones only.
    """

    parts: list[range]
    tokens: int


def cut_by_tokens(
    input_ids_BL: torch.Tensor, attention_mask_BL: torch.Tensor, logits_to_keep: int, budget: int, max_parts: int
) -> Cut:
    """Cut a batch in as few parts as the budget allows.

    Args:
        input_ids_BL, attention_mask_BL, logits_to_keep: As for `build_tree`.
        budget: Tokens that a part may forward. A single row may exceed it.
        max_parts: Bound of the number of parts, which comes before the budget: where it does not suffice, the smallest
            budget that it does suffice for is taken instead, and `Cut.tokens` is above `budget`.
    """
    own_B, shared_B, first_B = _costs(input_ids_BL, attention_mask_BL, logits_to_keep)
    if not len(own_B):
        return Cut([], 0)
    siblings = np.flatnonzero(first_B).tolist()
    rows = list(range(len(own_B)))
    for units in (siblings, rows):
        cut = _greedy(own_B, shared_B, units, budget)
        if len(cut.parts) <= max_parts and (cut.tokens <= budget or units is rows):
            return cut
    low, high = budget, int(own_B.sum())
    while low < high:
        middle = (low + high) // 2
        if len(_greedy(own_B, shared_B, rows, middle).parts) <= max_parts:
            high = middle
        else:
            low = middle + 1
    return _greedy(own_B, shared_B, rows, high)


def _costs(ids_BL: torch.Tensor, mask_BL: torch.Tensor, completion: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row its own tokens, those it shares with the row before, and whether its prompt is another than that's.

    A row without completion tokens is not forwarded and costs nothing.
    """
    ids, mask = ids_BL.detach().cpu().numpy(), mask_BL.detach().cpu().numpy() != 0
    columns = ids.shape[1] - completion
    count = len(ids)
    own_B, shared_B, first_B = np.zeros(count, np.int64), np.zeros(count, np.int64), np.ones(count, bool)
    before = before_prompt = np.empty(0, ids.dtype)
    for i in range(count):
        prompt = ids[i, :columns][mask[i, :columns]]
        first_B[i] = not (i and len(prompt) == len(before_prompt) and bool((prompt == before_prompt).all()))
        before_prompt = prompt
        if not mask[i, columns:].any():
            continue
        row = ids[i][mask[i]]
        own_B[i] = len(row)
        shared_B[i] = common_length(row, before)
        before = row
    return own_B, shared_B, first_B


def _greedy(own_B: np.ndarray, shared_B: np.ndarray, units: list[int], budget: int) -> Cut:
    """Fill one part after the other with units, each beginning at a row of `units`."""
    edges = [*units, len(own_B)]
    parts: list[range] = []
    begin, tokens, largest = 0, 0, 0
    for first, last in pairwise(edges):
        added = int((own_B[first:last] - shared_B[first:last]).sum())
        forwarded = np.flatnonzero(own_B[first:last])
        # The first row of a part that is forwarded at all has none before it to share with.
        alone = added + (int(shared_B[first + forwarded[0]]) if len(forwarded) else 0)
        if tokens and tokens + added > budget:
            parts.append(range(begin, first))
            largest = max(largest, tokens)
            begin, tokens = first, 0
        tokens += added if tokens else alone
    return Cut([*parts, range(begin, len(own_B))], max(largest, tokens))
