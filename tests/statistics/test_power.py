"""How many problems a comparison needs, against simulated experiments and against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower, normal_sample_size_one_tail

from treadle.statistics.estimates import wilson
from treadle.statistics.paired import mcnemar
from treadle.statistics.power import about, problems_for_mcnemar, problems_for_mean, trials_for_share


@pytest.mark.parametrize(("discordant", "difference"), [(0.3, 0.08), (0.2, 0.1), (0.1, 0.08), (0.5, -0.2)])
def test_the_number_of_problems_gives_mcnemar_80_percent_power(discordant, difference):
    problems = problems_for_mcnemar(discordant, difference)
    rng = np.random.default_rng(0)
    chances = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    pairs = rng.multinomial(problems, chances, size=4000)[:, :2]
    power = np.mean([mcnemar(int(b), int(c)) < 0.05 for b, c in pairs])
    assert 0.77 <= power <= 0.86


def test_the_number_of_problems_gives_means_80_percent_power():
    problems = problems_for_mean(0.25, 0.05)
    assert problems == 197  # (1.959964 + 0.841621)^2 * 25 = 196.2
    rng = np.random.default_rng(1)
    difference_RP = rng.normal(0.05, 0.25, (2000, problems))
    z = difference_RP.mean(1) / difference_RP.std(1, ddof=1) * np.sqrt(problems)
    assert 0.77 <= np.mean(np.abs(z) > 1.96) <= 0.83


def test_connor_by_hand():
    # ((1.959964 sqrt(0.2) + 0.841621 sqrt(0.2 - 0.01)) / 0.1)^2 = 154.7, and 1 / 0.1 more for the exact test
    assert problems_for_mcnemar(0.2, 0.1) == 165
    assert problems_for_mcnemar(0.3, 0.0) is None
    with pytest.raises(ValueError, match="expected it within the share"):
        problems_for_mcnemar(0.05, 0.1)


@pytest.mark.parametrize(
    ("problems", "text"), [(64, "64"), (187, "190"), (1912, "1,900"), (54_321, "54,000"), (10**9, "a million or more")]
)
def test_numbers_of_problems_are_said_in_two_digits(problems, text):
    assert about(problems) == text


@given(st.floats(0.01, 1), st.floats(0.05, 1), st.booleans())
def test_mcnemars_number_is_statsmodels_for_two_spreads_and_one_by_the_difference_more(discordant, part, negative):
    difference = discordant * part * (-1 if negative else 1)
    spreads = math.sqrt(discordant), math.sqrt(discordant - difference**2)
    expected = normal_sample_size_one_tail(difference, 0.8, 0.025, *spreads) + 1 / abs(difference)
    assert problems_for_mcnemar(discordant, difference) == pytest.approx(expected, abs=1)


@given(st.floats(0.01, 1), st.floats(0.05, 0.5))
def test_the_means_number_is_that_of_the_paired_t_test_but_for_its_few_degrees_of_freedom(spread, size):
    """The t test needs about z^2 / 2 = 1.9 problems more than the normal distribution says."""
    expected = TTestPower().solve_power(effect_size=size, power=0.8, alpha=0.05)
    assert 0 <= expected - problems_for_mean(spread, spread * size) + 1 <= 4


@given(st.floats(0, 1), st.floats(0.05, 0.95))
def test_so_many_trials_leave_the_limit_outside_wilsons_interval_and_one_fewer_do_not(share, against):
    trials = trials_for_share(share, against)
    if abs(share - against) < 0.01:
        return
    low, high = wilson(share * trials, trials)[1:]
    assert not low <= against <= high
    if trials > 1:
        low, high = wilson(share * (trials - 1), trials - 1)[1:]
        assert low <= against + 1e-9
        assert against - 1e-9 <= high


def test_trials_by_hand():
    # 1.96^2 x 0.25 x 0.75 / 0.25^2 = 11.52
    assert trials_for_share(0.0, 0.25) == 12
    assert trials_for_share(0.25, 0.25) is None
