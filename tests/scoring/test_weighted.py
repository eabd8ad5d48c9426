"""Similarity by weighted tokens: by hand, against a plain recursion, its range and symmetry."""

from __future__ import annotations

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring.constants import held_out
from treadle import srl_reward, step_similarity, weighted_reward
from treadle.scoring.weighted import TokenWeights, tokens, weighted_similarity

TEXTS = st.text("ab1 .\n", min_size=1, max_size=30)
WEIGHTS = st.lists(TEXTS, max_size=4).map(TokenWeights)


def test_tokens():
    assert tokens("Run src/a_b.py:  3.14*x1 = <<2>>.") == [
        *("Run", "src", "/", "a_b.py", ":", "3.14", "*", "x1", "=", "<", "<", "2", ">", ">", "."),
    ]
    assert tokens(" \n") == []


def test_rare_tokens_weigh_more():
    weights = TokenWeights(["the 1 1", "the 2", "the 1"])
    assert [weights[t] for t in ("the", "1", "2", "3")] == [math.log(4 / n) for n in (3, 2, 1, 1)]
    assert TokenWeights([])["any"] == 1.0


def test_by_hand():
    weights = TokenWeights(["the 1", "the 2", "the 3"])
    common, rare = math.log(4 / 3), math.log(4)
    assert weighted_similarity("the 1", "the 2", weights) == pytest.approx(common / (common + rare))
    assert weighted_similarity("1 the", "the 1", weights) == pytest.approx(rare / (common + rare))
    assert weighted_similarity("4", "the", weights) == 0.0


@given(TEXTS, TEXTS, WEIGHTS)
def test_range_and_symmetry(first, second, weights):
    value = weighted_similarity(first, second, weights)
    assert value == weighted_similarity(second, first, weights)
    assert 0 <= value <= 1
    assert (value == 1) == (tokens(first) == tokens(second))
    assert weighted_similarity(first, first, weights) == 1


@given(TEXTS, TEXTS, WEIGHTS)
def test_the_common_subsequence_is_the_heaviest(first, second, weights):
    a, b = tokens(first), tokens(second)

    @cache
    def heaviest(i: int, j: int) -> float:
        if i == len(a) or j == len(b):
            return 0.0
        taken = heaviest(i + 1, j + 1) + weights[a[i]] if a[i] == b[j] else 0.0
        return max(taken, heaviest(i + 1, j), heaviest(i, j + 1))

    total = sum(weights[token] for token in a + b)
    expected = 2 * heaviest(0, 0) / total if a != b else 1.0
    assert weighted_similarity(first, second, weights) == pytest.approx(expected)


@given(st.text("ab", min_size=1, max_size=20), st.text("ab", min_size=1, max_size=20))
def test_equal_weights_of_characters_are_at_least_the_papers(first, second):
    spaced = weighted_similarity(" ".join(first), " ".join(second), TokenWeights([]))
    assert spaced >= step_similarity(first, second) - 1e-12


@given(TEXTS, TEXTS, st.booleans(), st.sampled_from(["model_first", "expert_first"]))
def test_without_weights_it_is_the_papers_to_the_bit(action, expert, autojunk, order):
    output, settings = [f"<think>t</think>{action}"], {"autojunk": autojunk, "argument_order": order}
    paper = srl_reward(output, [expert], **settings)
    assert weighted_reward(output, [expert], **settings) == paper  # of one text nothing is rare
    if paper != [-1.0]:
        assert weighted_similarity(action.strip(), expert, None, **settings) == paper[0]


def test_the_reward_of_a_call():
    metrics = {}
    experts = ["the 1", "the 1", "the 2", "the 3"]
    outputs = ["the 1", "the 2", "<think>", "the 3"]
    arguments = {"think_tags": "optional", "log_metric": metrics.__setitem__}
    rewards = weighted_reward(outputs, experts, [0, 0, 0, 1], **arguments)
    low = weighted_similarity("the 2", "the 1", TokenWeights(["the 1", "the 2", "the 3"]))
    assert rewards == [1.0, low, -1.0, -1.0]
    assert metrics["weighted"] == (1 + low) / 2
    assert metrics["similarity"] == (1 + 0.8) / 2
    assert metrics["format/truncated"] == metrics["format/no_think_block"] == 0.25
    assert weighted_reward(outputs, experts, weights=TokenWeights([]), **arguments)[1] == 0.5


def test_no_rows():
    assert weighted_reward([], expert_action=[]) == []


def test_a_wrong_number_costs_more_than_by_characters(data):
    steps = [step.action for t in held_out(data, "gsm8k")[:60] for step in t.steps]
    weights = TokenWeights(steps)
    wrong = [step.replace("=", "=9", 1) for step in steps]
    lower = [weighted_similarity(w, s, weights) < step_similarity(w, s) for w, s in zip(wrong, steps, strict=True)]
    assert sum(lower) / len(lower) > 0.95
