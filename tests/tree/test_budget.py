"""Cuts of a batch against the size of the trees that `build_tree` makes of the parts."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.tree import build_tree, cut_by_tokens


def padded(rows):
    """Rows of (prompt, completion) in TRL's padding; returns ids, mask and the width of completions."""
    p, c = max(len(a) for a, _ in rows), max(len(b) for _, b in rows)
    ids = torch.tensor([[0] * (p - len(a)) + a + b + [0] * (c - len(b)) for a, b in rows])
    mask = torch.tensor([[0] * (p - len(a)) + [1] * (len(a) + len(b)) + [0] * (c - len(b)) for a, b in rows])
    return ids, mask, c


def trajectory(steps, rollouts, step=20, completion=5, first=1):
    rows, prompt = [], []
    for k in range(steps):
        prompt = prompt + [first + k] * step
        rows += [(prompt, [100 + 10 * k + i] * completion) for i in range(rollouts)]
    return rows


def sizes(cut, ids, mask, completion):
    return [build_tree(ids[p.start : p.stop], mask[p.start : p.stop], completion, 1).size for p in cut.parts]


def test_all_in_one_where_the_budget_allows():
    ids, mask, c = padded(trajectory(3, 2))
    # Own tokens of the first row 25, then 5 more for its sibling; each later prompt adds 20 and its completions.
    cut = cut_by_tokens(ids, mask, c, 1000, 10)
    assert cut == ([range(0, 6)], 90)


def test_siblings_stay_together():
    ids, mask, c = padded(trajectory(3, 2))
    cut = cut_by_tokens(ids, mask, c, 70, 10)
    assert cut.parts == [range(0, 4), range(4, 6)]
    assert cut.tokens == 70  # 60 for two prompts of 20 and 40 with two completions each; the third prompt anew


def test_siblings_part_where_nothing_else_keeps_the_budget():
    ids, mask, c = padded(trajectory(1, 6))
    cut = cut_by_tokens(ids, mask, c, 35, 10)
    assert cut.parts == [range(0, 3), range(3, 6)]
    assert cut.tokens == 35


def test_the_number_of_parts_comes_before_the_budget():
    ids, mask, c = padded(trajectory(1, 6))
    cut = cut_by_tokens(ids, mask, c, 1, 2)
    assert cut.parts == [range(0, 3), range(3, 6)]
    assert cut.tokens == 35


def test_rows_without_completion_cost_nothing_and_no_rows_are_no_part():
    ids, mask, c = padded([([1, 2], [3]), ([4] * 50, []), ([1, 2], [5])])
    assert cut_by_tokens(ids, mask, c, 10, 10).parts == [range(0, 3)]
    assert cut_by_tokens(ids[:0], mask[:0], c, 10, 10) == ([], 0)


def test_a_part_that_begins_with_an_empty_row_shares_nothing_with_the_part_before():
    ids, mask, c = padded([([1], [1]), ([1], []), ([1], [1, 1, 1])])
    assert cut_by_tokens(ids, mask, c, 1, 2) == ([range(0, 1), range(1, 3)], 4)


rows = st.lists(
    st.tuples(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.lists(st.integers(1, 3), max_size=5)),
    min_size=1,
    max_size=12,
)


@given(rows, st.integers(1, 40), st.integers(1, 12))
def test_parts_hold_every_row_in_order_and_keep_to_budget_or_number(rows, budget, max_parts):
    ids, mask, c = padded(rows)
    cut = cut_by_tokens(ids, mask, c, budget, max_parts)
    assert [row for part in cut.parts for row in part] == list(range(len(rows)))
    assert len(cut.parts) <= max_parts
    if cut.tokens > budget:
        # Either a single row exceeds it, or no cut into so many parts keeps it.
        finer = cut_by_tokens(ids, mask, c, cut.tokens - 1, 1000)
        assert len(finer.parts) > max_parts or finer.tokens >= cut.tokens
    # A tree may hold less than its neighbours tell, since rows also share with earlier ones.
    assert all(size <= max(cut.tokens, 1) for size in sizes(cut, ids, mask, c))


@given(rows, st.integers(1, 12))
def test_the_budget_of_stock_micro_batches_always_suffices(rows, micro_batch):
    ids, mask, c = padded(rows)
    cut = cut_by_tokens(ids, mask, c, micro_batch * ids.shape[1], -(-len(rows) // micro_batch))
    assert cut.tokens <= micro_batch * ids.shape[1]
