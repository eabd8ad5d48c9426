"""Groups and how they are chosen, against hand-worked examples."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.training.groups import Collected, Group, further_groups, padded, total_rewards
from treadle.training.sampling import Drop


def group(*rewards, generation=0, name=""):
    size = len(rewards)
    return Group({"prompt": name}, [[1]] * size, [[2]] * size, ["x"] * size, [[r] for r in rewards], generation)


def test_collecting_in_rounds():
    waiting = group(0.0, 1.0, name="before")
    found = Collected(3, [waiting])
    assert (found.missing, found.waited, found.fresh) == (2, 1, 0)
    reasons = found.add(
        [group(1.0, 1.0, name="a"), group(0.0, 0.5, name="b"), group(math.nan, 1.0, name="c")], torch.ones(1), 0.01
    )
    assert reasons == [Drop.ALL_RIGHT, None, Drop.UNSCORABLE]
    assert (found.missing, found.fresh, found.sampled, found.rounds) == (1, 1, 3, 1)
    found.add([group(0.0, 0.001, name="d"), group(0.0, 0.0, name="e"), group(-1.0, 0.9, name="f")], torch.ones(1), 0.01)
    assert [g.row["prompt"] for g in found.kept] == ["before", "b", "f"]
    assert found.reasons == {Drop.ALL_RIGHT: 1, Drop.UNSCORABLE: 1, Drop.LOW_SPREAD: 1, Drop.ALL_WRONG: 1}
    assert [g.row["prompt"] for g in found.best_of_the_rest(1)] == ["d"]
    assert [g.row["prompt"] for g in found.best_of_the_rest(3)] == ["a", "d", "e"]  # unscorable ones come last
    assert found.missing == 0


def test_total_rewards_leave_out_what_no_function_scored():
    rewards_BF = torch.tensor([[1.0, 0.5], [math.nan, 0.5], [math.nan, math.nan]])
    total_B = total_rewards(rewards_BF, torch.tensor([1.0, 2.0]))
    assert total_B[:2].tolist() == [2.0, 1.0]
    assert total_B[2].isnan()


@pytest.mark.parametrize(
    ("refill", "missing", "kept", "sampled", "expected"),
    [
        ("missing", 3, 5, 8, 3),
        ("expected", 3, 5, 8, 5),  # 3 * 8 / 5 = 4.8
        ("expected", 3, 1, 8, 8),  # 24, but never more than a generation
        ("expected", 3, 0, 8, 8),
        ("full", 3, 5, 8, 8),
    ],
)
def test_how_many_prompts_a_further_round_draws(refill, missing, kept, sampled, expected):
    assert further_groups(refill, 8, missing, kept, sampled) == expected


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 50), st.data())
def test_a_further_round_draws_at_least_what_is_missing(wanted, sampled, kept, data):
    missing = data.draw(st.integers(1, wanted))
    for refill in ("missing", "expected", "full"):
        assert missing <= further_groups(refill, wanted, missing, min(kept, sampled), sampled) <= wanted


def test_padding():
    assert padded([[1], [2, 3]], 0, True, torch.long).tolist() == [[0, 1], [2, 3]]
    assert padded([[1], [2, 3]], 9, False, torch.long).tolist() == [[1, 9], [2, 3]]


def test_a_muted_group_has_no_rewards():
    muted = group(0.0, 1.0).muted()
    assert all(math.isnan(value) for rewards in muted.rewards for value in rewards)
    assert muted.completion_ids == [[2], [2]]
    assert muted.inputs == [{"prompt": ""}] * 2
