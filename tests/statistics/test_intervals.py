from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from treadle.statistics.estimates import effective_wilson, wilson
from treadle.statistics.intervals import (
    difference_interval,
    mean_interval,
    mean_over_runs,
    paired_difference,
    scores_of,
)


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


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_an_interval_holds_its_figure_and_stays_within_0_and_1(scores):
    for estimate in (effective_wilson(np.array(scores)), mean_interval([scores_of(scores)])):
        assert 0 <= estimate.low <= estimate.value + 1e-12
        assert estimate.value - 1e-12 <= estimate.high <= 1 + 1e-12


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


def test_one_run_has_wilsons_interval():
    assert mean_over_runs([[1] * 30 + [0] * 170]) == wilson(30, 200)


def test_paired_difference_against_published_values():
    # Newcombe (1998), Statistics in Medicine 17, 2635-2650, table III, for outcomes a, b, c, d. The values are
    # those of method 10, whose corrected correlation moves a bound by less than 0.006 from method 8.
    for (a, b, c, d), low, high in (((36, 12, 2, 0), 0.0569, 0.3404), ((36, 14, 0, 0), 0.1528, 0.4167)):
        first = [[1] * a + [1] * b + [0] * c + [0] * d]
        second = [[1] * a + [0] * b + [1] * c + [0] * d]
        gain = paired_difference(first, second)
        assert gain.value == pytest.approx((b - c) / (a + b + c + d))
        assert gain.low == pytest.approx(low, abs=6e-3)
        assert gain.high == pytest.approx(high, abs=6e-3)


@given(*[st.integers(0, 60)] * 4)
def test_one_run_against_another_has_newcombes_interval(both, only_first, only_second, none):
    """His method 8 as the paper writes it, from the four cells, with statsmodels' bounds of the two shares."""
    cells, n = np.array([[both, only_first], [only_second, none]]), both + only_first + only_second + none
    if not n:
        return
    first = [[1] * both + [1] * only_first + [0] * only_second + [0] * none]
    second = [[1] * both + [0] * only_first + [1] * only_second + [0] * none]
    (l1, u1), (l2, u2) = (proportion_confint(k, n, method="wilson") for k in (both + only_first, both + only_second))
    margins = np.prod([*cells.sum(0), *cells.sum(1)], dtype=float)
    phi = (both * none - only_first * only_second) / np.sqrt(margins) if margins else 0.0
    p1, p2 = (both + only_first) / n, (both + only_second) / n
    delta = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    epsilon = (p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2
    expected = (p1 - p2 - np.sqrt(max(0, delta)), p1 - p2 + np.sqrt(max(0, epsilon)))
    assert paired_difference(first, second)[1:] == pytest.approx(expected, abs=1e-7)


def test_nothing_against_nothing_still_has_a_width():
    gain = paired_difference([[0] * 50] * 3, [[0] * 50] * 3)
    assert (gain.value, gain.low, gain.high) == (0.0, -wilson(0, 50).high, wilson(0, 50).high)


def test_coverage_of_the_paired_interval():
    """Of 400 simulated experiments with a true difference of 0.1, about 95% of intervals hold it."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        second = rng.random((1, 100)) < 0.4
        first = np.where(rng.random((1, 100)) < 1 / 6, 1, second)  # P(first) = 1/6 + 5/6 * 0.4 = 0.5
        gain = paired_difference(first, second)
        held += gain.low <= 0.1 <= gain.high
    assert 0.92 <= held / 400 <= 0.99


def test_seeds_widen_the_interval():
    problems = np.zeros((3, 200))
    problems[0], problems[1, :100] = 1, 1  # three runs at 100%, 50% and 0%
    estimate = mean_over_runs(problems)
    assert estimate.value == 0.5
    assert estimate.high - estimate.low > 0.7


def test_pairing_sees_a_small_constant_gain_that_unpaired_intervals_hide():
    rng = np.random.default_rng(1)
    base = rng.random((1, 200)) < 0.5
    better = base | (rng.random((1, 200)) < 0.1)
    gain = paired_difference(better, base)
    assert gain.low > 0
    assert wilson(int(better.sum()), 200).low < wilson(int(base.sum()), 200).high


def test_no_difference_is_not_one():
    rng = np.random.default_rng(2)
    gain = paired_difference(rng.random((2, 300)) < 0.5, rng.random((2, 300)) < 0.5)
    assert gain.low < 0 < gain.high


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="needs the same runs"):
        paired_difference([[1, 0]], [[1, 0, 1]])


def test_the_quick_starts_intervals_stay_what_they_are():
    """Digits of made-up runs, one seed and three, as its table and verdicts were first made."""
    problem = np.arange(200)
    first = np.array([problem % 10 < 8 + s for s in range(3)])
    second = np.array([problem % 7 < 4 + (s == 1) for s in range(3)])
    assert mean_over_runs(first) == pytest.approx((0.9, 0.7983333333, 1.0), abs=1e-9)
    assert paired_difference(first, second) == pytest.approx((0.2733333333, 0.145, 0.415), abs=1e-9)
    assert mean_over_runs(first[:1]) == pytest.approx((0.8, 0.7391448134, 0.8495479907), abs=1e-9)
    assert paired_difference(first[:1], second[:1]) == pytest.approx((0.22, 0.129128233, 0.3059867272), abs=1e-9)
