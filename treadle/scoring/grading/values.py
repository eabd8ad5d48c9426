"""Judge two expressions or equations by their values, in this process, without computer algebra."""

from __future__ import annotations

import re
from functools import lru_cache

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.calculator import Value
from treadle.scoring.grading.formula import Formula, read_formula
from treadle.scoring.grading.points import NEGATIVE, POSITIVE, At, agree, close, place
from treadle.scoring.grading.verdicts import Finding

_SURE_BITS = 100  # of a rounded number; beyond, its sixty digits do not show whether 1 was added
_DECIMAL = re.compile(r"\d\.\d|(?<!\d)\.\d")

_LOG = re.compile(r"\\log(?![a-zA-Z])(?! ?_)")

formula_of = lru_cache(maxsize=4096)(read_formula)
"""`read_formula`, which remembers: a reference is that of many attempts."""


def compare_values(left: str, right: str, kind: str) -> Finding | None:
    r"""Judge two plain forms; `None` where one cannot be read or computed here.

    `\log` without a base is of base 10, as for math-verify; where only base e makes both equal, it is undecided.
    """
    if not (_LOG.search(left) or _LOG.search(right)):
        return _compared(left, right, kind)
    common, natural = (_compared(_LOG.sub(name, left), _LOG.sub(name, right), kind) for name in (r"\\lg ", r"\\ln "))
    if common is None or natural is None or common.same is not False or not natural.same:
        return common
    return Finding(None, "equal if \\log is of base e")


def _compared(left: str, right: str, kind: str) -> Finding | None:
    a, b = formula_of(left), formula_of(right)
    if a is None or b is None:
        return None
    functions = [{name for name in side.symbols if "(" in name} for side in (a, b)]
    if all(functions) and functions[0] != functions[1]:
        return Finding(None, "functions that are not known")
    rounded = bool(_DECIMAL.search(left) or _DECIMAL.search(right))
    try:
        finding = _judged(a, b, kind, rounded)
    except calc.TooLarge:
        return Finding(None, "too large or too small to tell")
    if (
        finding is not None
        and finding.same is False
        and a.symbols | b.symbols
        and not _both_cases(a.symbols, b.symbols)
    ):
        folded = _judged(a, b, kind, rounded, fold=True)
        return folded if folded is not None and folded.same else finding
    return finding


def compare_equations(left: tuple[str, str], right: tuple[str, str], kind: str) -> Finding | None:
    """Judge two equations: the same if the differences of their sides are in a constant ratio."""
    sides = [formula_of(side) for side in (*left, *right)]
    if None in sides or not any(side.symbols for side in sides):
        return None
    rounded = any(_DECIMAL.search(side) for side in (*left, *right))
    ratio = None
    for point in (*POSITIVE, *NEGATIVE):
        places = {s: place(s, point) for side in sides for s in side.symbols}
        try:
            values = [side.value(places) for side in sides]
        except calc.TooLarge:
            return None
        if None in values:
            return None
        first, second = (calc.add(values[k], -values[k + 1]) for k in (0, 2))
        if not first or not second:
            return None
        found = calc.divide(first, second)
        if ratio is not None and not _close(found, ratio, kind, rounded):
            return Finding(False, "different equations")
        ratio = found
    return Finding(True, "equivalent equations")


def _judged(a: Formula, b: Formula, kind: str, rounded: bool, fold: bool = False) -> Finding | None:
    symbols = a.symbols | b.symbols
    unsure = False
    # Minerva's tolerance is for numbers: a small term is lost in it beside a large one.
    closely = "math" if symbols and not rounded else kind

    def at(point: int) -> At | None:
        nonlocal unsure
        places = {s: place(s.lower() if fold else s, point) for s in symbols}
        x, y = a.value(places), b.value(places)
        if x is None or y is None:
            return None
        same = _close(x, y, closely, rounded)
        exact = isinstance(x, calc.Fraction) and isinstance(y, calc.Fraction)
        unsure = unsure or (same and not exact and calc.bits(x) > _SURE_BITS)
        return At(same, _is_real(x) and _is_real(y))

    finding = agree(at, kind, bool(symbols), wide=a.chooses or b.chooses)
    if finding is None or finding.same is not True:
        return finding
    if unsure:
        return Finding(None, "too large or too small to tell")
    if not symbols and isinstance(a.value({}), calc.Fraction) and isinstance(b.value({}), calc.Fraction):
        return Finding(True, "equal numbers")
    return finding


def _close(x: Value, y: Value, kind: str, rounded: bool) -> bool:
    if isinstance(x, calc.Fraction) and isinstance(y, calc.Fraction) and x == y:
        return True
    if isinstance(x, calc.Fraction) and isinstance(y, calc.Fraction) and not rounded and kind != "minerva":
        return False
    return close(calc.rounded(x), calc.rounded(y), kind, rounded)


def _is_real(value: Value) -> bool:
    if isinstance(value, calc.Fraction):
        return True
    return abs(calc.mp.im(value)) <= abs(value) * calc.mp.mpf(2) ** -100


def _both_cases(*symbols: frozenset[str]) -> bool:
    """Whether a name occurs in both cases on one side."""
    return any(name != name.lower() and name.lower() in side for side in symbols for name in side)
