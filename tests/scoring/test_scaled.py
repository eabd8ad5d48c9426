"""Similarity above a floor by hand, its range, and what a constant earns on real data."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring.constants import candidates, held_out
from treadle import scaled_reward, srl_reward
from treadle.scoring.scaled import scaled

TEXTS = st.text("ab1 \n", min_size=1, max_size=40)
SIMILARITIES = st.floats(0, 1)


def test_by_hand():
    assert scaled(0.75, 0.5) == 0.5
    assert scaled(0.25, 0.5) == scaled(0.5, 0.5) == 0.0
    assert scaled(1.0, 0.3) == 1.0


@given(SIMILARITIES, SIMILARITIES, st.floats(0, 1, exclude_max=True))
def test_it_is_the_similarity_at_floor_0_and_keeps_order_and_range(one, other, floor):
    assert scaled(one, 0.0) == one
    low, high = sorted((one, other))
    assert 0 <= scaled(low, floor) <= scaled(high, floor) <= scaled(1.0, floor) == 1


@pytest.mark.parametrize("floor", [-0.1, 1.0, float("nan")])
def test_floors_out_of_range_are_refused(floor):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        scaled(0.5, floor)


@given(TEXTS, TEXTS, st.booleans(), st.sampled_from(["model_first", "expert_first"]))
def test_without_a_floor_it_is_the_papers_to_the_bit(action, expert, autojunk, order):
    output, settings = [f"<think>t</think>{action}"], {"autojunk": autojunk, "argument_order": order}
    paper = srl_reward(output, [expert], **settings)
    assert scaled_reward(output, [expert], floor=0.0, **settings) == paper
    assert scaled_reward(output, [expert], **settings) == paper  # of one problem there are no others
    assert scaled_reward(output, [expert], contrast=[[]], **settings) == paper


def test_floors_are_given_or_measured():
    metrics = {}
    outputs = ["abcd", "bcde", "cdef", ""]
    arguments = {"think_tags": "optional", "log_metric": metrics.__setitem__}
    assert scaled_reward(outputs, ["bcde"] * 4, floor=0.5, **arguments) == [0.5, 1.0, 0.5, -1.0]
    assert scaled_reward(outputs, ["bcde"] * 4, floor=[0.5, 0.5, 0.0, 0.0], **arguments) == [0.5, 1.0, 0.75, -1.0]
    assert metrics["format/empty_action"] == 0.25
    assert metrics["similarity"] == pytest.approx(2.5 / 3)
    assert metrics["floor"] == pytest.approx(1 / 3)
    assert metrics["scaled"] == 0.75
    # Of the others defg is the most like bcde: de, so 4/8.
    measured = scaled_reward(outputs, ["bcde"] * 4, contrast=[["bcde", "defg", "wxyz"]] * 4, **arguments)
    assert measured == [0.5, 1.0, 0.5, -1.0]
    assert metrics["floor"] == 0.5
    mixed = scaled_reward(["abcd"] * 2, ["bcde", "defg"], floor=[None, 0.0], **arguments)
    assert mixed == [0.5, 0.25]


def test_no_rows():
    assert scaled_reward([], expert_action=[]) == []


@pytest.mark.parametrize("form", ["gsm8k", "titled"])
def test_no_constant_earns_anything_on_held_out_data(data, form):
    """Agents repeat calls, and one that is right is worth 1 here; docs/floors.md has what that comes to."""
    actions = [step.action for t in held_out(data, form) for step in t.steps if len(step.action) < 1200]
    experts = random.Random(0).sample(actions, 96)
    for constant in candidates(data, form):
        rewards = scaled_reward([constant] * len(experts), experts, think_tags="optional")
        assert mean(rewards) <= 0.02, constant
