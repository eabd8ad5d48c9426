"""Ratios of numbers: `2:3`, `4 to 6`, `1:2:3`."""

from __future__ import annotations

import re
from fractions import Fraction

from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.verdicts import Case, Finding

_RATIO = re.compile(r"\d+(?:\.\d+)?(?: ?(?::|\\text ?\{ ?to ?\}|(?<= )to(?= )) ?\d+(?:\.\d+)?)+")
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_NUMERAL = re.compile(r"\d+(?:\.\d+)?")


def same_ratios(left: str, right: str, case: Case) -> Finding | None:
    """`6:8` is `3:4`, and a ratio of two numbers is their quotient; what may be times of the day is undecided."""
    sides = [[Fraction(n) for n in _NUMERAL.findall(s)] if _RATIO.fullmatch(s) else None for s in (left, right)]
    if None not in sides:
        a, b = sides
        if len(a) != len(b) or not all((*a, *b)):
            return Finding(False, "different ratios")
        same = all(x * b[0] == y * a[0] for x, y in zip(a, b, strict=True))
        clocks = all(_CLOCK.fullmatch(side) for side in (left, right))
        return Finding(None if same and clocks else same, "ratios")
    for ratio_, other in ((sides[0], right), (sides[1], left)):
        if ratio_ and len(ratio_) == 2 and ratio_[1] and read_number(other) is not None:
            return case.again(str(ratio_[0] / ratio_[1]), other)
    return NotImplemented
