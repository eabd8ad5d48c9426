from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.metrics import avg_at_k, maj_at_k, maj_scores, pass_at_k, pass_scores
from treadle.statistics.estimates import wilson

rows = st.integers(1, 7).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 1), min_size=k, max_size=k), min_size=1, max_size=5)
)


def test_avg_at_k_by_hand():
    estimate = avg_at_k([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert estimate.value == 7 / 16
    assert estimate.low < 7 / 16 < estimate.high


@given(rows, st.data())
def test_pass_at_k_is_the_share_of_all_choices_that_hold_a_right_sample(right, data):
    k = data.draw(st.integers(1, len(right[0])))
    expected = []
    for row in right:
        choices = list(combinations(row, k))
        expected.append(float(Fraction(sum(any(c) for c in choices), len(choices))))
    assert pass_scores(right, k) == pytest.approx(expected)


def test_pass_at_k_of_many_samples():
    # Chen et al. (2021), their numpy code: 1 - prod(1 - k / arange(n - c + 1, n + 1)).
    right = np.zeros((1, 200))
    right[0, :13] = 1
    assert pass_scores(right, 10)[0] == pytest.approx(1 - np.prod(1 - 10 / np.arange(188, 201)))


def test_pass_at_1_is_avg_at_k():
    right = np.random.default_rng(0).random((30, 8)) < 0.3
    assert pass_at_k(right, 1) == pytest.approx(avg_at_k(right))


@pytest.mark.parametrize("k", [0, 9])
def test_pass_at_k_needs_k_samples(k):
    with pytest.raises(ValueError, match="expected k from 1 to 8"):
        pass_at_k(np.ones((2, 8)), k)


@pytest.mark.parametrize(
    ("votes", "right", "score"),
    [
        (["7", "7", "3"], [1, 1, 0], 1.0),
        (["3", "7", "3"], [0, 1, 0], 0.0),
        (["7", "3"], [1, 0], 0.5),  # a tie of two
        (["7", "3", "4", "7", "3", "4"], [1, 0, 0, 1, 0, 0], 1 / 3),
        (["1/2", "0.5", "3", "3"], [1, 1, 0, 0], 0.0),  # equal answers written in two ways vote apart
        ([None, None, "7"], [0, 0, 1], 1.0),  # no answer, no vote
        ([None, None, None], [0, 0, 0], 0.0),
        (["7", "7", "3"], [1, 0, 0], 0.5),  # one of two equal answers could not be graded
    ],
)
def test_majority_by_hand(votes, right, score):
    assert maj_scores([votes], [right]) == pytest.approx([score])
    assert maj_at_k([votes], [right]).value == pytest.approx(score)


@given(rows, st.randoms())
def test_majority_does_not_depend_on_the_order_of_samples(right, random):
    votes = [["right" if r else random.choice(["a", "b", None]) for r in row] for row in right]
    mixed = [random.sample(range(len(row)), len(row)) for row in right]
    shuffled_votes = [[row[i] for i in order] for row, order in zip(votes, mixed, strict=True)]
    shuffled = [[row[i] for i in order] for row, order in zip(right, mixed, strict=True)]
    assert maj_scores(votes, right) == pytest.approx(maj_scores(shuffled_votes, shuffled))


@pytest.mark.parametrize("value", [0, 1])
def test_all_wrong_and_all_right_keep_wilsons_width(value):
    right = np.full((30, 32), value)
    votes = [["7"] * 32] * 30
    for estimate in (avg_at_k(right), pass_at_k(right, 8), maj_at_k(votes, right)):
        assert estimate == pytest.approx(wilson(30 * value, 30))


def test_more_samples_of_the_same_problems_do_not_narrow_the_interval_without_end():
    """What is uncertain is which problems were chosen: 1,000 samples of 30 problems are not 30,000 problems."""
    rng = np.random.default_rng(0)
    skill = rng.random((30, 1))
    few, many = (avg_at_k(rng.random((30, k)) < skill) for k in (4, 1000))
    assert many.high - many.low > 0.8 * (few.high - few.low)
    assert many.high - many.low > 0.15


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"expected \[problems, samples\]"):
        avg_at_k([1, 0, 1])
    with pytest.raises(ValueError, match="votes for samples"):
        maj_at_k([["7"]], [[1, 0]])
    with pytest.raises(ValueError, match="expected all in 0 to 1"):
        avg_at_k([[1, float("nan")]])
