"""Annealed hints: the paper's schedule at points worked out by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.prefixes.histories import expert, history
from treadle.errors import RecipeError
from treadle.training.prefixes.anneal import Anneal


@pytest.mark.parametrize(
    ("progress", "probability"),
    [
        (0.0, 0.95),
        (0.15, 0.05 + 0.45 * (1 + math.sqrt(0.5))),  # a quarter of the hints' 0.6: cos(45°)
        (0.2, 0.725),  # a third: cos(60°) = 1/2
        (0.3, 0.5),
        (0.4, 0.275),
        (0.6 - 1e-9, 0.05),
        (0.6, 0.0),
        (1.0, 0.0),
    ],
)
def test_the_schedule(progress, probability):
    assert Anneal().probability(progress) == pytest.approx(probability, abs=1e-8)


def mean_length(progress, longest, **settings):
    policy = Anneal(**settings)
    return fmean(policy.length(expert(longest), history(progress=progress, seed=seed)) for seed in range(2000))


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.95), (0.2, 0.725), (0.3, 0.5), (0.4, 0.275)])
def test_the_number_of_steps_is_binomial(progress, share):
    lengths = [Anneal().length(expert(8), history(progress=progress, seed=seed)) for seed in range(2000)]
    mean = fmean(lengths)
    assert mean == pytest.approx(8 * share, abs=0.2)  # a standard deviation is at most 0.032
    assert fmean((length - mean) ** 2 for length in lengths) == pytest.approx(8 * share * (1 - share), rel=0.2)


def test_no_hint_after_the_last():
    assert mean_length(0.6, 8) == 0
    assert mean_length(1.0, 8) == 0
    assert mean_length(0.99, 8, until=1.0) == pytest.approx(8 * 0.05, abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_hints_only_become_rarer_and_end(one, other, until):
    low, high = sorted((one, other))
    policy = Anneal(high=high, low=low, until=until)
    found = [policy.probability(step / 50) for step in range(51)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(found))
    assert all(found[step] == 0 for step in range(51) if step / 50 >= until)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"high": 1.5}, r"prefix\.high: found 1\.5, expected a share from 0 to 1"),
        ({"low": -0.1}, r"prefix\.low: found -0\.1, expected a share from 0 to 1"),
        ({"until": math.nan}, r"prefix\.until: found nan, expected a share from 0 to 1"),
        ({"until": 0.0}, r"prefix\.until: found 0\.0, expected above 0: no hint would ever be given"),
        ({"low": 0.6, "high": 0.5}, r"prefix\.low: found 0\.6, expected at most prefix\.high, which is 0\.5"),
    ],
)
def test_what_cannot_be_meant(settings, said):
    with pytest.raises(RecipeError, match=f"^{said}$"):
        Anneal(**settings)
