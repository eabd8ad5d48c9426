r"""The grammar of arithmetic in LaTeX: recursive descent over tokens, building functions of the symbols' values.

What can be read in two ways raises `Unread`: `1/2x`, `\sin \pi/6`, `\log x` without a base.
"""

from __future__ import annotations

import re
from fractions import Fraction

from treadle.scoring.grading import calculator as calc
from treadle.scoring.grading.bounded import BOUNDED
from treadle.scoring.grading.calculator import Compute, both, constant, mp, negated, one
from treadle.scoring.grading.functions import ENDS, FUNCTIONS, OVER, SEVERAL, TIMES, FunctionParser, Unread

_DEEPEST = 40
_GREEK = frozenset(
    re.findall(
        r"\\\w+",
        r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \kappa \lambda \mu \nu \xi \rho "
        r"\sigma \tau \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Phi \Psi \Omega",
    )
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lvert": r"\rvert", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_SUBSCRIPT = re.compile(r"[A-Za-z0-9]{1,12}")


class Parser(FunctionParser):
    """Recursive descent over the tokens, building functions of the symbols' values."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.symbols = tokens, 0, set()

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise Unread
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise Unread

    def sum(self, depth: int) -> Compute:
        if depth > _DEEPEST:
            raise Unread
        sign = self.take() if self.peek() in ("+", "-") else "+"
        total = self.product(depth)
        if sign == "-":
            total = negated(total)
        while self.peek() in ("+", "-"):
            sign = self.take()
            term = self.product(depth)
            total = both(calc.add, total, negated(term) if sign == "-" else term)
        return total

    def product(self, depth: int) -> Compute:
        value, slashed = self.juxtaposed(depth)
        while (token := self.peek()) in (*TIMES, *OVER):
            self.take()
            sign = self.take() if self.peek() in ("+", "-") else "+"
            factor, several = self.juxtaposed(depth)
            if token in OVER and (several or slashed):
                raise Unread  # 1/2x
            factor = negated(factor) if sign == "-" else factor
            value = both(calc.multiply if token in TIMES else calc.divide, value, factor)
        return value

    def juxtaposed(self, depth: int) -> tuple[Compute, bool]:
        """Factors without a sign between them, whether there are several after a number over a number."""
        begin = self.at
        value, count = self.power(depth), 1
        while (token := self.peek()) is not None and token not in ENDS and not (token == "|" and self.in_bars):
            if token[0] in "0123456789.":
                raise Unread  # 2 3
            first = self.at == begin + 1 and self.tokens[begin].isdigit()
            if first and token == r"\frac" and (mixed := self.proper_fraction()) is not None:
                value = both(calc.add, value, mixed)
            else:
                value = both(calc.multiply, value, self.power(depth))
            count += 1
        functions = any(t in FUNCTIONS for t in self.tokens[begin : self.at])
        return value, (functions and self.peek() in OVER) or (
            count > 1 and begin > 0 and self.tokens[begin - 1] in OVER
        )

    in_bars = 0

    def proper_fraction(self) -> Compute | None:
        r"""The `\frac{1}{3}` of a mixed number."""
        part = self.tokens[self.at : self.at + 7]
        shape = [part[k] for k in (0, 1, 3, 4, 6)] if len(part) == 7 else None
        if shape != [r"\frac", "{", "}", "{", "}"] or not (part[2].isdigit() and part[5].isdigit()):
            return None
        if not 0 < int(part[2]) < int(part[5]):
            return None
        self.at += 7
        return constant(Fraction(int(part[2]), int(part[5])))

    def power(self, depth: int) -> Compute:
        base = self.atom(depth)
        while (token := self.peek()) in ("!", "^"):
            self.take()
            if token == "!":
                if self.peek() == "!":
                    raise Unread
                base = one(calc.factorial_of, base)
            elif self.peek() == r"\circ":
                self.take()
                base = both(calc.multiply, base, lambda places: mp.pi / 180)
            else:
                base = both(calc.power, base, self.exponent(depth))
                if self.peek() == "^":
                    raise Unread
        return base

    def exponent(self, depth: int) -> Compute:
        sign = self.take() if self.peek() in ("+", "-") else "+"
        exponent = self.argument(depth)
        return negated(exponent) if sign == "-" else exponent

    def argument(self, depth: int) -> Compute:
        """What a command or a script applies to: a group or a single thing."""
        return self.group("{", depth) if self.peek() == "{" else self.atom(depth)

    def group(self, opening: str, depth: int) -> Compute:
        self.expect(opening)
        outer, self.in_bars = self.in_bars, opening == "|"
        value = self.sum(depth + 1)
        self.in_bars = outer
        self.expect(_CLOSING[opening])
        return value

    def atom(self, depth: int) -> Compute:
        token = self.peek()
        if token is None or depth > _DEEPEST:
            raise Unread
        if token in ("(", "[", "{"):
            return self.group(token, depth)
        if token in ("|", r"\lvert"):
            return one(calc.absolute, self.group(token, depth))
        if token in (r"\lfloor", r"\lceil"):
            return one(calc.floor if token == r"\lfloor" else calc.ceiling, self.group(token, depth))
        self.take()
        if token[0] in "0123456789.":
            if self.peek() == "_":
                raise Unread  # a base
            return constant(Fraction(token.replace(",", "")))
        if token == r"\pi":
            return lambda places: +mp.pi
        if token in (r"\frac", r"\binom"):
            top, bottom = self.argument(depth), self.argument(depth)
            return both(calc.divide if token == r"\frac" else calc.binomial, top, bottom)
        if token == r"\sqrt":
            return self.root(depth)
        if token in FUNCTIONS:
            return self.function(token, depth)
        if token in SEVERAL:
            return self.of_several(token, depth)
        if token in BOUNDED:
            return self.bounded(token, depth)
        if token in _GREEK or (len(token) == 1 and token.isalpha()):
            return self.symbol(token)
        raise Unread

    def root(self, depth: int) -> Compute:
        degree = 2
        if self.peek() == "[":
            self.take()
            number = self.take()
            if not number.isdigit() or not 2 <= int(number) <= 99:
                raise Unread
            degree = int(number)
            self.expect("]")
        inner = self.argument(depth)
        return lambda places: calc.root(inner(places), degree)

    def symbol(self, token: str) -> Compute:
        if self.peek() == "_":
            self.take()
            script = self.take()
            if script == "{":
                script = ""
                while (part := self.take()) != "}":
                    script += part
            if not _SUBSCRIPT.fullmatch(script):
                raise Unread
            token = f"{token}_{script}"
        elif token == "e":
            return lambda places: +mp.e
        elif token == "i":
            return lambda places: mp.mpc(0, 1)
        elif self.peek() == "(" and (token in "fgh" or self.tokens[self.at + 1 : self.at + 3] == ["0", ")"]):
            token += self.argument_text()  # its values are not known, so that it is a symbol of its own
        self.symbols.add(token)
        return lambda places: places[token]

    def argument_text(self) -> str:
        """The text of the brackets that follow."""
        begin, depth = self.at, 0
        while depth or self.at == begin:
            token = self.take()
            depth += (token == "(") - (token == ")")
        return "".join(self.tokens[begin : self.at])
