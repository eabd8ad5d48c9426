from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from treadle.statistics.intervals import difference_interval
from treadle.statistics.paired import PairedVerdict, TestName, corrected, holm, mcnemar, paired_test


def greedy(only_first, only_second, both=20, none=20):
    """Two runs, `[1, P]` each, with so many problems solved by one, both or none."""
    first = [1.0] * only_first + [0.0] * only_second + [1.0] * both + [0.0] * none
    second = [0.0] * only_first + [1.0] * only_second + [1.0] * both + [0.0] * none
    return [np.array([first])], [np.array([second])]


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_sign_test(b, c):
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_statsmodels_exact_one(b, c):
    expected = contingency_tables.mcnemar([[5, b], [c, 7]], exact=True).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected)


def test_mcnemar_by_hand():
    # 2 * (C(10,0) + C(10,1) + C(10,2)) / 2^10
    assert mcnemar(2, 8) == pytest.approx(2 * 56 / 1024)


def test_greedy_runs_are_tested_by_mcnemar():
    test = paired_test(*greedy(18, 3))
    assert test.test is TestName.MCNEMAR
    assert test.p == pytest.approx(binomtest(3, 21).pvalue)
    assert test.problems == 61
    assert test.difference.value == pytest.approx(15 / 61)
    assert test.verdict is PairedVerdict.FIRST_BETTER


def test_the_other_way_round_is_the_mirror_image():
    first, second = greedy(3, 18)
    forward, back = paired_test(first, second), paired_test(second, first)
    assert forward.verdict is PairedVerdict.SECOND_BETTER
    assert back.verdict is PairedVerdict.FIRST_BETTER
    assert forward.p == back.p
    assert forward.needed == back.needed
    assert forward.difference.low == pytest.approx(-back.difference.high, abs=0.01)


def test_few_problems_cannot_be_told_apart_and_more_would_be_needed():
    test = paired_test(*greedy(3, 2, both=5, none=20))  # one AIME: 3.3 points
    assert test.verdict is PairedVerdict.CANNOT_BE_TOLD_APART
    assert test.needed > 1000


def test_equal_runs_need_no_number_of_problems():
    test = paired_test(*greedy(0, 0))
    assert (test.p, test.needed) == (1, None)
    assert test.verdict is PairedVerdict.CANNOT_BE_TOLD_APART
    assert test.difference.low < 0 < test.difference.high


def test_samples_and_seeds_are_tested_by_bootstrap():
    rng = np.random.default_rng(0)
    skill = rng.random((1, 60))
    lower = rng.binomial(32, skill * 0.8) / 32
    higher = rng.binomial(32, 0.2 + skill * 0.8) / 32
    sampled = paired_test([higher], [lower])
    assert sampled.test is TestName.BOOTSTRAP
    assert sampled.verdict is PairedVerdict.FIRST_BETTER
    three = np.concatenate([rng.random((1, 60)) < skill for _ in range(3)]).astype(float)
    assert paired_test([three], [three[:1]]).test is TestName.BOOTSTRAP


def test_a_verdict_needs_the_corrected_p_value():
    alone = paired_test(*greedy(14, 4))
    assert 0.01 < alone.p < 0.05
    assert alone.verdict is PairedVerdict.FIRST_BETTER
    among = corrected([alone, *[paired_test(*greedy(5, 5))] * 4])
    assert among[0].adjusted_p == pytest.approx(5 * alone.p)
    assert among[0].verdict is PairedVerdict.CANNOT_BE_TOLD_APART


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04: 4 x 0.01, 3 x 0.02, then 2 x 0.03 and 1 x 0.04, which must not fall below.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@pytest.mark.slow
def test_holm_is_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_problems_must_be_the_same():
    with pytest.raises(ValueError, match="needs the same problems"):
        paired_test([np.ones((1, 3))], [np.ones((1, 4))])


def test_a_difference_of_rounding_is_none():
    """Three seeds that solve 1, 2 and 3 of the problems against one that solves 2."""
    first = np.array([[1.0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]) @ np.eye(4)
    test = paired_test([np.repeat(first, 7, axis=1)], [np.repeat(first[1:2], 7, axis=1)])
    assert test.difference.value == 0
    assert test.needed is None


@given(st.integers(0, 2**32 - 1))
def test_the_bootstraps_p_value_is_never_surer_than_the_interval(seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.binomial(4, rng.beta(0.2, 2, (1, 12))) / 4 for _ in range(2))
    estimate, p = difference_interval([first], [second], resamples=500)
    if estimate.low <= 0 <= estimate.high:
        assert p > 0.04
