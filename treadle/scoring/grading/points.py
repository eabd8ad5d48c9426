"""Are two expressions the same? What their values at several points say, whoever computed them.

Each symbol gets a rational value that follows from its name. At the first points all are positive, and values may be
complex there; at the last ones some or all are negative, and points where a side has no real value say nothing, since
`2 \\ln x` is meant for positive x. What has values for whole numbers only, such as factorials, is compared at the whole
points. Two sides that agree for positive values only (`|x|` and `x`) are undecided: a
length is never negative, a coordinate may be.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple
from zlib import crc32

from treadle.scoring.grading.verdicts import Finding

MINERVA_TOLERANCE = 1e-4  # of the larger number, the Qwen2.5-Math harness's
DECIMALS = 1e-6  # math-verify compares six decimals
DIGITS = 25
"""Digits that two computed values must share to be the same where nothing is rounded."""
POSITIVE, NEGATIVE, WHOLE = (0, 1), (2, 3), (4, 5, 6)
WIDE = tuple(range(7, 47))
"""Points whose values lie far apart, so that each argument of a minimum or maximum is once the one that counts."""


class At(NamedTuple):
    """What both sides are worth at a point."""

    same: bool
    real: bool


def place(name: str, point: int) -> Fraction:
    """The value of a symbol at a point, between 1/2 and 5/2 in size; at a whole point a number from 6 to 18."""
    seed = crc32(f"{name} {point}".encode("utf-8", "surrogatepass"))
    if point in WHOLE:
        return Fraction(6 + seed % 13)
    size = Fraction(1, 2) + Fraction(seed % 99991, 49999)
    if point in WIDE:
        return size * Fraction(2) ** ((seed >> 8) % 25 - 12)
    if point in POSITIVE or (point == NEGATIVE[1] and seed >> 16 & 1):
        return size
    return -size


def agree(at: Callable[[int], At | None], kind: str, symbolic: bool, wide: bool = False) -> Finding | None:
    """Judge by points.

    Args:
        at: Both sides at a point; `None` where one has no value.
        wide: Whether there is a minimum or maximum, for which two points say too little.
        kind: Minerva's symbols are positive quantities, so that the negative points are left out.

    Returns:
        `None` where too little can be computed.
    """
    why = "values at points" if symbolic else "values"
    whole = symbolic and at(POSITIVE[0]) is None
    for point in WHOLE if whole else POSITIVE if symbolic else POSITIVE[:1]:
        found = at(point)
        if found is None:
            return None
        if not found.same:
            return Finding(False, why)
    if symbolic and wide and any((found := at(point)) is not None and not found.same for point in WIDE):
        return Finding(False, why)
    if symbolic and not whole and kind != "minerva":
        for point in NEGATIVE:
            found = at(point)
            if found is not None and found.real and not found.same:
                return Finding(None, "equal for positive values only")
    return Finding(True, why)


def close(x: Any, y: Any, kind: str, rounded: bool) -> bool:
    """Whether two computed values count as the same number; `rounded` where a decimal fraction went into them."""
    difference, size = abs(x - y), max(abs(x), abs(y))
    if kind == "minerva":
        return bool(difference <= MINERVA_TOLERANCE * size)
    if rounded and kind == "math":
        return bool(difference <= DECIMALS and difference <= MINERVA_TOLERANCE * size)
    return bool(difference <= (1e-9 if rounded else 10.0**-DIGITS) * size)
