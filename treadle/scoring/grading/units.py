r"""Units behind numbers: their names, what they measure, and how they are converted.

A unit is written in `\text{}` or bare; `measure` knows those of length, area, volume, mass, time, speed, force,
energy, power, pressure, charge, frequency, angle and money, with SI prefixes, powers and quotients. What it does not
know (`apples`) is a unit all the same: the same word is the same unit, and two such words cannot be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_SINGULAR = {"feet": "foot", "inches": "inch", "hours": "hour", "centuries": "century", "pennies": "cent"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_FOOT = Fraction("0.3048")
_LITRE = Fraction(1, 1000)
_POUND = Fraction("0.45359237")
_NEWTON, _JOULE, _WATT, _PASCAL = ({"kg": 1, "m": m, "s": s} for m, s in ((1, -2), (2, -2), (2, -3), (-1, -2)))
# name: factor to the base units, the base units with their powers
_PLAIN: dict[str, tuple[Fraction | int | str, dict[str, int]]] = {
    **dict.fromkeys(("inch", "in"), (_FOOT / 12, {"m": 1})),
    **dict.fromkeys(("foot", "ft"), (_FOOT, {"m": 1})),
    **dict.fromkeys(("yard", "yd"), (_FOOT * 3, {"m": 1})),
    **dict.fromkeys(("mile", "mi"), (_FOOT * 5280, {"m": 1})),
    **dict.fromkeys(("pound", "lb"), (_POUND, {"kg": 1})),
    **dict.fromkeys(("ounce", "oz"), (_POUND / 16, {"kg": 1})),
    **dict.fromkeys(("ton", "tonne"), (1000, {"kg": 1})),
    **dict.fromkeys(("minute", "min"), (_MINUTE, {"s": 1})),
    **dict.fromkeys(("hour", "hr", "h"), (_HOUR, {"s": 1})),
    "day": (_DAY, {"s": 1}),
    "week": (7 * _DAY, {"s": 1}),
    "sec": (1, {"s": 1}),
    "mph": (_FOOT * 5280 / _HOUR, {"m": 1, "s": -1}),
    **dict.fromkeys(("kph", "kmh"), (Fraction(1000, _HOUR), {"m": 1, "s": -1})),
    "month": (1, {"month": 1}),
    **dict.fromkeys(("year", "yr"), (12, {"month": 1})),
    "decade": (120, {"month": 1}),
    "century": (1200, {"month": 1}),
    **dict.fromkeys(("dollar", "usd"), (100, {"cent": 1})),
    "cent": (1, {"cent": 1}),
    **dict.fromkeys(("euro", "eur"), (1, {"euro": 1})),
    **dict.fromkeys(("yen", "jpy"), (1, {"yen": 1})),
    **dict.fromkeys(("rupee", "inr"), (1, {"rupee": 1})),
    **dict.fromkeys(("degree", "deg", "^\\circ"), (1, {"degree": 1})),
    "hectare": (10_000, {"m": 2}),
    "erg": (Fraction(1, 10**7), _JOULE),
    "dyne": (Fraction(1, 10**5), _NEWTON),
    "atm": (101325, _PASCAL),
}
_PREFIXED: dict[str, tuple[Fraction | int, dict[str, int]]] = {
    **dict.fromkeys(("m", "meter", "metre"), (1, {"m": 1})),
    **dict.fromkeys(("g", "gram"), (Fraction(1, 1000), {"kg": 1})),
    **dict.fromkeys(("s", "second"), (1, {"s": 1})),
    **dict.fromkeys(("l", "L", "liter", "litre"), (_LITRE, {"m": 3})),
    **dict.fromkeys(("N", "newton"), (1, _NEWTON)),
    **dict.fromkeys(("J", "joule"), (1, _JOULE)),
    **dict.fromkeys(("W", "watt"), (1, _WATT)),
    **dict.fromkeys(("Pa", "pascal"), (1, _PASCAL)),
    **dict.fromkeys(("Hz", "hertz"), (1, {"s": -1})),
    **dict.fromkeys(("C", "coulomb"), (1, {"A": 1, "s": 1})),
    **dict.fromkeys(("A", "ampere", "amp"), (1, {"A": 1})),
    **dict.fromkeys(("V", "volt"), (1, {"kg": 1, "m": 2, "s": -3, "A": -1})),
    **dict.fromkeys(("K", "kelvin"), (1, {"K": 1})),
    **dict.fromkeys(("mol", "mole"), (1, {"mol": 1})),
    "eV": (Fraction("1.602176634e-19"), _JOULE),
    **dict.fromkeys(("rad", "radian"), (1, {"rad": 1})),
}
_PREFIXES = {
    **{"k": 3, "c": -2, "m": -3, "d": -1, "M": 6, "G": 9, "n": -9, "\\mu": -6, "p": -12},
    **{"kilo": 3, "centi": -2, "milli": -3, "deci": -1, "mega": 6, "giga": 9, "nano": -9, "micro": -6},
}
_FACTOR = re.compile(r"(?:(square|cubic|sq|cu)\.? )?(\\mu ?[a-zA-Z]+|\^\\circ|[a-zA-Z]+)\.?(?: ?\^ ?\{? ?(-?\d) ?\}?)?")
_TEMPERATURE = re.compile(r"\\circ ?[CF]$|celsius|fahrenheit", re.IGNORECASE)
_NUMBERS_OF = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


class Measure(NamedTuple):
    """How much one of a unit is in base units, and which those are."""

    factor: Fraction
    dimension: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1024)
def measure(unit: str) -> Measure | None:
    """What a unit measures; `None` for what is not known. `unit` is in the form of `unit_name`."""
    if _TEMPERATURE.search(unit):
        return None  # not a factor alone lies between two scales
    total, dimension, over = Fraction(1), Counter(), 1
    text = re.sub(r" per ", "/", unit.strip())
    for k, part in enumerate(re.split(r"(/|\*| )(?!\d)", re.sub(r"\b(square|cubic|sq|cu)\.? ", r"\1~", text))):
        if k % 2:
            over = -1 if part == "/" else over
            continue
        factor = _FACTOR.fullmatch(part.replace("~", " "))
        found = factor and _single(factor[2].replace(" ", ""))
        if not found:
            return None
        times = over * int(factor[3] or 1) * _NUMBERS_OF.get(factor[1] or "", 1)
        total *= Fraction(found[0]) ** times
        for base, number in found[1].items():
            dimension[base] += number * times
    return Measure(total, tuple(sorted((base, n) for base, n in dimension.items() if n)))


def _single(name: str) -> tuple[Fraction, dict[str, int]] | None:
    singular = _SINGULAR.get(name.lower()) or (name[:-1] if len(name) > 2 and name.endswith("s") else name)
    for form in dict.fromkeys((name, singular, singular.lower() if len(singular) > 2 else singular)):
        if found := _PLAIN.get(form) or _PREFIXED.get(form):
            return Fraction(found[0]), found[1]
        for prefix, exponent in _PREFIXES.items():
            base = form.removeprefix(prefix)
            words = len(prefix) > 3  # kilometer and km, but neither kmeter nor kilom
            if base != form and base in _PREFIXED and words == (len(base) > 2):
                factor, dimension = _PREFIXED[base]
                return Fraction(10) ** exponent * factor, dimension
    return None


def unit_name(text: str) -> str:
    r"""A unit as one line: `\text{m}/\text{s}^2` and `\frac{\text{m}}{\text{s}^2}` are `m/s^2`."""
    text = re.sub(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"\1/\2", text)
    text = re.sub(r"\^ ?\{ ?(-?\d) ?\}", r"^\1", text)
    text = re.sub(r"\\text ?\{ ?([^{}]*?) ?\}", r" \1 ", text)
    text = re.sub(r"\\cdot|[*·]|-(?=[a-zA-Z])", " ", text)
    text = re.sub(r" ?(\^|/) ?", r"\1", re.sub(r"[{}~]", " ", text))
    return re.sub(r" +", " ", re.sub(r"\.(?!\d)", "", text)).strip()


def same_unit(a: str, b: str) -> bool:
    """Whether two names are of one unit."""
    x, y = measure(a), measure(b)
    if x is not None and y is not None:
        return x == y
    return _bare(a) == _bare(b)


def _bare(name: str) -> str:
    bare = name.replace(" ", "").lower()
    return bare[:-1] if len(bare) > 3 and bare.endswith("s") and not bare.endswith("ss") else bare


def ratio(a: str, b: str) -> Fraction | None:
    """How many of `b` one of `a` is; 0 where they measure different things, `None` where that is not known."""
    x, y = measure(a), measure(b)
    if {a.lower(), b.lower()} == {"am", "pm"}:
        return Fraction(0)  # before and after noon
    if x is None or y is None:
        return None
    return x.factor / y.factor if x.dimension == y.dimension else Fraction(0)
