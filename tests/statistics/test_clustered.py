"""Means of grouped values and their bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from treadle.statistics.clustered import COUNTS, SHARES, grouped_mean, grouped_ratio, pair_mean


def test_the_mean_is_that_of_the_members_not_of_the_groups():
    figure = grouped_mean([1, 1, 1, 0], ["a", "a", "a", "b"])
    assert figure["value"] == 0.75
    assert (figure["count"], figure["groups"]) == (4, 2)


def test_one_group_has_no_interval():
    figure = grouped_mean([0.2, 0.4], ["a", "a"])
    assert (figure["low"], figure["high"]) == (None, None)


def test_groups_of_one_give_students_interval():
    """For single members the interval of the mean is close to Student's, which scipy gives."""
    values = np.random.default_rng(1).normal(10, 3, 60)
    figure = grouped_mean(values, range(60))
    low, high = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert figure["low"] == pytest.approx(low, abs=0.15)
    assert figure["high"] == pytest.approx(high, abs=0.15)


def test_members_of_one_group_are_not_counted_as_independent():
    """Ten copies of each value say no more than one: the interval stays."""
    values = np.random.default_rng(2).normal(0, 1, 40)
    once = grouped_mean(values, range(40))
    tenfold = grouped_mean(np.repeat(values, 10), np.repeat(range(40), 10))
    assert tenfold["high"] - tenfold["low"] == pytest.approx(once["high"] - once["low"])


def test_a_share_of_all_keeps_a_width():
    """20 of 20: Wilson's lower bound is 0.839."""
    figure = grouped_mean([1.0] * 20, range(20), share=True)
    assert figure["value"] == figure["high"] == 1
    assert figure["low"] == pytest.approx(0.8389, abs=1e-4)


def test_a_ratio_is_paired():
    """Where one is always twice the other the ratio is 2 without any doubt, whatever the spread of both."""
    below = np.random.default_rng(3).uniform(1, 1000, 30)
    figure = grouped_ratio(2 * below, below, range(30))
    assert figure["value"] == pytest.approx(2)
    assert figure["low"] == pytest.approx(2)
    assert figure["high"] == pytest.approx(2)


def test_groups_with_nothing_below_do_not_break_it():
    figure = grouped_ratio([0, 3], [0, 2], ["a", "b"])
    assert figure["value"] == 1.5


@pytest.mark.parametrize(
    ("above", "below", "groups"), [([], [], []), ([1], [1, 2], ["a"]), ([1], [1], []), ([1, 1], [0, 0], ["a", "b"])]
)
def test_refuses_what_has_no_ratio(above, below, groups):
    with pytest.raises(ValueError, match="expected"):
        grouped_ratio(above, below, groups)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_the_figure_lies_in_its_interval(members):
    values, groups = zip(*members, strict=True)
    figure = grouped_mean(values, groups)
    assert figure["value"] == pytest.approx(sum(values) / len(values), abs=1e-12)
    if figure["groups"] > 1:
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert grouped_mean(values, groups) == figure


def test_pairs_within_a_group_are_left_out():
    """Members 0 and 1 are one group: the pairs left are 0-2, 1-2, 2-0 and 2-1, with 1 + 2 + 3 + 4 over 4."""
    values = np.array([[9, 9, 1], [9, 9, 2], [3, 4, 9]])
    figure = pair_mean(values, ["a", "a", "b"])
    assert (figure["value"], figure["count"], figure["groups"]) == (2.5, 4, 2)
    assert (figure["low"], figure["high"]) == (None, None), "two groups have one pair"
    assert pair_mean(values, ["a", "a", "a"]) is None


def test_pairs_that_follow_from_their_members_are_as_uncertain_as_these():
    """Each value is the mean of two members', so the mean over pairs is that of the members and so is its interval."""
    members = np.random.default_rng(4).normal(10, 3, 60)
    figure = pair_mean((members[:, None] + members) / 2, range(60))
    low, high = stats.t.interval(0.95, 59, members.mean(), stats.sem(members))
    assert figure["value"] == pytest.approx(members.mean())
    assert figure["low"] == pytest.approx(low, abs=0.15)
    assert figure["high"] == pytest.approx(high, abs=0.15)


def test_the_interval_of_pairs_holds_the_truth_as_often_as_it_says():
    """Groups of two, with an effect of the group on either side: the true mean, 0, lies in about 95% of them."""
    draw, held = np.random.default_rng(5), 0
    for _ in range(200):
        first_N, second_N = np.repeat(draw.normal(0, 1, (2, 25)), 2, axis=1)
        figure = pair_mean(first_N[:, None] + second_N + draw.normal(0, 1, (50, 50)), np.repeat(range(25), 2))
        held += figure["low"] <= 0 <= figure["high"]
    assert 0.91 <= held / 200 <= 0.99


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_intervals_stay_where_the_values_can_be(values):
    """A stretched bootstrap of two groups goes to 1.41 times the spread beyond the mean, so below 0 here."""
    assert grouped_mean([0, 10], "ab")["low"] < 0
    counts = grouped_mean([100 * value for value in values], range(len(values)), within=COUNTS)
    assert 0 <= counts["low"] <= counts["value"] <= counts["high"]
    shares = grouped_mean(values, range(len(values)), within=SHARES)
    assert 0 <= shares["low"] <= shares["high"] <= 1
