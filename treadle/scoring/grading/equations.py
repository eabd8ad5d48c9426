r"""Answers that are equations: what they say about a value, and when two are the same."""

from __future__ import annotations

import re
from fractions import Fraction

from treadle.scoring.grading.calculator import rounded
from treadle.scoring.grading.formula import read_formula
from treadle.scoring.grading.normal import compact
from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.structures import is_name, is_quantity, read_equation
from treadle.scoring.grading.values import compare_equations
from treadle.scoring.grading.verdicts import Case, Finding

_WORDS = re.compile(r"[A-Za-z][A-Za-z' .,!-]*")
_GREEK = re.compile(r"\\(?:alpha|beta|gamma|delta|theta|lambda|mu|phi|psi|omega|sigma|rho|tau|epsilon)(?![a-zA-Z])")
_COMMAND = re.compile(r"\\(?:text ?\{[^{}]*\}|[a-zA-Z]+)")
_MOST_APPROXIMATIONS = 3
_DECIMAL = re.compile(r"[+-]? ?\d{0,12}\.(\d{1,15})")
_FIGURES = re.compile(r"[A-Z]{2,5}")  # AB = CD says that two are equal, not what either is
_FUNCTION = re.compile(r"([A-Za-z]) ?\( ?([A-Za-z]) ?\)")
_OF_TIME = re.compile(r"(?<=[A-Za-z}]) ?\(t\)")


def same_equations(left: str, right: str, case: Case) -> Finding | None:
    """Judge answers of which one is an equation.

    An answer says its right side where that is a constant, whatever is on the left. The reference `x = 5` may be
    answered by 5, and no other equation by a side of it.
    """
    for side, other in ((left, right), (right, left)):
        exact = side.rpartition(r"\approx")[0].rstrip()
        if exact and side.count(r"\approx") <= _MOST_APPROXIMATIONS and not is_name(exact) and r"\approx" not in other:
            finding = case.again(*((exact, right) if side is left else (left, exact)))
            if finding is None or finding.same:
                return finding
    a, b = read_equation(left), read_equation(right)
    if a and b:
        return _two_equations(a, b, (left, right), case)
    if a:
        if (is_quantity(a[0]) and not _FIGURES.fullmatch(a[1])) or _is_constant(a[1]):
            finding = case.again(a[1], right)
            return case.again(a[0], right) if finding and finding.same is False and _is_rounding(a) else finding
        if is_name(a[1]) and _is_constant(a[0]):
            return case.again(a[0], right)  # 5 = x
        return Finding(False, "an equation")
    if b:
        if (is_quantity(b[0]) and not _FIGURES.fullmatch(b[1])) or (_is_constant(b[0]) and _is_constant(b[1])):
            finding = case.again(left, b[1])  # also where the reference computes: 2 + 3 = 5
            return case.again(left, b[0]) if finding and finding.same is False and _is_rounding(b) else finding
        return case.again(left, b[0]) if is_name(b[1]) and _is_constant(b[0]) else Finding(False, "no equation")
    return NotImplemented


def _is_rounding(sides: tuple[str, str]) -> bool:
    r"""Whether the right side is the left one in the decimals that it has: `\frac{1}{3} = 0.333`."""
    decimal = _DECIMAL.fullmatch(sides[1])
    formula = read_formula(sides[0]) if decimal else None
    if formula is None or formula.symbols or (value := formula.value({})) is None:
        return False
    return abs(rounded(value) - rounded(Fraction(sides[1].replace(" ", "")))) <= 10.0 ** -len(decimal[1])


def _is_constant(text: str) -> bool:
    """Whether a side of an equation has no letters and is not 0: `x + y = 0` says nothing about an answer of 0."""
    if _GREEK.search(text) or re.search(r"[A-Za-z]", _COMMAND.sub("", text)):
        return False
    return not ((n := read_number(text)) and n.value == 0)


def _two_equations(a: tuple[str, str], b: tuple[str, str], whole: tuple[str, str], case: Case) -> Finding | None:
    forms = [tuple(compact(side) for side in sides) for sides in (a, b)]
    if forms[0] == forms[1] or forms[0] == forms[1][::-1]:
        return Finding(True, "same equation")
    if forms[0][0] == forms[1][0]:
        return case.again(a[1], b[1])
    if (sides := _of_one_variable(a, b)) is not None:
        return case.again(*sides)
    if all(_WORDS.fullmatch(side) and len(side) > 1 for side in (*a, *b)):
        return Finding(False, "different equations")
    if (finding := compare_equations(a, b, case.kind)) is not None:
        return finding
    # Whether a function of time is written x or x(t) makes no difference to an equation of motion.
    return case.computed(*(_OF_TIME.sub(" ", side) for side in whole))


def _of_one_variable(a: tuple[str, str], b: tuple[str, str]) -> tuple[str, str] | None:
    """The right sides of `f(x) = 2x` and `f(t) = 2t`, or `y = 2x`, in one variable; `None` where these are others."""
    first, second = (_FUNCTION.fullmatch(side[0]) for side in (a, b))
    if first and second and first[1] == second[1]:
        renamed = _renamed(b[1], second[2], first[2])
        return None if renamed is None else (a[1], renamed)
    function, other = (first, b) if first else (second, a)
    if function is None or other[0] != "y" or function[2] == "y" or re.search(r"(?<!\\)y", a[1] + b[1]):
        return None
    return a[1], b[1]


def _renamed(text: str, old: str, new: str) -> str | None:
    """The text with another letter for a variable; `None` where it has that letter already."""
    if _letter(new).search(text):
        return None
    return _letter(old).sub(new, text)


def _letter(name: str) -> re.Pattern[str]:
    """A letter as a variable: in `2x` and `xy`, and in no command or word."""
    return re.compile(rf"(?<!\\)(?<![A-Za-z]{{2}})(?<!\\[A-Za-z]){name}(?![A-Za-z]{{2}})")
