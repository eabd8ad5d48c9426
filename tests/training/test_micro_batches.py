"""Cutting of hand-made batches."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.training.micro_batches import add_empty_rows, even_parts, rows_of, select_rows, split_updates, trim


def batch(prompt_widths, completion_widths):
    """Rows with prompts of 1s and completions of 2s, padded as TRL pads them (0 is the padding token)."""
    rows, p, c = len(prompt_widths), max(prompt_widths), max(completion_widths)
    prompt_mask = torch.tensor([[0] * (p - w) + [1] * w for w in prompt_widths])
    completion_mask = torch.tensor([[1] * w + [0] * (c - w) for w in completion_widths])
    return {
        "prompt_ids": prompt_mask * 1,
        "prompt_mask": prompt_mask,
        "completion_ids": completion_mask * 2,
        "completion_mask": completion_mask,
        "advantages": torch.arange(rows, dtype=torch.float),
        "num_items_in_batch": completion_mask.sum(),
    }


def test_select_rows_keeps_scalars():
    chosen = select_rows(batch([1, 2, 3], [1, 2, 3]), torch.tensor([True, False, True]))
    assert chosen["advantages"].tolist() == [0, 2]
    assert chosen["num_items_in_batch"].item() == 6


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=9), st.integers(1, 2))
def test_even_parts_hold_every_row_once_by_length_without_spare_padding(widths, count):
    whole = batch([p for p, _ in widths], [c for _, c in widths])
    parts = even_parts(whole, count, by_length=True)
    assert len(parts) == count
    by_length = sorted(range(len(widths)), key=lambda i: widths[i][0])
    assert torch.cat([p["advantages"] for p in parts]).tolist() == by_length
    sizes = [len(p["advantages"]) for p in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        assert part["prompt_mask"].any(0).all()
        assert part["completion_mask"].any(0).all() or part["completion_mask"].shape[1] == 2
        assert part["num_items_in_batch"] == whole["num_items_in_batch"]
    assert sum(int(p["completion_mask"].sum()) for p in parts) == int(whole["completion_mask"].sum())


def test_updates_get_whole_groups_of_all_lengths():
    whole = batch([p for p in (1, 2, 3, 4, 5, 6) for _ in range(2)], [3] * 12)
    assert split_updates(whole, 2, 1, shuffle=True) == [whole]
    lengths_of_first = set()
    for seed in range(20):
        torch.manual_seed(seed)
        updates = split_updates(whole, 2, 3, shuffle=True)
        rows = [u["advantages"].tolist() for u in updates]
        assert sorted(row for part in rows for row in part) == list(range(12))
        assert all(pair[1] == pair[0] + 1 for row in rows for pair in zip(row[::2], row[1::2], strict=True))
        lengths_of_first |= set(updates[0]["prompt_mask"].sum(1).tolist())
    assert lengths_of_first == {1, 2, 3, 4, 5, 6}


def test_even_parts_and_updates_as_rows_lie():
    whole = batch([3, 1, 2, 1, 5], [1, 4, 2, 2, 1])
    assert [p["advantages"].tolist() for p in even_parts(whole, 2, by_length=False)] == [[0, 1, 2], [3, 4]]
    updates = split_updates(whole, 2, 2, shuffle=False)
    assert [u["advantages"].tolist() for u in updates] == [[0, 1, 2], [3, 4]]


def test_updates_lose_no_row_where_groups_are_incomplete():
    whole = batch([1] * 5, [1] * 5)
    rows = [row for update in split_updates(whole, 2, 3, shuffle=True) for row in update["advantages"].tolist()]
    assert sorted(rows) == [0, 1, 2, 3, 4]


def test_empty_rows_are_padding_without_advantage():
    more = add_empty_rows(batch([2], [3]), 2)
    assert rows_of(more) == 3
    assert more["advantages"].tolist() == [0, 0, 0]
    assert more["prompt_mask"].tolist() == [[1, 1], [0, 1], [0, 1]]
    assert more["completion_mask"].sum() == 3
    assert more["num_items_in_batch"] == 3
    nothing = trim(select_rows(more, torch.arange(1, 3)))
    assert nothing["prompt_ids"].shape == (2, 1)
    assert nothing["completion_ids"].shape == (2, 2)
    assert trim(select_rows(more, torch.arange(0)))["completion_mask"].shape == (0, 2)
