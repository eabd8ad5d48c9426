"""The margin by hand, its range, what it is without contrast, and what a constant earns on real data."""

from __future__ import annotations

import random
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring.constants import FORMS, candidates, held_out
from treadle import margin_reward, srl_reward, step_similarity
from treadle.scoring.margin import LOWEST, margin
from treadle.scoring.rewards import FORMAT_REWARD

TEXTS = st.text("ab1 \n", min_size=1, max_size=40)


def thought(*actions: str) -> list[str]:
    return [f"<think>t</think>{action}" for action in actions]


def test_by_hand():
    # abcd shares bcd with bcde (6/8), cd with cdef (4/8) and nothing with wxyz: 0.75 - 0.25
    assert margin("abcd", "bcde", ["cdef", "wxyz"]) == 0.5
    assert margin("bcde", "bcde", ["wxyz"]) == 1.0
    assert margin("cdef", "bcde", ["cdef"]) == 0.75 - 1


@given(TEXTS, TEXTS, st.booleans(), st.sampled_from(["model_first", "expert_first"]))
def test_without_contrast_it_is_the_papers_to_the_bit(action, expert, autojunk, order):
    paper = srl_reward(thought(action), [expert], autojunk=autojunk, argument_order=order)
    settings = {"autojunk": autojunk, "argument_order": order}
    assert margin_reward(thought(action), [expert], **settings) == paper
    assert margin_reward(thought(action), [expert], contrast=[[]], **settings) == paper


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=5))
def test_range(action, expert, contrasts):
    value = margin(action, expert, contrasts)
    assert FORMAT_REWARD < LOWEST <= value <= step_similarity(action, expert) <= 1


def test_the_lowest_is_above_a_fault_by_more_than_the_sampling_threshold():
    assert margin("a", "b", ["a"]) == LOWEST
    assert pstdev([LOWEST, *[FORMAT_REWARD] * 96]) > 0.01 >= pstdev([LOWEST, *[FORMAT_REWARD] * 98])


@given(st.lists(TEXTS, min_size=2, max_size=8, unique=True), TEXTS)
def test_a_constant_earns_nothing_where_all_others_are_the_contrast(experts, constant):
    rewards = margin_reward(thought(*[constant] * len(experts)), experts, think_tags="lenient")
    margins = [margin(constant.strip(), own, [e for e in experts if e != own]) for own in experts if constant.strip()]
    if margins and min(margins) > LOWEST:
        assert mean(rewards) == pytest.approx(0, abs=1e-12)


def test_the_reward_of_a_call():
    experts = ["bcde"] * 4 + ["wxyz"] * 2
    metrics = {}
    outputs = [*thought("bcde", "wxyz"), "bcde", *thought("bcde", "wxyz", "wxbc")]
    rewards = margin_reward(outputs, experts, [0, 0, 0, 1, 0, 0], log_metric=metrics.__setitem__, prompts=None)
    assert rewards == [1.0, LOWEST, -1.0, -1.0, 1.0, 0.0]
    assert metrics["format/no_think_block"] == metrics["format/truncated"] == 1 / 6
    assert metrics["similarity"] == (1 + 0 + 1 + 0.5) / 4
    assert metrics["margin"] == pytest.approx((1 + LOWEST + 1 + 0) / 4)
    assert metrics["contrasts"] == 1.5  # for wxyz bcde twice, which has two groups of its size


def test_the_rewards_are_those_of_the_function(data):
    steps = [step.action for t in held_out(data, "gsm8k")[:8] for step in t.steps]
    pairs = list(zip(steps[1:], steps, strict=False))
    contrast = [["Tom has 3 pens.", "1+1=2", *steps[-2:]]] * len(pairs)
    settings = {"think_tags": "optional", "most": 99}
    rewards = margin_reward([a for a, _ in pairs], [e for _, e in pairs], contrast=contrast, **settings)
    assert rewards == [margin(a, e, [c for c in contrast[0] if c != e]) for a, e in pairs]


def test_no_rows():
    assert margin_reward([], expert_action=[]) == []


@pytest.mark.parametrize("form", FORMS)
def test_no_constant_earns_anything_on_held_out_data(data, form):
    """Also the most frequent call of an agent, although it is right now and then."""
    actions = [step.action for t in held_out(data, form) for step in t.steps if len(step.action) < 1200]
    experts = random.Random(0).sample(actions, min(len(actions), 96))
    for constant in candidates(data, form):
        rewards = margin_reward([constant] * len(experts), experts, think_tags="optional")
        assert mean(rewards) <= 0.02, constant
