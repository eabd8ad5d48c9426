r"""Amounts in two or three units: `5 hours 30 minutes`, `5 \text{ ft } 6 \text{ in}`, `3 dollars and 25 cents`."""

from __future__ import annotations

import re
from fractions import Fraction

from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.units import measure, unit_name
from treadle.scoring.grading.verdicts import Case, Finding

_UNIT = r"(?:\\text ?\{ ?[A-Za-z]{1,10}\.?,? ?(?:and )?\}|[A-Za-z]{2,10}(?![A-Za-z]))"
_AND = r"(?:,? ?(?:and |\\text ?\{,? ?and ?\})? ?)"
_PIECE = rf"(\d{{1,9}}(?:\.\d{{1,9}})?) ?({_UNIT})"
_AMOUNT = re.compile(rf"{_PIECE}{_AND}{_PIECE}(?:{_AND}{_PIECE})?")
_IN_TEXT = re.compile(r"\\text ?\{ ?(\d[^{}]*)\}")
_LAST_AND = re.compile(r",? (?:and )?$|,$")


def same_compounds(left: str, right: str, case: Case) -> Finding | None:
    """Judge two answers of which one is in several units; a number alone may be in any of these."""
    for side, other in ((left, right), (right, left)):
        if (amount := _read(side)) is None:
            continue
        base, factors = amount
        if (second := _read(other)) is not None:
            return Finding(base == second[0], "amounts in several units")
        number = read_number(other)
        if number is None:
            return NotImplemented
        if not number.unit:
            same = not number.percent and any(number.value * factor == base[1] for factor in factors)
            return Finding(same, "an amount in several units")
        if (unit := measure(number.unit)) is None:
            return Finding(False, "different units")
        return Finding((unit.dimension, number.value * unit.factor) == base, "an amount in several units")
    return NotImplemented


def _read(text: str) -> tuple[tuple[object, Fraction], list[Fraction]] | None:
    """Dimension and size of an amount in base units, and the size of each of its units; `None` for anything else."""
    if wrapped := _IN_TEXT.fullmatch(text):
        text = wrapped[1].strip()
    match = _AMOUNT.fullmatch(text)
    if not match:
        return None
    pieces = [(Fraction(n), unit) for n, unit in zip(match.groups()[::2], match.groups()[1::2], strict=True) if n]
    measures = [measure(_LAST_AND.sub("", unit_name(unit))) for _, unit in pieces]
    if None in measures or len({m.dimension for m in measures}) > 1:
        return None
    factors = [m.factor for m in measures]
    if sorted(set(factors), reverse=True) != factors:
        return None  # the larger unit comes first
    return (measures[0].dimension, sum(n * f for (n, _), f in zip(pieces, factors, strict=True))), factors
