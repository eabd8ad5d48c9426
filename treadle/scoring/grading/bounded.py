r"""Sums and products between bounds, `\sum_{k=1}^{10} k^2`, for the grammar of arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.calculator import Compute

BOUNDED = {r"\sum": (calc.add, 0), r"\prod": (calc.multiply, 1)}
_MOST_TERMS = 2000


def bounded(
    name: str, low: Compute, high: Compute, term: Compute, combine: Callable[[Any, Any], Any], start: int
) -> Compute:
    """The sum or product of `term` over the whole numbers from `low` to `high`; no value where these are none."""

    def value(places: Any) -> Any:
        first, last = low(places), high(places)
        if not all(isinstance(end, Fraction) and end.denominator == 1 for end in (first, last)):
            raise calc.NoValue
        if last < first or last - first >= _MOST_TERMS:
            raise calc.NoValue
        total: Any = Fraction(start)
        for k in range(first.numerator, last.numerator + 1):
            total = combine(total, term({**places, name: Fraction(k)}))
        return total

    return value
