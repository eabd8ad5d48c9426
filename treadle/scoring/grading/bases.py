r"""Numbers with a base: `25_8`, `1A_{16}`, `101_{\text{two}}`, `25 \text{ (base 8)}`, `0x1A`."""

from __future__ import annotations

import re
from typing import NamedTuple

from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.verdicts import Finding

_SPELLED = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NAMES = {
    name: base
    for base, name in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
} | {"sixteen": 16, "hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_BASE = r"(?:\\text ?\{ ?)?(?:base[ -]?)?(\d{1,2}|[a-z]+)(?: ?\})?"
_SUBSCRIPT = re.compile(
    rf"\(?(-?)((?:\\text ?\{{)? ?[0-9A-Za-z. ]{{1,120}}?\}}?)\)? ?_ ?(?:\{{ ?{_BASE} ?\}}|(\d)|{_BASE})"
)
_IN_WORDS = re.compile(
    r"(-?)([0-9A-F ]{1,120}?),? ?(?:\\text ?\{ ?)?,? ?\(?(?:in |\\text ?\{ ?)?base[ -]?"
    r"(?:\} ?)?\{?(\d{1,2}|[a-z]+)\}?\)? ?\}?\)?"
)

_PREFIXED = re.compile(r"(-?)(?:0[xX]([0-9A-Fa-f]{1,60})|0[bB]([01]{1,120}))")


class Based(NamedTuple):
    """Digits in a base; `value` is `None` where they are no digits of it."""

    digits: str
    base: int
    value: int | None


def read_based(text: str) -> Based | None:
    """The number that a plain form is in a base; `None` for anything else."""
    if match := _PREFIXED.fullmatch(text):
        base = 16 if match[2] else 2
        digits = (match[2] or match[3]).upper()
        return Based(match[1] + digits.lstrip("0"), base, int(match[1] + digits, base))
    match = _SUBSCRIPT.fullmatch(text) or _IN_WORDS.fullmatch(text)
    if not match:
        return None
    digits = re.sub(r"\\text ?\{|[ }]", "", match[2]).upper()
    named = next(group for group in match.groups()[2:] if group)
    base = int(named) if named.isdigit() else _NAMES.get(named, 0)
    if not digits or not any(c.isdigit() for c in digits) or not 2 <= base <= 36:
        return None
    try:
        return Based(match[1] + digits.lstrip("0"), base, int(match[1] + digits, base))
    except ValueError:
        return Based(match[1] + digits, base, None)


def same_in_bases(left: str, right: str, *_: object) -> Finding | None:
    """Judge two answers of which one has a base; a number in base 10 is one without."""
    a, b = read_based(left), read_based(right)
    if a is None and b is None:
        return NotImplemented
    if a is not None and b is not None:
        if a.base == b.base:
            return Finding(a.value == b.value if None not in (a.value, b.value) else a.digits == b.digits, "same base")
        if a.value is None or a.value != b.value:
            return Finding(False, "different numbers in different bases")
        return Finding(True if 10 in (a.base, b.base) else None, "equal numbers in different bases")
    based, other = (a, right) if a is not None else (b, left)
    number = read_number(other)
    if number is None or number.unit or number.percent:
        return NotImplemented
    if based.value is None or based.value != number.value:
        return Finding(False, "another number in this base")
    # Where a base is asked for, the value in base 10 may not be what was asked for.
    return Finding(True if based.base == 10 else None, "equal numbers in different bases")
