r"""Answers that are numbers, as exact fractions, with what stands behind them: percent signs and units.

Read are `1,234`, `1{,}234`, `-0.5`, `.5`, `\frac{1}{2}`, `1/2`, `1.6e-19`, `1.6 \times 10^{-19}`, `10^5`, each with
`%`, a degree sign or a unit. A unit is anything in `\text{}` or `\mathrm{}` behind a number, as for the Qwen2.5-Math
harness, or a common unit written bare; a single bare letter is a symbol (`3 m` may be three times a mass).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

_EXPONENT = r"(?:\{ ?([+-]? ?\d{1,3}) ?\}|([+-]?\d{1,3}))"
_POWER_OF_TEN = re.compile(rf"([+-]? ?)10 ?\^ ?{_EXPONENT}")
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d{1,400})"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d{{0,400}})?|\.\d{{1,400}})"
_TIMES_TEN = rf"(?:[eE]([+-]?\d{{1,3}})(?!\d)| ?(?:\\times|\\cdot|\*|x) ?10 ?\^ ?{_EXPONENT})"
_SCIENTIFIC = re.compile(rf"([+-]? ?)({_DECIMAL}){_TIMES_TEN}?")
_FRACTION = re.compile(
    rf"([+-]? ?)(?:\\frac\{{ ?([+-]? ?{_DECIMAL}) ?\}}\{{ ?([+-]? ?{_DECIMAL}) ?\}}|({_DECIMAL}) ?/ ?({_DECIMAL}))"
)
_WRAPPED = re.compile(r"\\text ?\{ ?([^{}]*?) ?\}")
_GROUPS = str.maketrans("", "", ", ")

_WORD = (
    r"(?:"
    "mm|cm|dm|km|nm|ft|mi|yd|inches|inch|feet|foot|yards|yard|miles|mile|meters|meter|metres|"
    "metre|centimeters|kilometers|mph|kph|kmh|seconds|second|sec|minutes|minute|min|hours|hour|hrs|"
    "hr|days|day|weeks|week|months|month|years|year|yr|kg|mg|grams|gram|kilograms|pounds|pound|"
    "lbs|lb|oz|liters|liter|litres|litre|mL|dollars|dollar|cents|cent|USD|degrees|degree|radians|"
    "radian|rad|units|unit|Hz|kHz|MHz|GHz|eV|keV|MeV|GeV|kJ|kW|kPa|Pa|joules|joule|watts|watt|"
    "volts|volt|newtons|newton|ohms|ohm|mol|moles|erg|ergs|people|students|ways"
    r")(?![A-Za-z])"
)
_POWER = r"(?: ?\^ ?(?:\{ ?-?\d ?\}|-?\d))?"
_TEXT_UNIT = rf"(?:\\mu ?)?(?:\\text ?\{{ ?[^{{}}]{{0,60}}\}}|\\AA(?![a-zA-Z])|Å){_POWER}"
_BARE_UNIT = rf"(?:(?:square|cubic|sq|cu) )?{_WORD}{_POWER}(?: ?(?:/|per) ?[A-Za-z]{{1,10}}{_POWER})?|m/s{_POWER}"
_DEGREES = r"\^\\circ ?(?:[CF](?![A-Za-z]))?"
_UNIT = re.compile(rf" ?(?:(?:{_TEXT_UNIT})(?: ?/? ?(?:\\cdot )?{_TEXT_UNIT}){{0,4}}|{_BARE_UNIT}|{_DEGREES})")
_TEXT_AT_END = re.compile(rf"(?<=[^_^ ]) ?{_TEXT_UNIT}(?: ?/? ?{_TEXT_UNIT}){{0,4}}$|(?<=[^_ ]) ?{_DEGREES}$")
# Words in \text{} that say more than a unit does.
_NO_UNIT = re.compile(
    r"\b(?:or|and|not|no|than|least|most|more|less|to|thousand|million|billion|trillion|dozen|hundred|if|for|where|mod"
    r"|times|when|with|undefined|infinite)\b",
    re.IGNORECASE,
)
_SAME_UNITS = {
    "degree": "^\\circ",
    "deg": "^\\circ",
    "centimeter": "cm",
    "kilometer": "km",
    "millimeter": "mm",
    "meter": "m",
    "metre": "m",
    "second": "s",
    "sec": "s",
    "minute": "min",
    "hour": "h",
    "hr": "h",
    "mile": "mi",
    "feet": "ft",
    "foot": "ft",
    "inche": "in",
    "inch": "in",
    "gram": "g",
    "kilogram": "kg",
    "pound": "lb",
    "kelvin": "k",
    "joule": "j",
    "usd": "dollar",
}


class Number(NamedTuple):
    """A number as it was written.

    Args:
        value: Its exact value, percent signs left aside.
        exact: Whether it is an integer or a fraction of integers, so that nothing was rounded.
        percent: Whether a percent sign follows.
        unit: The unit in a normal form, or nothing.
    """

    value: Fraction
    exact: bool
    percent: bool = False
    unit: str = ""


def read_number(text: str) -> Number | None:
    """The number that a plain form is, with its unit; `None` for anything else."""
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1]
    for pattern, build in ((_FRACTION, _from_fraction), (_POWER_OF_TEN, _from_power), (_SCIENTIFIC, _from_scientific)):
        if (match := pattern.match(text)) and (rest := _read_rest(text[match.end() :])) is not None:
            number = build(match)
            return number and number._replace(percent=rest[0], unit=rest[1])
    return None


def _read_rest(rest: str) -> tuple[bool, str] | None:
    rest = rest.rstrip()
    if not rest:
        return False, ""
    if rest.lstrip() in ("%", "percent", r"\text{percent}", r"\text{ percent}", r"\text{%}"):
        return True, ""
    unit = _UNIT.fullmatch(rest)
    return (False, _unit(rest)) if unit and not _NO_UNIT.search(rest) else None


def without_unit(text: str) -> tuple[str, str]:
    r"""An expression and the unit in `\text{}` or degrees behind it, which may be nothing."""
    match = _TEXT_AT_END.search(text)
    if not match or match.start() == 0 or _NO_UNIT.search(match[0]) or text[match.start() - 1] in "=<>+-*/,{(":
        return text, ""
    return text[: match.start()].rstrip(), _unit(match[0])


def _unit(text: str) -> str:
    bare = re.sub(r"[{} .*~]|\\cdot", "", text.replace(r"\text", ""))
    singular = bare[:-1] if len(bare) > 3 and bare.endswith("s") and not bare.endswith("ss") else bare
    return _SAME_UNITS.get(singular.lower(), singular)


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
    return Number(value * Fraction(10) ** int(exponent.replace(" ", "")), False)


def _from_power(match: re.Match[str]) -> Number:
    exponent = (match[2] or match[3]).replace(" ", "")
    return Number(_signed(match[1], Fraction(10) ** int(exponent)), True)


def _from_fraction(match: re.Match[str]) -> Number | None:
    above, below = match[2] or match[4], match[3] or match[5]
    divisor = _fraction(below)
    if not divisor:
        return None
    # -1./3 is exact: the harness's references write floating point numbers for whole ones.
    exact = all(_fraction(part).denominator == 1 for part in (above, below))
    return Number(_signed(match[1], _fraction(above) / divisor), exact)


def close(a: Fraction, b: Fraction, relative: float, absolute: float | None = None) -> bool:
    """Whether two numbers differ by at most `relative` of the larger one, and by at most `absolute`."""
    difference = abs(a - b)
    if absolute is not None and difference > Fraction(absolute).limit_denominator(10**12):
        return False
    return difference <= Fraction(relative).limit_denominator(10**12) * max(abs(a), abs(b))
