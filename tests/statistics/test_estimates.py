from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats.contingency import association
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from treadle.statistics import estimates
from treadle.statistics.estimates import Estimate, correlation, difference_distances, effective_wilson, wilson


def test_wilson_against_published_values():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    for successes, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        estimate = wilson(successes, trials)
        assert estimate.low == pytest.approx(low, abs=5e-5)
        assert estimate.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_wilson_bounds_are_where_the_score_test_turns(trials, data):
    """By definition each bound p solves |share - p| = z sqrt(p (1 - p) / n)."""
    successes = data.draw(st.integers(0, trials))
    estimate = wilson(successes, trials)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    for bound in (estimate.low, estimate.high):
        if 0 < bound < 1:
            assert abs(estimate.value - bound) == pytest.approx(
                estimates.Z95 * (bound * (1 - bound) / trials) ** 0.5, rel=1e-6
            )


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_nonsense(successes, trials):
    with pytest.raises(ValueError, match="expected 0 <= successes <= trials"):
        wilson(successes, trials)


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60), st.integers(0, 3))
def test_zeros_and_ones_have_wilsons_interval_for_the_problems(right, seed):
    estimate = effective_wilson(np.array(right, dtype=float))
    assert estimate == pytest.approx(wilson(sum(right), len(right)))


@given(st.integers(1, 500), st.data())
def test_wilson_is_scipys_and_statsmodels(trials, data):
    successes = data.draw(st.integers(0, trials))
    estimate = wilson(successes, trials)
    scipys = binomtest(successes, trials).proportion_ci(method="wilson")
    assert estimate == pytest.approx((successes / trials, scipys.low, scipys.high), abs=1e-12)
    assert estimate[1:] == pytest.approx(proportion_confint(successes, trials, method="wilson"), abs=1e-12)


@given(st.floats(1, 500), st.floats(0, 1))
def test_wilson_of_parts_of_a_trial_is_statsmodels(trials, share):
    expected = proportion_confint(share * trials, trials, method="wilson")
    assert wilson(share * trials, trials)[1:] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_effective_trials_give_a_proportion_the_variance_of_the_mean(scores):
    """So it stands in Kott and Carr: p (1 - p) / trials = variance / problems, with the two made-up problems here."""
    padded = DescrStatsW([*scores, 0.0, 1.0], ddof=0)
    trials = padded.mean * (1 - padded.mean) / (padded.var / len(scores))
    expected = proportion_confint(np.mean(scores) * trials, trials, method="wilson")
    assert effective_wilson(np.array(scores))[1:] == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_unrelated_proportions_have_newcombes_interval_of_statsmodels(many, few, data):
    a, b = data.draw(st.integers(0, many)), data.draw(st.integers(0, few))
    below, above = difference_distances(wilson(a, many), wilson(b, few), 0.0)
    low, high = confint_proportions_2indep(a, many, b, few, method="newcomb", compare="diff")
    difference = a / many - b / few
    assert (difference - below, difference + above) == pytest.approx((low, high), abs=1e-9)


def test_distances_of_a_sum_add_in_squares_and_a_difference_of_unrelated_figures_is_one():
    assert estimates.sum_distance([3.0, 4.0]) == 5
    assert difference_distances(Estimate(0.5, 0.2, 0.6), Estimate(0.4, 0.35, 0.8), 0.0) == pytest.approx(
        (estimates.sum_distance([0.3, 0.4]), estimates.sum_distance([0.1, 0.05]))
    )


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60))
def test_the_correlation_of_zeros_and_ones_is_phi(pairs):
    first, second = np.array(pairs).T
    table = np.array([[((first == i) & (second == j)).sum() for j in (1, 0)] for i in (1, 0)])
    found = correlation(first, second)
    if 0 in table.sum(0) or 0 in table.sum(1):
        assert found == 0
        return
    (a, b), (c, d) = table
    assert abs(found) == pytest.approx(association(table, method="cramer"), abs=1e-12)
    assert np.sign(round(found, 9)) == np.sign(a * d - b * c)
