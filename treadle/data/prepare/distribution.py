"""Distributions of numbers that arrive in a stream: count, mean, quantiles and a histogram, in bounded memory.

Values are counted by their first 11 binary digits, rounded down. So integers below 2,048 are counted exactly, and
any other value is at most 0.1% (2**-10) too small; that is the error of quantiles and of the histogram's bounds.
Count, minimum, maximum and, for integers, the mean are exact. The order of values does not matter, nor does it
whether one process saw them all or several did, whose distributions were merged. Memory grows with the
logarithm of the range: at most 1,024 counters for values between a number and its double.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, count
from typing import Any

BITS = 11
BINS = 20
LARGEST = 1e100
SMALLEST = 1e-100
TAIL = 10
"""The histogram's bins grow with the value where the largest is more than this many times the median: with equal
bins, half of the values would stand in the first tenth of the picture."""

_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5)  # widths of equal bins, times a power of ten
_SERIES = (  # edges of growing bins within one power of ten, from fine to coarse
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)


class Distribution:
    """What a report says about many numbers. Picklable; holds no value itself, only counts.

    Args:
        values: Integers or floats to begin with.
    """

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.count = 0
        self.total: float = 0
        self.min: float = math.inf
        self.max: float = -math.inf
        self._integers = True
        self._counts: Counter[float] = Counter()
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Count one value; nearer to 0 than `SMALLEST` it counts as 0.

        Raises:
            ValueError: It is not a number, infinite, or beyond `LARGEST`.
        """
        if not abs(value) <= LARGEST:  # also true of NaN
            raise ValueError(f"Distribution.add({value!r}): expected a number from {-LARGEST:g} to {LARGEST:g}")
        if abs(value) < SMALLEST:
            value = 0
        self.count += 1
        self.total += value
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self._integers = self._integers and value == int(value)
        self._counts[_rounded_down(value)] += 1

    def merge(self, other: Distribution) -> None:
        """Count everything that `other` has counted."""
        self.count += other.count
        self.total += other.total
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self._integers = self._integers and other._integers
        self._counts.update(other._counts)

    @property
    def mean(self) -> float:
        return self.total / self.count

    def quantile(self, share: float) -> float:
        """The value below which `share` of all values lie, interpolated between neighbours as `numpy.quantile` does.

        Args:
            share: Between 0 and 1; 0.5 is the median.

        Raises:
            ValueError: Nothing was counted, or `share` is out of range.
        """
        if not self.count or not 0 <= share <= 1:
            raise ValueError(f"quantile({share!r}) of {self.count} values: expected values and a share from 0 to 1")
        place = share * (self.count - 1)
        below, above = math.floor(place), math.ceil(place)
        keys = sorted(self._counts)
        low = high = None
        for key, seen in zip(keys, accumulate(self._counts[key] for key in keys), strict=True):
            if low is None and seen > below:
                low = max(key, self.min)
            if seen > above:
                high = max(key, self.min)
                break
        return low + (high - low) * (place - below)

    def histogram(self, bins: int = BINS) -> dict[str, list[float]]:
        """Counts in bins with round edges.

        Args:
            bins: The most there may be, 3 or more.

        Returns:
            `edges`, n + 1 ascending numbers, and `counts`, n integers: bin i counts values from `edges[i]` to below
            `edges[i + 1]`. Both are empty where nothing was counted. Bins are equally wide, or grow with the value
            where there is a long tail (see `TAIL`).
        """
        if not self.count:
            return {"edges": [], "counts": []}
        growing = self.min >= 0 and self.max > TAIL * self.quantile(0.5)
        edges = self._growing_edges(bins) if growing else self._equal_edges(bins)
        counts = [0] * (len(edges) - 1)
        place = 0
        for key in sorted(self._counts):
            while place < len(counts) - 1 and key >= edges[place + 1]:
                place += 1
            counts[place] += self._counts[key]
        return {"edges": edges, "counts": counts}

    def summary(self, bins: int = BINS) -> dict[str, Any]:
        """Minimum, median, mean, 95th percentile, maximum and histogram, ready for JSON; empty for no values."""
        if not self.count:
            return {}
        return {
            "min": self.min,
            "median": self.quantile(0.5),
            "mean": self.mean,
            "p95": self.quantile(0.95),
            "max": self.max,
            "histogram": self.histogram(bins),
        }

    def _equal_edges(self, bins: int) -> list[float]:
        largest = max(abs(self.min), abs(self.max))
        exact = self._integers and largest < 1 << BITS
        least = max((self.max - self.min) / bins, 1 if exact else largest * 2.0 ** (1 - BITS))
        for width in self._widths(least):
            first, last = math.floor(self.min / width), math.floor(self.max / width) + 1
            if last - first <= bins:
                return [_neat(k * width) for k in range(first, last + 1)]
        raise AssertionError("unreachable: some power of ten is wide enough")

    def _widths(self, least: float) -> Iterator[float]:
        for power in count(math.floor(math.log10(least))):
            for step in _STEPS:
                width = _neat(step * 10.0**power)
                if width >= least and not (self._integers and width % 1):
                    yield width

    def _growing_edges(self, bins: int) -> list[float]:
        smallest = min(key for key in self._counts if key > 0)
        first, last = math.floor(math.log10(smallest)), math.floor(math.log10(self.max)) + 1
        for series in _SERIES:
            edges = [_neat(step * 10.0**power) for power in range(first, last + 1) for step in series]
            if len(edges := self._around(edges, smallest)) <= bins + 1:
                return edges
        step = math.ceil((last - first) / (bins - 1))
        return self._around([_neat(10.0**power) for power in range(first, last + step, step)], smallest)

    def _around(self, edges: list[float], smallest: float) -> list[float]:
        """Those of ascending `edges` that enclose the values, with 0 before them where 0 was counted."""
        if self._integers:
            edges = [edge for edge in edges if edge % 1 == 0]
        first = max(k for k, edge in enumerate(edges) if edge <= smallest)
        last = next(k for k, edge in enumerate(edges) if edge > self.max)
        return [0] * (self.min == 0) + edges[first : last + 1]


def histogram(values: Iterable[float], bins: int = BINS) -> dict[str, list[float]]:
    """`Distribution.histogram` of values that are at hand."""
    return Distribution(values).histogram(bins)


def _rounded_down(value: float) -> float:
    if isinstance(value, int) and 0 <= value < 1 << BITS:
        return value
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * (1 << BITS)), exponent - BITS)


def _neat(edge: float) -> float:
    """Without the last digits that come of multiplying; whole numbers as integers."""
    edge = float(f"{edge:.12g}")
    return int(edge) if edge % 1 == 0 else edge
