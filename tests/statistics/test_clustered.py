"""Means of grouped values and their bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from treadle.statistics.clustered import grouped_mean, grouped_ratio


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
