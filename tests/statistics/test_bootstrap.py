"""Each way of resampling against scipy's bootstrap, Student's interval, or statsmodels' standard errors."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from treadle.statistics.bootstrap import crossed_bounds, percentiles, ratio_bounds, stretched_deviations

RESAMPLES = 10_000


def test_the_stretched_bootstrap_is_as_wide_as_students_interval():
    scores_SP = np.random.default_rng(4).random((1, 30))
    low, high = percentiles(stretched_deviations([[scores_SP]], [1.0], RESAMPLES))
    half = stats.t.ppf(0.975, 29) * stats.sem(scores_SP[0])
    assert (low, high) == pytest.approx((-half, half), rel=0.04)


def test_two_arms_over_the_same_problems_have_the_width_of_the_paired_t_interval():
    rng = np.random.default_rng(0)
    second = rng.random(40)
    first = np.clip(second + rng.normal(0.05, 0.1, 40), 0, 1)
    low, high = percentiles(stretched_deviations([[first[None]], [second[None]]], [1.0], RESAMPLES))
    expected = DescrStatsW(first - second).tconfint_mean()
    difference = np.mean(first - second)
    assert (low, high) == pytest.approx(np.array(expected) - difference, rel=0.05)
    unpaired = CompareMeans(DescrStatsW(first), DescrStatsW(second)).tconfint_diff()
    assert high - low < 0.5 * (unpaired[1] - unpaired[0])


def test_paired_resampling_is_scipys_but_for_the_stretch():
    rng = np.random.default_rng(1)
    first, second = rng.beta(0.5, 1, (2, 60))
    scipys = stats.bootstrap(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(2),
    ).standard_error
    found = stretched_deviations([[first[None]], [second[None]]], [1.0], RESAMPLES).std()
    stretch = stats.t.ppf(0.975, 59) / stats.norm.ppf(0.975) * np.sqrt(60 / 59)
    assert found == pytest.approx(scipys * stretch, rel=0.03)


def test_one_run_of_the_quick_starts_has_scipys_percentiles():
    right_SP = np.random.default_rng(3).random((1, 200)) < 0.4
    scipys = stats.bootstrap(
        (right_SP[0],), np.mean, method="percentile", n_resamples=RESAMPLES, rng=np.random.default_rng(4)
    ).confidence_interval
    assert crossed_bounds(right_SP, RESAMPLES, 0) == pytest.approx(tuple(scipys), abs=0.0051)  # one problem of 200


def test_runs_and_problems_both_widen_the_interval():
    """Scores that are a run's part plus a problem's: the variance of the mean is the sum of both parts'."""
    runs, problems = np.linspace(0.1, 0.4, 8), np.random.default_rng(5).random(150) / 2
    scores_SP = runs[:, None] + problems
    half = stats.norm.ppf(0.975) * np.sqrt(runs.var() / 8 + problems.var() / 150)
    low, high = crossed_bounds(scores_SP, RESAMPLES, 0)
    assert (low, high) == pytest.approx((scores_SP.mean() - half, scores_SP.mean() + half), abs=0.06 * half)


def test_the_seeds_of_two_arms_are_drawn_apart_for_comparisons_and_together_for_the_quick_start():
    """Two arms that differ by the same in every seed and problem: sure run by run, unsure if seeds are drawn apart."""
    second = np.linspace(0, 0.4, 5)[:, None] + np.random.default_rng(6).random(50) / 2
    first = second + 0.1
    assert crossed_bounds(first - second, 1000, 0) == pytest.approx((0.1, 0.1))
    low, high = percentiles(stretched_deviations([[first], [second]], [1.0], RESAMPLES))
    seeds = second.mean(1)
    stretch = stats.t.ppf(0.975, 49) * np.sqrt(50 / 49)
    assert high - low == pytest.approx(2 * stretch * np.sqrt(2 * seeds.var() / 5), rel=0.05)


def test_ratios_have_scipys_bootstrap_but_for_the_stretch():
    rng = np.random.default_rng(7)
    below_G = rng.integers(1, 20, 50).astype(float)
    above_G = rng.binomial(below_G.astype(int), 0.3).astype(float)
    value = above_G.sum() / below_G.sum()
    scipys = stats.bootstrap(
        (above_G, below_G),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(8),
    ).confidence_interval
    expected = value + np.sqrt(50 / 49) * (np.array(scipys) - value)
    assert ratio_bounds(above_G, below_G, RESAMPLES, 0) == pytest.approx(expected, abs=0.003)


def test_means_over_groups_have_statsmodels_cluster_robust_interval():
    """An intercept alone, errors clustered by group: the standard error that the stretched bootstrap draws."""
    rng = np.random.default_rng(9)
    group_N = np.repeat(np.arange(80), rng.integers(1, 12, 80))
    values_N = rng.normal(0, 1, 80)[group_N] + rng.normal(2, 1, len(group_N))
    fitted = sm.OLS(values_N, np.ones(len(values_N))).fit(cov_type="cluster", cov_kwds={"groups": group_N})
    low, high = ratio_bounds(np.bincount(group_N, values_N), np.bincount(group_N).astype(float), RESAMPLES, 0)
    (expected,) = fitted.conf_int()
    assert (low, high) == pytest.approx(expected, abs=0.04 * (high - low))
