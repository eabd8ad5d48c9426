r"""Answers with a condition behind them: `f(x) = x \text{ for all } x`, `2k\pi, k \in \mathbb{Z}`."""

from __future__ import annotations

import re

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.formula import read_formula
from treadle.scoring.grading.verdicts import Case, Finding

_FOR_ALL = re.compile(
    r"^(.+?),? ?(?:\\text ?\{ ?,? ?for( all| every| any)?(?: [^{}]*)?\}|(?<= )for( all| every| any)? ).{0,200}$"
)
_MORE = re.compile(r"\b(?:or|and)\b|=")
_MARK = r"(?:[,;]|\(|\\text ?\{[ ,]*(?:where|for|with|,)?(?: any| all| some)? ?(?:integers? )?\}|(?<= )(?:where|for) )"
_WHOLE = re.compile(
    rf"^(?P<answer>.+?) ?(?:{_MARK} ?){{1,3}}(?P<name>[a-zA-Z]) ?"
    r"(?:\\in ?(?:\\mathbb ?\{? ?Z ?\}?|\\text ?\{ ?Z ?\}|Z)"
    r"|(?:\\text ?\{)? ?(?:is )?(?:an |any )?(?:integers?) ?\}?)(?: ?\))?$"
)
_ANY = re.compile(r"\bfor|\\in|integer")


def same_but_for_conditions(left: str, right: str, case: Case) -> Finding | None:
    r"""`f(x) = x \text{ for all } x` is `f(x) = x`; another condition than the other side's is undecided."""
    if not any(map(_ANY.search, (left, right))):
        return NotImplemented
    if (finding := _same_families(left, right, case)) is not NotImplemented:
        return finding
    matches = [_FOR_ALL.match(side) if "for" in side else None for side in (left, right)]
    if not any(matches) or any(match and _MORE.search(match[0], match.end(1)) for match in matches):
        return NotImplemented
    all_of_them = all(match is None or match[2] or match[3] for match in matches)
    finding = case.again(*(match[1] if match else side for match, side in zip(matches, (left, right), strict=True)))
    if finding is None or all_of_them or not finding.same:
        return finding
    return Finding(None, "a condition")


def _same_families(left: str, right: str, case: Case) -> Finding | None:
    r"""Judge `a + kb, k \in \mathbb{Z}`: whatever the letter is, and from which number one counts."""
    matches = [_WHOLE.match(side) for side in (left, right)]
    if not any(matches):
        return NotImplemented
    sides = [
        match["answer"].rstrip(" ,") if match else side for match, side in zip(matches, (left, right), strict=True)
    ]
    names = [match["name"] for match in matches if match]
    if len(set(names)) == 2:
        renamed = re.sub(rf"(?<![\\A-Za-z]){names[1]}(?![A-Za-z])", names[0], sides[1])
        sides[1] = renamed if re.search(rf"(?<![\\A-Za-z]){names[1]}(?![A-Za-z])", sides[1]) else sides[1]
    finding = case.again(*sides)
    if finding is None or finding.same or not _shifted(*sides, names[0]):
        return finding
    return Finding(True, "the same values for all integers")


def _shifted(left: str, right: str, name: str) -> bool:
    """Whether two sums `a + k b` of a whole number `k` take the same values."""
    found = []
    for side in (left, right):
        formula = read_formula(re.sub(r"^[a-z] ?= ?", "", side))
        if formula is None or formula.symbols != {name}:
            return False
        values = [formula.value({name: calc.Fraction(k)}) for k in (0, 1, 2)]
        if None in values:
            return False
        start, step = calc.rounded(values[0]), calc.rounded(values[1]) - calc.rounded(values[0])
        if not step or abs(calc.rounded(values[2]) - start - 2 * step) > abs(step) * 1e-30:
            return False
        found.append((start, step))
    (a, b), (c, d) = found
    steps = (a - c) / b
    return abs(abs(b) - abs(d)) < abs(b) * 1e-30 and not calc.mp.im(steps) and abs(steps - calc.mp.nint(steps)) < 1e-30
