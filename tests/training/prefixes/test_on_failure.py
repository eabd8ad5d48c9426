"""Bisection for the length from which some rollouts are right, as BREAD searches its anchor, worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.prefixes.histories import ROLLOUTS, expert, history, visits
from treadle.training.prefixes.on_failure import OnFailure


def after(*attempts, longest=7):
    """The next length, or `None` where the visit is over and the next begins without a prefix."""
    asked = OnFailure().again(expert(longest), history(*attempts))
    length = OnFailure().length(expert(longest), history(*attempts))
    assert asked or length == 0
    return length if asked else None


def test_a_trace():
    assert after() is None
    assert after((0, 0)) == 4
    assert after((0, 0), (4, 0)) == 6
    assert after((0, 0), (4, 0), (6, 8)) == 5
    assert after((0, 0), (4, 0), (6, 8), (5, 3)) is None
    assert after((0, 0), (4, 0), (6, 8), (5, 3), (0, 0)) == 4  # the next visit


@pytest.mark.parametrize(("longest", "tried"), [(1, 1), (2, 1), (3, 2), (4, 2), (8, 4)])
def test_the_middle_is_rounded_to_the_shorter_prefix(longest, tried):
    assert after((0, 0), longest=longest) == tried


@pytest.mark.parametrize("right", [1, 4, 7, 8])
def test_a_right_rollout_needs_no_prefix(right):
    assert after((0, right)) is None


def test_what_is_never_right_ends_with_the_longest():
    assert after((0, 0), (4, 0), (6, 0)) == 7
    assert after((0, 0), (4, 0), (6, 0), (7, 0)) is None


def test_what_jumps_from_none_to_all_ends_between():
    assert after((0, 0), (4, 8), (2, 0)) == 3
    assert after((0, 0), (4, 8), (2, 0), (3, 8)) is None


def test_a_group_that_was_not_scored_ends_the_visit():
    assert after((0, 0, 0)) is None
    assert after((0, 0), (4, 0, 0)) is None


def test_one_step_has_no_prefix():
    assert after((0, 0), longest=0) is None


@pytest.mark.parametrize("longest", range(1, 10))
def test_the_length_is_found_wherever_it_is(longest):
    for wanted in range(1, longest + 1):
        right = lambda length: 0 if length < wanted else 3 if length == wanted else ROLLOUTS  # noqa: B023, E731
        first, second = visits(OnFailure(), longest, right, 2)
        assert first == second
        assert (first[0], first[-1]) == (0, wanted)


@given(st.integers(0, 9), st.lists(st.sampled_from([0, 0, 0, 2, ROLLOUTS]), min_size=1, max_size=40))
def test_a_visit_is_never_longer_than_bisection(longest, outcomes):
    results = iter(outcomes)
    for lengths in visits(OnFailure(), longest, lambda length: next(results, 2), 5):
        assert lengths[0] == 0
        assert len(lengths) - 1 <= math.ceil(math.log2(longest + 1))
        assert len(set(lengths)) == len(lengths)


@given(st.integers(0, 9), st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, ROLLOUTS])), max_size=30))
def test_groups_of_another_length_than_asked_do_not_lengthen_it(longest, attempts):
    """Two copies of a prompt in one generation begin at 0 together."""
    attempts = [(min(length, longest), right) for length, right in attempts]
    asked = [OnFailure().again(expert(longest), history(*attempts[:count])) for count in range(len(attempts) + 1)]
    longest_run = max(len(run) for run in "".join("x" if again else " " for again in asked).split(" "))
    assert longest_run <= math.ceil(math.log2(longest + 1))
