"""Intervals by the update of AdaBack (its equation 1), worked out by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given

from tests.training.prefixes.histories import cases, expert, history
from treadle.errors import RecipeError
from treadle.training.prefixes.adaptive import Adaptive

# Longest prefix 7, 8 rollouts, threshold 0.5: a success is from 4 right.
TRACE = [
    ((5, 8), (0, 5)),  # success: upper end 5
    ((2, 1), (2, 5)),  # failure: lower end 2
    ((4, 3), (4, 5)),
    ((4, 4), (0, 4)),  # success: upper end 4, and the lower end back to 0
    ((3, 0), (3, 4)),
    ((4, 0), (4, 4)),  # closed at 4
    ((4, 2), (4, 4)),  # and stays there
    ((4, 6), (0, 4)),  # until a group succeeds
    ((1, 5), (0, 1)),
    ((0, 1), (0, 1)),
    ((0, 7), (0, 0)),  # solved without a prefix
    ((0, 0), (0, 0)),  # never back
]


def test_a_trace():
    policy = Adaptive()
    assert policy.interval(expert(7), history()) == (0, 7)
    for count, (_, interval) in enumerate(TRACE, start=1):
        assert policy.interval(expert(7), history(*(attempt for attempt, _ in TRACE[:count]))) == interval


def test_the_threshold_is_reached_by_its_own_value():
    assert Adaptive(threshold=0.25).interval(expert(7), history((3, 2))) == (0, 3)
    assert Adaptive(threshold=0.25).interval(expert(7), history((3, 1))) == (3, 7)
    assert Adaptive(threshold=1.0).interval(expert(7), history((3, 7))) == (3, 7)


def test_a_group_that_was_not_scored_says_nothing():
    assert Adaptive().interval(expert(7), history((3, 0, 0))) == (0, 7)


def test_a_failure_without_a_prefix_takes_nothing_back():
    """Groups without a prefix stand outside the interval."""
    assert Adaptive().interval(expert(7), history((4, 0), (0, 0))) == (4, 7)


def test_lengths_are_uniform_in_the_interval():
    policy = Adaptive(unaided=0.0)
    counts = Counter(policy.length(expert(7), history((5, 8), (2, 0), seed=seed)) for seed in range(2000))
    assert set(counts) == {2, 3, 4, 5}
    assert all(abs(count - 500) < 100 for count in counts.values())  # 5 standard deviations


def test_now_and_then_a_group_has_no_prefix():
    counts = Counter(Adaptive().length(expert(7), history((7, 0), seed=seed)) for seed in range(2000))
    assert set(counts) == {0, 7}
    assert abs(counts[0] - 200) < 70  # 5 standard deviations


@given(cases())
def test_the_upper_end_never_rises_and_only_a_success_lowers_the_lower(case):
    longest, attempts, _, _ = case
    policy = Adaptive()
    intervals = [policy.interval(expert(longest), history(*attempts[:count])) for count in range(len(attempts) + 1)]
    assert all(0 <= low <= high <= longest for low, high in intervals)
    for (_, right, scored), ((low, high), (next_low, next_high)) in zip(attempts, pairwise(intervals), strict=True):
        assert next_high <= high
        if not scored or right / scored < 0.5:
            assert next_low >= low


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_a_threshold_that_cannot_be_meant(threshold):
    with pytest.raises(RecipeError, match=r"^prefix\.threshold: found .*, expected above 0 and at most 1$"):
        Adaptive(threshold=threshold)


def test_a_probability_that_is_none():
    with pytest.raises(RecipeError, match=r"^prefix\.unaided: found 2\.0, expected a share from 0 to 1$"):
        Adaptive(unaided=2.0)
