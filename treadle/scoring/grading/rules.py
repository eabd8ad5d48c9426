r"""Are two answers the same? The rules that need no computer algebra, in order, and what is left to it.

Rules work on the parts of an answer; where two parts are expressions, their values are computed (`values`), and where
that cannot be done `compare` is asked, which is `treadle.scoring.grading.expressions` in a worker process. Without it a
pair that needs one has no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from treadle.scoring.grading.bases import same_in_bases
from treadle.scoring.grading.calendar import same_dates
from treadle.scoring.grading.choices import letters, same_choice, same_words, words
from treadle.scoring.grading.compound import same_compounds
from treadle.scoring.grading.conditions import same_but_for_conditions
from treadle.scoring.grading.congruences import same_congruences
from treadle.scoring.grading.equations import same_equations
from treadle.scoring.grading.intervals import same_sets
from treadle.scoring.grading.labels import same_choices, same_labels
from treadle.scoring.grading.normal import LONGEST, compact, plain
from treadle.scoring.grading.numbers import Number, close, read_number, read_with_symbol
from treadle.scoring.grading.parts import same_parts
from treadle.scoring.grading.points import DECIMALS, MINERVA_TOLERANCE
from treadle.scoring.grading.ratios import same_ratios
from treadle.scoring.grading.refuted import refuted
from treadle.scoring.grading.unit_text import without_unit
from treadle.scoring.grading.units import measure, ratio, same_unit
from treadle.scoring.grading.values import compare_values
from treadle.scoring.grading.verdicts import Case, Finding

Compare = Callable[[str, str, str], Finding]

_DEEPEST = 6
_POWER_OF_TEN = re.compile(r"10 ?\^|\d[eE][+-]?\d")
_NOISE = 1e-12  # what floating point leaves of a whole number
_DEGREES = re.compile(r"\^ ?\\circ")
_OF_ANGLES = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])|cis|e ?\^")
_FEWER = re.compile(r"^(?:less|fewer)\b|\b(?:less|fewer)$", re.IGNORECASE)
_LETTER = re.compile(r"[a-j]")
_SHORTEST_SENTENCE, _WORDS_OF_A_SENTENCE = 40, 6
_EQUATION = re.compile(r"=|[<>]|\\(?:le|ge|ne|equiv|approx)(?![a-zA-Z])")
_FORMULA_WORDS = re.compile(r"\\[a-zA-Z]+")
_PROSE = re.compile(r"(?<![A-Za-z_^])[A-Za-z]{2,}(?![A-Za-z])")
_LEFT_OUT = re.compile(r"\\ldots|\.\.\.")
_LIST_OR_NUMBER = re.compile(r"\d{1,3}(?:,\d{2,3})+")


def decide(answer: str, reference: str, kind: str, compare: Compare | None = None) -> Finding | None:
    """Judge an answer; `None` where that needs computer algebra and `compare` is not given.

    Args:
        kind: One of `KINDS`.
        compare: Judges two expressions.
    """
    if answer.strip() == reference.strip():
        return Finding(True, "same text")
    if not answer.strip() or not reference.strip():
        return Finding(False, "empty")
    if max(len(answer), len(reference)) > LONGEST:
        return Finding(False, f"longer than {LONGEST} characters")
    left, right = plain(answer), plain(reference)
    if kind == "text":
        return Finding(words(left) == words(right), "words")
    if kind == "choice":
        left, right = (side.upper() if _LETTER.fullmatch(side) else side for side in (left, right))
        several = same_choices(left, right)
        return several or letters(left, right, marked=True) or Finding(False, "no choice")
    return _same(left, right, kind, compare, 0)


def _same(left: str, right: str, kind: str, compare: Compare | None, depth: int) -> Finding | None:
    if not left or not right:
        return Finding(False, "empty")
    if compact(left) == compact(right):
        return Finding(True, "same form")
    if depth > _DEEPEST:
        return Finding(False, "nested too deeply")
    case = Case(kind, lambda a, b: _same(_bare(a), _bare(b), kind, compare, depth + 1), compare)
    for rule in _RULES:
        finding = rule(left, right, case)
        if finding is not NotImplemented:
            return finding
    if (finding := compare_values(left, right, kind)) is not None:
        return finding
    if (why := refuted(left, right)) is not None:
        return Finding(False, why)
    if _LEFT_OUT.search(left) or _LEFT_OUT.search(right):
        return Finding(None, "digits or terms are left out")
    return compare(left, right, kind) if compare else None


def _bare(text: str) -> str:
    """A part without braces around all of it."""
    return plain(text) if text.startswith("{") else text


def _same_numbers(left: str, right: str, case: Case) -> Finding | None:
    a, b = read_number(left), read_number(right)
    if a is None and b is not None and not b.unit and _POWER_OF_TEN.search(left):
        a = read_with_symbol(left)
    if a is None and b is not None and measure(b.unit):
        a = read_with_symbol(left)
    elif b is None and a is not None and measure(a.unit):
        b = read_with_symbol(right)
    if a is None or b is None:
        return NotImplemented
    if (a.percent and b.unit) or (b.percent and a.unit):
        return Finding(False, "different units")
    if a.unit and b.unit and not same_unit(a.unit, b.unit):
        return _converted(a, b, case.kind)
    if bool(a.unit) != bool(b.unit) and (_FEWER.search(a.unit) or _FEWER.search(b.unit)):
        same = _same_value(a, b, case.kind).same
        return Finding(None if same else False, "fewer than something, or the number")
    findings = [Finding(f.same if sure or not f.same else None, f.why) for f, sure in _readings(a, b, case.kind)]
    finding = next((f for f in findings if f.same), None) or next((f for f in findings if f.same is None), findings[0])
    grouped = all(_LIST_OR_NUMBER.fullmatch(side) for side in (left, right))
    if finding.same is False and grouped and sorted(left.split(",")) == sorted(right.split(",")):
        return Finding(None, "separators of thousands or a list")
    return finding


def _converted(a: Number, b: Number, kind: str) -> Finding:
    times = ratio(a.unit, b.unit)
    if times is None:
        same = _same_value(a, b, kind).same
        return Finding(None if same else False, "different units" if not same else "units that are not known")
    if not times:
        return Finding(False, "different units")
    finding = _same_value(a._replace(value=a.value * times), b, kind)
    return Finding(finding.same, "converted units" if finding.same else "different units")


def _readings(a: Number, b: Number, kind: str) -> list[tuple[Finding, bool]]:
    """What two numbers may mean, and whether that is sure: `50%` is 1/2, and 50 where the other has no percent sign.

    A percentage below one (`0.5%` for 0.5) may have been meant either way.
    """
    if a.percent == b.percent:
        return [(_same_value(a, b, kind), True)]
    value = Fraction(1, 100)
    if a.percent:
        scaled = _same_value(a._replace(value=a.value * value), b, kind)
    else:
        scaled = _same_value(a, b._replace(value=b.value * value), kind)
    return [(_same_value(a, b, kind), abs(a.value) >= 1 or not a.value), (scaled, True)]


def _same_value(a: Number, b: Number, kind: str) -> Finding:
    if a.value == b.value:
        whole = a.value.denominator == 1 and a.exact and b.exact
        return Finding(True, "integers" if whole else "equal numbers")
    if kind == "minerva":
        if close(a.value, b.value, MINERVA_TOLERANCE):
            return Finding(True, "numbers within 1e-4")
    elif kind == "math" and not (a.exact and b.exact):
        return _rounded(a, b)
    return Finding(False, "integers" if all(n.value.denominator == 1 for n in (a, b)) else "different numbers")


def _rounded(a: Number, b: Number) -> Finding:
    """A rounded number may stand for a fraction, not for a whole one; what is scientific is as exact as its digits."""
    if close(a.value, b.value, _NOISE):
        return Finding(True, "equal but for floating point")
    whole = any(n.exact and n.value.denominator == 1 for n in (a, b))
    scientific = a.digits or b.digits
    if not whole and close(a.value, b.value, MINERVA_TOLERANCE, None if scientific else DECIMALS):
        return Finding(True, "within 1e-4" if scientific else "equal in six decimals")
    if scientific and any(abs(a.value - b.value) <= _last_digit(n) / 2 for n in (a, b) if n.digits > 1):
        return Finding(None, "equal in the digits that are given")
    return Finding(False, "different numbers")


def _last_digit(number: Number) -> Fraction:
    """What one in the last digit of a number in scientific notation is worth."""
    above, below = abs(number.value.numerator), number.value.denominator
    if not above:
        return Fraction(0)
    exponent = len(str(above // below)) - 1 if above >= below else -len(str((below - 1) // above))
    return Fraction(10) ** (exponent - number.digits + 1)


def _same_sentences(left: str, right: str, case: Case) -> Finding | None:
    """A sentence with an equation or relation in it is read by nobody here, and may take computer algebra for ever."""
    if max(len(left), len(right)) < _SHORTEST_SENTENCE:
        return NotImplemented
    for side in (left, right):
        if _EQUATION.search(side) and len(_PROSE.findall(_FORMULA_WORDS.sub(" ", side))) >= _WORDS_OF_A_SENTENCE:
            return Finding(None, "a sentence with an equation")
    return NotImplemented


def _same_angles(left: str, right: str, case: Case) -> Finding | None:
    r"""`60^\circ` and `\frac{\pi}{3}` are one angle."""
    for degrees, other in ((left, right), (right, left)):
        if _DEGREES.search(degrees) and r"\pi" in other and not any(_OF_ANGLES.search(s) for s in (left, right)):
            bare, unit = without_unit(other)
            if unit not in ("", "rad", "radian", "radians"):
                return NotImplemented
            value = _DEGREES.sub("", degrees)
            return compare_values(rf"({value}) \cdot \pi / 180", bare, case.kind) or NotImplemented
    return NotImplemented


def _without_units(left: str, right: str, case: Case) -> Finding | None:
    r"""Expressions with a unit behind them, such as `\sqrt{3} \text{ cm}`."""
    (a, a_unit), (b, b_unit) = without_unit(left), without_unit(right)
    if not a_unit and not b_unit:
        return NotImplemented
    if not (a_unit and b_unit) or same_unit(a_unit, b_unit):
        return case.again(a, b)
    if (times := ratio(a_unit, b_unit)) is None:
        finding = case.again(a, b)
        return finding and (Finding(None, "units that are not known") if finding.same else finding)
    return (
        case.again(rf"({a}) \cdot \frac{{{times.numerator}}}{{{times.denominator}}}", b)
        if times
        else Finding(False, "different units")
    )


_RULES = (
    same_in_bases,
    same_but_for_conditions,
    same_dates,
    _same_numbers,
    same_congruences,
    same_ratios,
    same_choice,
    same_compounds,
    same_labels,
    _same_sentences,
    same_sets,
    same_parts,
    same_equations,
    _same_angles,
    same_words,
    _without_units,
)
