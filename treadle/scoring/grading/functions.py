r"""The part of the grammar of arithmetic that reads functions, and sums and products between bounds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.bounded import BOUNDED, bounded
from treadle.scoring.grading.calculator import Compute, both, constant, mp, one

TIMES = ("*", r"\cdot", r"\times")
OVER = ("/", r"\div")
ENDS = frozenset({"+", "-", ",", ")", "]", "}", r"\rvert", r"\rfloor", r"\rceil", *TIMES, *OVER})
FUNCTIONS = frozenset(rf"\{name}" for name in calc.FUNCTIONS) | {r"\ln", r"\log", r"\lg"}
SEVERAL = {r"\min": calc.least, r"\max": calc.largest, r"\gcd": calc.common_divisor}
_INVERSE = frozenset({r"\sin", r"\cos", r"\tan"})


class Unread(Exception):
    """The text is not understood, or in two ways."""


class FunctionParser:
    """What reads a function; `grammar.Parser` has the rest."""

    symbols: set[str]
    tokens: list[str]
    peek: Callable[[], str | None]
    take: Callable[[], str]
    expect: Callable[[str], None]
    sum: Callable[[int], Compute]
    power: Callable[[int], Compute]
    juxtaposed: Callable[[int], tuple[Compute, bool]]
    exponent: Callable[[int], Compute]
    argument: Callable[[int], Compute]
    group: Callable[[str, int], Compute]

    def bounded(self, token: str, depth: int) -> Compute:
        r"""`\sum_{k=1}^{n}` and what it is taken of, up to the next sign."""
        for part in ("_", "{"):
            self.expect(part)
        name = self.take()
        if len(name) != 1 or not name.isalpha() or name in "ei" or name in self.symbols:
            raise Unread
        self.expect("=")
        low = self.sum(depth + 1)
        for part in ("}", "^"):
            self.expect(part)
        high = self.exponent(depth)
        if name in self.symbols:
            raise Unread
        term = self.juxtaposed(depth + 1)[0]
        if self.peek() in (*TIMES, *OVER):
            raise Unread  # whether the sum ends here
        self.symbols.discard(name)
        return bounded(name, low, high, term, *BOUNDED[token])

    def of_several(self, token: str, depth: int) -> Compute:
        r"""`\min(a, b)`; one argument that is a number with a comma, as in `\min(1,200)`, may be two."""
        self.expect("(")
        arguments = [self.sum(depth + 1)]
        while self.peek() == ",":
            self.take()
            arguments.append(self.sum(depth + 1))
        if len(arguments) < 2 or any("," in token for token in self.tokens if token != ","):
            raise Unread
        self.expect(")")
        return lambda places: SEVERAL[token]([argument(places) for argument in arguments])

    def function(self, token: str, depth: int) -> Compute:
        base = exponent = None
        if token in (r"\log", r"\lg") and self.peek() == "_":
            self.take()
            base = self.argument(depth)
        if self.peek() == "^":
            self.take()
            exponent = self.exponent(depth)
        if self.peek() in ("(", "{", "["):
            argument = self.group(self.peek(), depth)
            if self.peek() in ("^", "!", "(", "["):
                raise Unread
        else:
            argument = self.bare_argument(depth)
        if token in (r"\log", r"\lg", r"\ln"):
            if base is None and token == r"\log":
                raise Unread  # of base 10 or e
            base = base or ((lambda places: mp.e) if token == r"\ln" else constant(Fraction(10)))
            value = both(calc.logarithm, argument, base)
        else:
            value = one(lambda v: calc.apply(token[1:], v), argument)
        if exponent is None:
            return value
        if token in _INVERSE:
            return both(calc.power_of_function, value, exponent)
        return both(calc.power, value, exponent)

    def bare_argument(self, depth: int) -> Compute:
        r"""The argument of a function without brackets, up to a sign or another function: `2x` of `\sin 2x`."""
        argument = self.power(depth)
        while (token := self.peek()) is not None and token not in ENDS and token not in FUNCTIONS:
            if token in ("|", "(", "[") or token[0] in "0123456789.":
                raise Unread
            argument = both(calc.multiply, argument, self.power(depth))
        return argument
