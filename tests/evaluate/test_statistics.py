from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.statistics import Z95, mean_over_runs, paired_difference, wilson


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
            assert abs(estimate.value - bound) == pytest.approx(Z95 * (bound * (1 - bound) / trials) ** 0.5, rel=1e-6)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_nonsense(successes, trials):
    with pytest.raises(ValueError, match="expected 0 <= successes <= trials"):
        wilson(successes, trials)


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
