"""Dynamic sampling's parts against numpy and hand-made batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.sampling import (
    PromptStream,
    concatenate,
    informative_groups,
    micro_batches,
    select_rows,
    split_updates,
)


@given(
    st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.98, 1.0]), min_size=4, max_size=4), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_informative_groups_are_those_numpy_finds(groups, threshold):
    expected = [bool(np.std(group) > threshold) for group in groups]
    rewards = torch.tensor(groups).flatten()
    spread = np.std(groups, axis=1)
    found = informative_groups(rewards, 4, threshold).tolist()
    for i in range(len(groups)):
        if abs(spread[i] - threshold) > 1e-6:
            assert found[i] == expected[i]


def test_population_not_sample_deviation():
    # Eight rewards, one right: population sd = sqrt(1/8 * 7/8) = 0.3307, sample sd = 0.3536.
    rewards = torch.tensor([1.0] + [0.0] * 7)
    assert informative_groups(rewards, 8, 0.330).item()
    assert not informative_groups(rewards, 8, 0.331).item()


def test_all_alike_carries_no_signal_even_at_threshold_zero():
    assert informative_groups(torch.tensor([0.1] * 8 + [1.0] * 8), 8, 0.0).tolist() == [False, False]


def test_unscorable_completions_are_left_out():
    nan = float("nan")
    rewards = torch.tensor([1.0, nan, 0.0, nan] + [1.0, nan, nan, nan] + [nan] * 4)
    assert informative_groups(rewards, 4, 0.1).tolist() == [True, False, False]


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


def test_concatenate_pads_prompts_left_and_completions_right():
    joined = concatenate([batch([1], [3]), batch([2], [1])], pad_token_id=9)
    assert joined["prompt_ids"].tolist() == [[9, 1], [1, 1]]
    assert joined["prompt_mask"].tolist() == [[0, 1], [1, 1]]
    assert joined["completion_ids"].tolist() == [[2, 2, 2], [2, 9, 9]]
    assert joined["completion_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert joined["advantages"].tolist() == [0, 0]
    assert "num_items_in_batch" not in joined


def test_select_rows_keeps_scalars():
    chosen = select_rows(batch([1, 2, 3], [1, 2, 3]), torch.tensor([True, False, True]))
    assert chosen["advantages"].tolist() == [0, 2]
    assert chosen["num_items_in_batch"].item() == 6


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=9), st.integers(1, 2))
def test_micro_batches_hold_every_row_once_by_length_without_spare_padding(widths, count):
    whole = batch([p for p, _ in widths], [c for _, c in widths])
    parts = micro_batches(whole, count)
    assert len(parts) == count
    by_length = sorted(range(len(widths)), key=lambda i: widths[i][0])
    assert torch.cat([p["advantages"] for p in parts]).tolist() == by_length
    sizes = [len(p["advantages"]) for p in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        assert part["prompt_mask"].any(0).all()
        assert part["completion_mask"].any(0).all()
        assert part["num_items_in_batch"] == whole["num_items_in_batch"]
    assert sum(int(p["completion_mask"].sum()) for p in parts) == int(whole["completion_mask"].sum())


def test_updates_get_whole_groups_of_all_lengths():
    whole = batch([p for p in (1, 2, 3, 4, 5, 6) for _ in range(2)], [3] * 12)
    assert split_updates(whole, 2, 1) == [whole]
    lengths_of_first = set()
    for seed in range(20):
        torch.manual_seed(seed)
        updates = split_updates(whole, 2, 3)
        rows = [u["advantages"].tolist() for u in updates]
        assert sorted(row for part in rows for row in part) == list(range(12))
        assert all(pair[1] == pair[0] + 1 for row in rows for pair in zip(row[::2], row[1::2], strict=True))
        lengths_of_first |= set(updates[0]["prompt_mask"].sum(1).tolist())
    assert lengths_of_first == {1, 2, 3, 4, 5, 6}


def test_prompt_stream_visits_all_rows_each_pass_and_continues():
    stream = PromptStream(5, seed=3)
    drawn = list(stream.draw(12))
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert drawn[:5] != drawn[5:10] or drawn[:5] != list(range(5))
    again = PromptStream(5, seed=3, drawn=7)
    assert list(again.draw(5)) == drawn[7:]


@pytest.mark.parametrize("seed", [0, 1])
def test_prompt_stream_is_repeatable(seed):
    assert list(PromptStream(9, seed).draw(9)) == list(PromptStream(9, seed).draw(9))
