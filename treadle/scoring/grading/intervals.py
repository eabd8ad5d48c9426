r"""Sets of real numbers: intervals, unions of them and inequalities: `x < 2`, `(-\infty, 2)`, `]-\infty; 2[`.

Two are compared by their ends, after pieces that touch were put together. Only sets whose ends are numbers are read.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.formula import read_formula
from treadle.scoring.grading.structures import split_top
from treadle.scoring.grading.verdicts import Finding

_INFINITY = re.compile(r"([+-]?) ?\\infty")
_RELATION = re.compile(r"(<|>|\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\ne(?![a-zA-Z]))")
_BUILDER = re.compile(
    r"\\\{ ?([A-Za-z]) ?(?:\\in ?\\mathbb ?\{? ?R ?\}? ?)?(?:\\mid|\||:|\\text ?\{ ?such that ?\}) ?(.*?) ?\\\}"
)
_REALS = re.compile(
    r"\\mathbb ?\{? ?R ?\}?|\\R|\\text ?\{ ?(?:all )?(?:real numbers|reals|R) ?\}|(?:all )?(?:real numbers|reals)"
    r"|(?:\\text ?\{ ?)?all real [a-z] ?\}?",
    re.IGNORECASE,
)
_HALVES = re.compile(
    r"\\mathbb ?\{? ?R ?\}? ?(?:\^ ?\{? ?([+-]) ?\}?|_ ?\{? ?(>|\\ge|<|\\le) ?0 ?\}?)"
    r"|(?:\\text ?\{ ?)?(?:all )?(positive|negative|non-?negative|non-?positive) (?:real numbers|reals) ?\}?",
    re.IGNORECASE,
)
_ALL_BUT = re.compile(
    r"(?:\\text ?\{ ?)?all (?:real numbers|reals|real [a-z])(?: [a-z](?= except))? (?:except|but|other than)(?: for)?"
    r" ?(?:\\text ?\{)? ?\}? ?(?:([A-Za-z]) ?= ?)?(.{1,60}?) ?\}?",
    re.IGNORECASE,
)
_DISTANCE = re.compile(
    r"\| ?([A-Za-z])(?: ?([+-]) ?([^|]{1,30}))? ?\| ?(<|>|\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])) ?(.{1,40})"
)
_BUT = re.compile(
    r"(?:\\mathbb ?\{? ?R ?\}?|\\R|\( ?- ?\\infty ?, ?\\infty ?\)) ?(?:\\setminus|\\backslash|-|\\) ?\\\{(.*)\\\}"
)
_MEMBER = re.compile(r"^([A-Za-z]) ?\\in ?")
_NOT_THESE = re.compile(r"(?=[A-Za-z] ?\\ne(?![a-zA-Z]) ?(.*))([A-Za-z]) ?\\ne .*,.*")
_VARIABLE = re.compile(r"[A-Za-z]|\\(?:alpha|beta|theta|lambda|mu|phi)")
_OR = re.compile(r" ?(?:\\text ?\{ ?,? ?or ?\}|(?<= )or(?= )|\\lor|\\vee|\\cup) ?")
_AND = re.compile(r" ?(?:\\text ?\{ ?,? ?and ?\}|(?<= )and(?= )|\\land|\\wedge|\\cap) ?")


class Piece(NamedTuple):
    """From `low` to `high`; an end that belongs to it is closed. Infinite ends are the floats."""

    low: object
    low_closed: bool
    high: object
    high_closed: bool


class NumberSet(NamedTuple):
    """Pieces in order that do not touch, the variable that was named, and whether it can be nothing but a set."""

    pieces: list[Piece]
    variable: str = ""
    clear: bool = True


def same_sets(left: str, right: str, *_: object) -> Finding | None:
    """Judge two answers of which one is clearly a set of numbers."""
    a, b = read_set(left), read_set(right)
    if a is None or b is None or not (a.clear or b.clear):
        return NotImplemented
    same = len(a.pieces) == len(b.pieces) and all(map(_same_piece, a.pieces, b.pieces))
    if same and a.variable and b.variable and a.variable.lower() != b.variable.lower():
        return Finding(None, "the same set of different variables")
    return Finding(same, "equal sets" if same else "different sets")


def _same_piece(a: Piece, b: Piece) -> bool:
    return (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed) and all(
        _equal(x, y) for x, y in ((a.low, b.low), (a.high, b.high))
    )


def _equal(x: object, y: object) -> bool:
    if isinstance(x, float) or isinstance(y, float) or (isinstance(x, Fraction) and isinstance(y, Fraction)):
        return x == y
    x, y = calc.rounded(x), calc.rounded(y)
    return abs(x - y) <= max(abs(x), abs(y)) * 1e-25


def read_set(text: str) -> NumberSet | None:
    """The set of numbers that a plain form is; `None` for anything else."""
    variable = ""
    if match := _MEMBER.match(text):
        variable, text = match[1], text[match.end() :]
    if match := _BUILDER.fullmatch(text):
        variable, text = match[1], match[2]
    if _REALS.fullmatch(text):
        return NumberSet([Piece(float("-inf"), False, float("inf"), False)], variable)
    if match := _BUT.fullmatch(text) or _NOT_THESE.fullmatch(text):
        variable = variable or (match[2] if match.re is _NOT_THESE else "")
        points = [_end(part) for part in split_top(match[1], (",",))]
        return None if None in points else NumberSet(_without(points), variable)
    if match := _HALVES.fullmatch(text):
        said = (match[3] or match[1] or match[2]).lower().replace("-", "" if match[3] else "-")
        positive = said in ("positive", "nonnegative", "+", ">", r"\ge")
        closed = said.startswith("non") or said in (r"\ge", r"\le")
        zero, ends = Fraction(0), (float("-inf"), float("inf"))
        piece = Piece(zero, closed, ends[1], False) if positive else Piece(ends[0], False, zero, closed)
        return NumberSet([piece], variable)
    if match := _ALL_BUT.fullmatch(text):
        points = [_end(part) for part in split_top(match[2].removeprefix(r"\{").removesuffix(r"\}"), (",", "and"))]
        return None if None in points else NumberSet(_without(points), variable or match[1] or "")
    if match := _DISTANCE.fullmatch(text):
        return _distance(match)
    alternatives = _OR.split(text)
    if (named := _MEMBER.match(alternatives[-1])) and named[1] == variable:
        alternatives = [_MEMBER.sub("", part) for part in alternatives]
    found = [_read_one(part.strip()) for part in alternatives]
    if not found or None in found:
        return None
    names = {one.variable for one in found if one.variable}
    if len(names) > 1:
        return None
    clear = len(found) > 1 or bool(variable) or any(one.clear for one in found)
    pieces = _joined([piece for one in found for piece in one.pieces])
    return NumberSet(pieces, variable or next(iter(names), ""), clear)


def _distance(match: re.Match[str]) -> NumberSet | None:
    """`|x - 1| < 2` and `|x| > 3`."""
    middle, size = _end(match[3]) if match[3] else Fraction(0), _end(match[5])
    if None in (middle, size) or any(isinstance(v, float) for v in (middle, size)) or not _less(Fraction(0), size):
        return None
    middle = -middle if match[2] == "+" else middle
    low, high, closed = calc.add(middle, -size), calc.add(middle, size), match[4] in (r"\le", r"\ge")
    if match[4] in ("<", r"\le"):
        return NumberSet([Piece(low, closed, high, closed)], match[1])
    ends = Piece(float("-inf"), False, low, closed), Piece(high, closed, float("inf"), False)
    return NumberSet(list(ends), match[1])


def _read_one(text: str) -> NumberSet | None:
    both = [_simple(part.strip()) for part in _AND.split(text)]
    if None in both:
        return None
    pieces, clear = both[0].pieces, len(both) > 1 or both[0].clear
    for other in both[1:]:
        if other.variable != both[0].variable:
            return None
        pieces = [p for a in pieces for b in other.pieces if (p := _common(a, b)) is not None]
    return NumberSet(pieces, both[0].variable, clear)


def _simple(text: str) -> NumberSet | None:
    if text[:1] in ("(", "[", "]") and text[-1:] in (")", "]", "["):
        ends = split_top(text[1:-1], (",", ";"))
        values = [_end(end) for end in ends]
        if len(ends) != 2 or None in values or not _less(values[0], values[1]):
            return None
        closed = text[0] == "[", text[-1] == "]"
        clear = closed[0] != closed[1] or text[0] == "]" or any(isinstance(v, float) for v in values)
        return NumberSet([Piece(values[0], closed[0], values[1], closed[1])], "", clear)
    parts = [part.strip() for part in _RELATION.split(text)]
    return _inequality(parts) if len(parts) in (3, 5) else None


def _inequality(parts: list[str]) -> NumberSet | None:
    at = 0 if len(parts) == 3 and _VARIABLE.fullmatch(parts[0]) else 2
    if not _VARIABLE.fullmatch(parts[at]):
        return None
    low, low_closed, high, high_closed = float("-inf"), False, float("inf"), False
    for k in range(1, len(parts), 2):
        left, sign, right = parts[k - 1 : k + 2]
        bound = _end(right if left == parts[at] else left)
        if bound is None:
            return None
        if sign == r"\ne":
            return NumberSet(_without([bound]), parts[at]) if len(parts) == 3 else None
        upper = (sign in ("<", r"\le")) == (left == parts[at])
        if upper:
            high, high_closed = bound, sign in (r"\le", r"\ge")
        else:
            low, low_closed = bound, sign in (r"\le", r"\ge")
    if low != float("-inf") and high != float("inf") and not _less(low, high):
        return None
    return NumberSet([Piece(low, low_closed and low != float("-inf"), high, high_closed)], parts[at])


def _end(text: str) -> object | None:
    if match := _INFINITY.fullmatch(text):
        return float("-inf") if match[1] == "-" else float("inf")
    formula = read_formula(text)
    try:
        value = formula.value({}) if formula is not None and not formula.symbols else None
    except calc.TooLarge:
        return None
    return None if value is None or (not isinstance(value, Fraction) and calc.mp.im(value) != 0) else value


def _less(a: object, b: object) -> bool:
    return _order(a) < _order(b)


def _order(value: object) -> object:
    return calc.mp.mpf(value) if isinstance(value, float) else calc.rounded(value)


def _common(a: Piece, b: Piece) -> Piece | None:
    low, low_closed = max(
        (a.low, not a.low_closed), (b.low, not b.low_closed), key=lambda end: (_order(end[0]), end[1])
    )
    high, high_closed = min((a.high, a.high_closed), (b.high, b.high_closed), key=lambda end: (_order(end[0]), end[1]))
    return Piece(low, not low_closed, high, high_closed) if _less(low, high) else None


def _joined(pieces: list[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: (_order(p.low), not p.low_closed)):
        last = merged[-1] if merged else None
        touching = last is not None and (
            _less(piece.low, last.high) or (_equal(piece.low, last.high) and (piece.low_closed or last.high_closed))
        )
        if not touching:
            merged.append(piece)
        elif _less(last.high, piece.high) or (_equal(last.high, piece.high) and piece.high_closed):
            merged[-1] = Piece(last.low, last.low_closed, piece.high, piece.high_closed)
    return merged


def _without(points: list[object]) -> list[Piece]:
    ends = [float("-inf"), *sorted(points, key=_order), float("inf")]
    return [Piece(low, False, high, False) for low, high in pairwise(ends)]
