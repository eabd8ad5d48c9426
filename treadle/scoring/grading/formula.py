r"""Read the arithmetic of answers without computer algebra, and compute it: `\frac{3\pi}{4}`, `2^{10}-1`, `(x+1)^2`.

Understood are numbers, letters (with subscripts) and Greek letters, the four operations, products without a sign,
powers, roots, fractions, factorials, binomials, sums and products between bounds, absolute values, logarithms and
trigonometric functions, degrees, `e`, `i` and `\pi`. What can be read in two ways (`1/2x`, `\sin \pi/6`) and
everything else is left to computer algebra: `read_formula` returns `None`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.calculator import Compute, TooLarge, Value, mp
from treadle.scoring.grading.functions import SEVERAL
from treadle.scoring.grading.grammar import Parser, Unread
from treadle.scoring.grading.notation import in_grammar_s_terms

LONGEST = 300
_TOKEN = re.compile(
    r" *(\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|\\[a-zA-Z]+|\\[|]"
    r"|[a-zA-Z](?![a-zA-Z]{2})|[-+*/^!()\[\]{}|_=,])"
)
_SCIENTIFIC = re.compile(r"(?<![A-Za-z_}\d.])(\d+(?:\.\d*)?|\.\d+)[eE]([+-]?\d{1,3})(?![\d^A-Za-z])")
_DERIVATIVE = re.compile(r"\\frac ?\{ ?d[^{}]*\} ?\{ ?d|(?<![a-zA-Z])d ?\\?[a-zA-Z]+ ?/ ?d ?[a-zA-Z]|\\partial")


class Formula:
    """An expression that can be computed.

    Args:
        compute: Takes the values of all symbols. Raises `NoValue`.
        symbols: Their names.
        chooses: Whether it has a minimum, maximum or greatest common divisor of several.
    """

    def __init__(self, compute: Compute, symbols: frozenset[str], chooses: bool = False) -> None:
        self.compute, self.symbols, self.chooses = compute, symbols, chooses

    def value(self, places: Mapping[str, Fraction]) -> Value | None:
        """The value where the symbols have these; `None` where there is none.

        Raises:
            TooLarge: It is too large or too small to be computed.
        """
        try:
            value = self.compute(places)
            if isinstance(value, Fraction) or not value or calc.bits(value) < calc.PRECISION // 2:
                return value
            if abs(value) > 1:
                return value
            return self._tiny(value, places)
        except TooLarge:
            raise
        except (ArithmeticError, ValueError, TypeError, mp.NoConvergence):
            return None

    def _tiny(self, value: Value, places: Mapping[str, Fraction]) -> Value:
        """Zero if more digits make it smaller: what is left of a difference of equal numbers is no value."""
        try:
            mp.prec = calc.HIGH_PRECISION
            again = self.compute(places)
        finally:
            mp.prec = calc.PRECISION
        return Fraction(0) if abs(again) < abs(value) * mp.mpf(2) ** -calc.PRECISION // 2 else value


def read_formula(text: str) -> Formula | None:
    """A plain form as a formula, `None` where it is none that is understood here."""
    if len(text) > LONGEST or _DERIVATIVE.search(text):
        return None
    text = in_grammar_s_terms(text)
    tokens, at = [], 0
    text = _SCIENTIFIC.sub(r"(\1 \\cdot 10^{\2})", text.rstrip())
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            return None
        tokens.append(match[1])
        at = match.end()
    try:
        parser = Parser(tokens)
        compute = parser.sum(0)
        if parser.peek() is not None:
            return None
    except Unread:
        return None
    return Formula(compute, frozenset(parser.symbols), not SEVERAL.keys().isdisjoint(tokens))
