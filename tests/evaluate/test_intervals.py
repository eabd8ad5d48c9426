from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from treadle.evaluate.intervals import deviations, difference_interval, effective_wilson, mean_interval, scores_of
from treadle.evaluate.statistics import paired_difference, wilson


def coverage(draw, truth, experiments=400):
    held = 0
    for _ in range(experiments):
        estimate = draw()
        held += estimate.low <= truth <= estimate.high
    return held / experiments


@pytest.mark.parametrize(("a", "b", "most"), [(1.0, 1.0, 0.98), (0.2, 1.3, 0.995)])
def test_coverage_of_the_mean_is_near_95_percent(a, b, most):
    """30 problems of 8 samples, as AIME has them. The bare bootstrap holds the truth in 0.91 to 0.93 of experiments
    here, Wilson's interval for 30 trials in 0.997."""
    rng = np.random.default_rng(0)
    draw = lambda: mean_interval([rng.binomial(8, rng.beta(a, b, (1, 30))) / 8], resamples=1000)  # noqa: E731
    assert 0.935 <= coverage(draw, a / (a + b)) <= most


def test_coverage_where_few_problems_are_solvable():
    """5% of the problems are solved nine times in ten, the others once in a hundred: the bare bootstrap, blind to
    what it has not seen, holds the truth in 0.8 of experiments."""
    rng = np.random.default_rng(1)

    def draw():
        chance = np.where(rng.random((1, 30)) < 0.05, 0.9, 0.01)
        return mean_interval([rng.binomial(32, chance) / 32], resamples=1000)

    assert coverage(draw, 0.05 * 0.9 + 0.95 * 0.01) >= 0.94


def test_coverage_over_seeds():
    """Five seeds that differ by more than their samples do: as one pool of samples they would hold the truth rarely."""
    rng = np.random.default_rng(2)

    def draw():
        skill = rng.normal(0, 0.5, (5, 1)) + rng.normal(0, 2, (1, 60))
        return mean_interval([rng.random((5, 60)) < 1 / (1 + np.exp(-skill))], resamples=1000)

    assert 0.9 <= coverage(draw, 0.5, 200) <= 0.99


def test_coverage_of_the_paired_difference_and_its_false_alarms():
    rng = np.random.default_rng(3)

    def pair(shift):
        skill = rng.normal(0, 2, 40)
        both = [rng.binomial(8, 1 / (1 + np.exp(-(skill + s + rng.normal(0, 0.7, 40))))) / 8 for s in (shift, 0)]
        return difference_interval([both[0][None]], [both[1][None]], resamples=1000)

    many = rng.normal(0, 2, 400_000)
    noise = rng.normal(0, 0.7, (2, 400_000))
    truth = np.mean(1 / (1 + np.exp(-(many + 0.7 + noise[0]))) - 1 / (1 + np.exp(-(many + noise[1]))))
    assert 0.925 <= coverage(lambda: pair(0.7)[0], truth, 300) <= 0.985
    assert 0.02 <= np.mean([pair(0)[1] < 0.05 for _ in range(300)]) <= 0.085


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_equal_scores_keep_a_width(score):
    estimate = mean_interval([np.full((1, 30), score)])
    assert estimate.value == score
    assert estimate.high - estimate.low > 0.05
    if score != 0.5:
        assert (estimate.low, estimate.high) == pytest.approx(wilson(30 * score, 30)[1:])


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60), st.integers(0, 3))
def test_zeros_and_ones_have_wilsons_interval_for_the_problems(right, seed):
    estimate = effective_wilson(np.array(right, dtype=float))
    assert estimate == pytest.approx(wilson(sum(right), len(right)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_an_interval_holds_its_figure_and_stays_within_0_and_1(scores):
    for estimate in (effective_wilson(np.array(scores)), mean_interval([scores_of(scores)])):
        assert 0 <= estimate.low <= estimate.value + 1e-12
        assert estimate.value - 1e-12 <= estimate.high <= 1 + 1e-12


def test_the_stretched_bootstrap_is_as_wide_as_students_interval():
    scores_SP = np.random.default_rng(4).random((1, 30))
    low, high = np.quantile(deviations([[scores_SP]], [1.0]), [0.025, 0.975])
    half = stats.t.ppf(0.975, 29) * stats.sem(scores_SP[0])
    assert (low, high) == pytest.approx((-half, half), rel=0.04)


def test_one_greedy_sample_a_problem_has_at_least_newcombes_interval():
    rng = np.random.default_rng(5)
    first, second = rng.random((1, 80)) < 0.5, rng.random((1, 80)) < 0.4
    first[:, :40] = second[:, :40]
    estimate, _ = difference_interval([first.astype(float)], [second.astype(float)])
    published = paired_difference(first, second)
    assert estimate.value == pytest.approx(published.value)
    assert estimate.low <= published.low + 1e-12
    assert published.high - 1e-12 <= estimate.high
    assert estimate.high - estimate.low == pytest.approx(published.high - published.low, rel=0.1)


def test_runs_that_agree_everywhere_may_still_differ():
    same = np.array([[1.0, 0.0] * 25])
    estimate, p = difference_interval([same], [same])
    assert p == 1
    assert (estimate.low, estimate.high) == (-wilson(0, 50).high, wilson(0, 50).high)


def test_benchmarks_are_weighted_and_their_errors_add_in_squares():
    rng = np.random.default_rng(6)
    parts = [rng.random((1, 40)), rng.random((1, 200))]
    both = mean_interval(parts, [0.5, 0.5])
    assert both.value == pytest.approx((parts[0].mean() + parts[1].mean()) / 2)
    spread = 0.5 * np.hypot(stats.sem(parts[0][0]), stats.sem(parts[1][0]))
    assert both.high - both.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_the_same_data_give_the_same_interval():
    scores = [np.random.default_rng(7).random((2, 50))]
    assert mean_interval(scores) == mean_interval(scores)


def test_many_problems_are_drawn_in_blocks():
    scores_SP = np.random.default_rng(8).random((1, 3000))
    estimate = mean_interval([scores_SP])
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * stats.sem(scores_SP[0]), rel=0.05)


@pytest.mark.parametrize("values", [[], [0.5, 1.2], [-0.1], [float("nan")]])
def test_what_is_no_score_is_refused(values):
    with pytest.raises(ValueError, match="expected"):
        scores_of(values)
