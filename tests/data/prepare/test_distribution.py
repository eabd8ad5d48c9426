"""Distributions against numpy, which sees all values at once."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.prepare.distribution import Distribution, histogram

SMALL = st.integers(0, 2047)
NUMBERS = st.one_of(SMALL, st.integers(-(10**9), 10**12), st.floats(-1e30, 1e30), st.floats(0, 1))
ERROR = 2**-10


@given(st.lists(SMALL, min_size=1, max_size=200))
def test_integers_below_2048_are_exact(values):
    summary = Distribution(values).summary()
    assert (summary["min"], summary["max"]) == (min(values), max(values))
    assert summary["mean"] == np.mean(values)
    assert summary["median"] == pytest.approx(np.median(values), rel=1e-12)
    assert summary["p95"] == pytest.approx(np.quantile(values, 0.95), rel=1e-12)
    edges, counts = summary["histogram"].values()
    assert counts == np.histogram(values, edges)[0].tolist()
    assert sum(counts) == len(values), "the edges enclose all values"


@given(st.lists(NUMBERS, min_size=1, max_size=200), st.floats(0, 1))
def test_quantiles_of_any_numbers_are_within_the_stated_error(values, share):
    found, expected = Distribution(values).quantile(share), np.quantile(np.array(values, dtype=float), share)
    # Between two values far apart the error is one of the larger.
    ordered = sorted(values, key=float)
    place = share * (len(values) - 1)
    nearby = max(abs(ordered[math.floor(place)]), abs(ordered[math.ceil(place)]))
    assert abs(found - expected) <= nearby * ERROR * 1.0001 + 1e-99


@given(st.lists(NUMBERS, min_size=1, max_size=200), st.integers(3, 30))
def test_histograms_have_round_ascending_edges_and_every_value_in_its_bin(values, bins):
    edges, counts = histogram(values, bins).values()
    assert len(counts) == len(edges) - 1 <= bins
    assert edges == sorted(set(edges))
    assert sum(counts) == len(values)
    assert edges[0] <= min(values) + abs(min(values)) * 1e-11 + 1e-99
    assert max(values) <= edges[-1] + abs(edges[-1]) * 1e-11
    if all(value == int(value) for value in values):
        assert all(edge == int(edge) for edge in edges)
    for edge, below in zip(edges[1:], np.cumsum(counts), strict=True):
        slack = abs(edge) * ERROR * 2 + 1e-99
        assert sum(v < edge - slack for v in values) <= below <= sum(v < edge + slack for v in values)


@given(st.lists(st.lists(st.integers(0, 10**7), max_size=50), max_size=4))
def test_merged_distributions_are_as_one_that_saw_everything(parts):
    merged = Distribution()
    for part in parts:
        merged.merge(pickle.loads(pickle.dumps(Distribution(part))))
    assert merged.summary() == Distribution([v for part in parts for v in part][::-1]).summary()


def test_two_histograms_by_hand():
    assert histogram([1, 2, 2, 3, 5]) == {"edges": [1, 2, 3, 4, 5, 6], "counts": [1, 2, 1, 0, 1]}
    long_tail = [0, 1, 5, 9, 10, 99, 100, 5000]
    assert histogram(long_tail, bins=6) == {"edges": [0, 1, 10, 100, 1000, 10000], "counts": [1, 3, 2, 1, 1]}
    assert histogram([0.5] * 3 + [0.25], bins=4) == {"edges": [0.2, 0.3, 0.4, 0.5, 0.6], "counts": [1, 0, 0, 3]}
    assert histogram([]) == {"edges": [], "counts": []}


def test_a_long_tail_is_split_into_growing_bins():
    values = np.random.default_rng(0).lognormal(5, 2, 5000)
    edges, counts = histogram(values.tolist()).values()
    steps = np.diff(np.log10(edges))
    assert steps.max() < 0.5
    assert len([c for c in counts if c > 25]) >= 8, "more than half of the bins show something"
    assert max(counts) < 2000


def test_memory_grows_with_the_range_and_not_with_the_count():
    values = np.random.default_rng(0).integers(0, 1 << 24, 200_000).tolist()
    distribution = Distribution(values)
    assert distribution.count == 200_000
    assert len(pickle.dumps(distribution)) < 250_000
    assert distribution.mean == sum(values) / len(values)


def test_what_is_no_number_is_refused():
    for value in (math.nan, math.inf, -math.inf, 1e101):
        with pytest.raises(ValueError, match="expected a number"):
            Distribution([value])
    with pytest.raises(ValueError, match="of 0 values"):
        Distribution().quantile(0.5)
    assert Distribution().summary() == {}


def test_a_summary_is_json():
    for values in ([3], [0], [1e-200, 7], [1.5, -2, 10**9], [0, 0, 1e9], [123456.7]):
        assert json.loads(json.dumps(Distribution(values).summary()))["max"] == max(values)
