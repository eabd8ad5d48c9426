r"""Answers that are numbers, as exact fractions, with what stands behind them: percent signs and units.

Read are `1,234`, `1{,}234`, `1\,234`, `12,34,567`, `1.234.567,8`, `-0.5`, `.5`, `\frac{1}{2}`, `1/2`, the mixed
`1 1/2`, the repeating `0.1\overline{6}` and `0.1666\ldots`, `1.6e-19`, `1.6 \times 10^{-19}`, `10^5`, a number and
`\text{million}`, and words (`spelled`); each with `%`, a degree sign or a unit (`unit_text`).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from treadle.scoring.grading.spelled import spelled_at_begin, spelled_number
from treadle.scoring.grading.unit_text import read_unit

_EXPONENT = r"(?:[{(] ?([+-]? ?\d{1,3}) ?[})]|([+-]?\d{1,3}))"
_POWER_OF_TEN = re.compile(rf"([+-]? ?)10 ?\^ ?{_EXPONENT}(?!\d)")
_GROUPED = "|".join(
    (
        r"\d{1,3}(?:,\d{3})+(?!\d)",
        r"\d{1,3}(?: \d{3})+(?![\d/])",
        r"\d{1,2}(?:,\d{2})+,\d{3}(?!\d)",  # Indian
        r"\d{1,3}(?:'\d{3})+(?!\d)",
        r"\d{1,3}(?:_\d{3})+(?!\d)",
    )
)
_DIGITS = rf"(?:{_GROUPED}|\d{{1,400}})"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d{{0,400}})?|\.\d{{1,400}})"
_EUROPEAN = re.compile(
    r"([+-]? ?)(\d{1,3}(?:\.\d{3}){2,}(?:,\d{1,400})?|\d{1,3}\.\d{3},\d{1,400}|\d{1,3}(?: \d{3})+,\d{1,400})(?![\d.,])"
)
_TIMES_TEN = rf"(?:[eE]([+-]?\d{{1,3}})(?!\d)| ?(?:\\times|\\cdot|\*|x) ?\{{? ?10 ?\}}? ?\^ ?{_EXPONENT}(?!\d))"
_SCIENTIFIC = re.compile(rf"([+-]? ?)({_DECIMAL}){_TIMES_TEN}?")
_FRACTION = re.compile(
    rf"([+-]? ?)(?:\\frac\{{ ?([+-]? ?{_DECIMAL}) ?\}}\{{ ?([+-]? ?{_DECIMAL}) ?\}}|({_DECIMAL}) ?/ ?({_DECIMAL}))"
)
_MIXED = re.compile(
    r"([+-]? ?)(\d{1,12})(?:(?: |and|\\text ?\{ ?and ?\}|\+(?=\\frac\{\d+\}\{\d+\}$)){0,3}"
    r"(?:\\frac\{ ?(\d{1,12}) ?\}\{ ?(\d{1,12}) ?\})"
    r"|(?: ?and| ?\\text ?\{ ?and ?\})? ?(?<=[ }])(\d{1,12}) ?/ ?(\d{1,12}))"
)
_REPEATING = re.compile(
    r"([+-]? ?)(\d{0,20})\.(\d{0,40}?) ?(?:\\(?:overline|bar) ?(?:\{ ?(\d{1,40}) ?\}|(\d))|\((\d{1,40})\)"
    r"|\\dot ?\{?(\d)\}?(?:(\d{0,40})\\dot ?\{?(\d)\}?)?|(?P<shown>\d{2,60}) ?(?:\.\.\.|\\ldots))(?![\d.])"
)
_ARC = re.compile(r"([+-]? ?)(\d{1,3}) ?\^\\circ ?(\d{1,2}) ?'(?: ?(\d{1,2}(?:\.\d{1,9})?) ?'')?")
_BARE_SYMBOL = re.compile(
    r"(?<=[\d}]) ?((?:km|cm|mm|m|ft|mi)/(?:s|h|hr|min)(?:\^\{?2\}?)?|[msghNJWVALKC](?:\^\{?[23]\}?)?|in|Hz)$"
)
_BARE_FRACTION = re.compile(r"(?<=\d) ?\\frac\{ ?(km|cm|mm|m|ft|mi) ?\}\{ ?((?:s|h|hr|min)(?: ?\^ ?\{? ?2 ?\}?)?) ?\}$")
_WRAPPED = re.compile(r"\\text ?\{ ?([^{}]*?) ?\}")
_GROUPS = str.maketrans("", "", ", '_")
_ORDINAL = re.compile(r" ?(?:\^ ?\{? ?)?(?:\\text ?\{ ?)?(?:st|nd|rd|th) ?\}? ?\}?")
_SCALE = re.compile(
    r" ?(?:\\text ?\{ ?)?(dozen|hundred|thousand|million|billion|trillion)s?(?![A-Za-z])(?: of)? ?",
    re.IGNORECASE,
)
_SCALES = {"dozen": 12, "hundred": 100} | {
    name: 10**exponent for name, exponent in (("thousand", 3), ("million", 6), ("billion", 9), ("trillion", 12))
}


class Number(NamedTuple):
    """A number as it was written.

    Args:
        value: Its exact value, percent signs left aside.
        exact: Whether it is an integer or a fraction of integers, so that nothing was rounded.
        percent: Whether a percent sign follows.
        unit: The unit as `units.unit_name` writes it, or nothing.
        digits: Of scientific notation the number of significant digits, else 0.
    """

    value: Fraction
    exact: bool
    percent: bool = False
    unit: str = ""
    digits: int = 0


def read_number(text: str) -> Number | None:
    """The number that a plain form is, with its unit; `None` for anything else."""
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1]
    if (text[:1].isalpha() or text[-1:].isalpha()) and (spelled := spelled_number(text)) is not None:
        return Number(spelled, True)
    if text[:1].isalpha() and (begun := spelled_at_begin(text)) and (rest := _read_rest(begun[1])) is not None:
        return Number(begun[0] * rest[0], True, rest[1], rest[2])
    for pattern, build in _FORMS:
        if (match := pattern.match(text)) and (rest := _read_rest(text[match.end() :])) is not None:
            number = build(match)
            if number is not None:
                scale, percent, unit = rest
                return number._replace(value=number.value * scale, percent=percent, unit=number.unit or unit)
    return None


def read_with_symbol(text: str) -> Number | None:
    r"""The number with a bare symbol of a unit behind it, for answers to a reference in such units: `0.5 m`."""
    text = _BARE_FRACTION.sub(r" \1/\2", text)
    spelled, count = _BARE_SYMBOL.subn(r"\\text{\1}", text)
    return read_number(spelled.replace("/", "}/\\text{")) if count else None


def _read_rest(rest: str) -> tuple[int, bool, str] | None:
    """What is behind a number: a factor, whether it is a percentage, and its unit."""
    rest, scale = rest.rstrip(), 1
    if match := _SCALE.match(rest):
        in_text = rest[: match.end()].count("{")
        rest = (r"\text{" * in_text) + rest[match.end() :]
        rest = "" if rest.strip() == r"\text{}" else rest if in_text or not rest else f" {rest.lstrip()}"
        scale = _SCALES[match[1].lower()]
    if not rest.strip() or _ORDINAL.fullmatch(rest):
        return scale, False, ""
    if rest.strip() in (
        "%",
        "percent",
        r"\text{percent}",
        r"\text{ percent}",
        r"\text{%}",
        r"\text{ %}",
        r"\text{ per cent}",
    ):
        return scale, True, ""
    unit = read_unit(rest)
    return None if unit is None else (scale, False, unit)


def _fraction(digits: str) -> Fraction:
    digits = digits.translate(_GROUPS)
    return Fraction(digits + "0" if digits.endswith(".") else digits)


def _signed(sign: str, value: Fraction) -> Fraction:
    return -value if "-" in sign else value


def _from_scientific(match: re.Match[str]) -> Number:
    exponent = next((e for e in match.groups()[2:] if e), None)
    value = _signed(match[1], _fraction(match[2]))
    if exponent is None:
        return Number(value, "." not in match[2])
    digits = len(match[2].translate(_GROUPS).replace(".", "").lstrip("0"))
    return Number(value * Fraction(10) ** int(exponent.replace(" ", "")), False, digits=digits)


def _from_european(match: re.Match[str]) -> Number:
    whole, _, decimals = match[2].partition(",")
    return Number(_signed(match[1], _fraction(f"{whole.replace('.', '')}.{decimals}")), not decimals)


def _from_power(match: re.Match[str]) -> Number:
    exponent = (match[2] or match[3]).replace(" ", "")
    return Number(_signed(match[1], Fraction(10) ** int(exponent)), True)


def _from_mixed(match: re.Match[str]) -> Number | None:
    above, below = int(match[3] or match[5]), int(match[4] or match[6])
    if not 0 < above < below:
        return None
    return Number(_signed(match[1], int(match[2]) + Fraction(above, below)), True)


def _from_repeating(match: re.Match[str]) -> Number | None:
    first = match[3] or ""
    block = match[4] or match[5] or match[6]
    if match[7]:
        block = f"{match[7]}{match[8] or ''}{match[9] or ''}"
    if shown := match["shown"]:
        shown = first + shown
        found = re.search(r"(\d{1,12}?)\1+$", shown)
        if not found:
            return None
        first, block = shown[: found.start()], found[1]
    value = Fraction(int((match[2] or "0") + first), 10 ** len(first))
    value += Fraction(int(block), (10 ** len(block) - 1) * 10 ** len(first))
    return Number(_signed(match[1], value), True)


def _from_arc(match: re.Match[str]) -> Number | None:
    minutes, seconds = int(match[3]), Fraction(match[4] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    return Number(_signed(match[1], int(match[2]) + Fraction(minutes, 60) + seconds / 3600), True, unit="degree")


def _from_fraction(match: re.Match[str]) -> Number | None:
    above, below = match[2] or match[4], match[3] or match[5]
    divisor = _fraction(below.replace(" ", ""))
    if not divisor:
        return None
    # -1./3 is exact: the harness's references write floating point numbers for whole ones.
    exact = all(_fraction(part).denominator == 1 for part in (above, below))
    return Number(_signed(match[1], _fraction(above) / divisor), exact)


_FORMS = (
    (_ARC, _from_arc),
    (_MIXED, _from_mixed),
    (_REPEATING, _from_repeating),
    (_FRACTION, _from_fraction),
    (_EUROPEAN, _from_european),
    (_POWER_OF_TEN, _from_power),
    (_SCIENTIFIC, _from_scientific),
)


def close(a: Fraction, b: Fraction, relative: float, absolute: float | None = None) -> bool:
    """Whether two numbers differ by at most `relative` of the larger one, and by at most `absolute`."""
    difference = abs(a - b)
    if absolute is not None and difference > Fraction(absolute).limit_denominator(10**12):
        return False
    return difference <= Fraction(relative).limit_denominator(10**14) * max(abs(a), abs(b))
