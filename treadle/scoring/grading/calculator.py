"""Values of arithmetic: fractions as long as all is exact, numbers of sixty digits after that, and limits on both.

No power or factorial takes long: what would have more than 40,000 bits is computed as a rounded number, whose
exponent has no bounds, so that nothing overflows and nothing underflows to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import comb, factorial, gcd, isqrt
from typing import Any

from mpmath.ctx_mp import MPContext

EXACT_BITS = 40_000
_LARGEST = 1 << 40  # bits of a rounded number, beyond which nothing is computed
mp = MPContext()
PRECISION, HIGH_PRECISION = 200, 500
mp.prec = PRECISION

Value = Any
"""A `Fraction`, or a number of `mp`."""
Compute = Callable[[Mapping[str, Fraction]], Value]
"""What gives the value of an expression from those of its symbols."""


class NoValue(ArithmeticError):
    """An expression has no value here, or none that can be computed."""


class TooLarge(NoValue):
    """A value that is too large or too small to be computed."""


def bits(value: Value) -> int:
    """How large or small a value is: the size of its exponent in base 2."""
    if isinstance(value, Fraction):
        return max(abs(value.numerator).bit_length(), value.denominator.bit_length())
    return 0 if not value else abs(int(mp.mag(value)))


def rounded(value: Value) -> Any:
    """A value as a number of `mp`."""
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def checked(value: Value) -> Value:
    """The value, if it is of a size to go on with; else it raises."""
    if isinstance(value, Fraction):
        return value if bits(value) <= EXACT_BITS else rounded(value)
    if not mp.isfinite(value):
        raise NoValue
    if value and bits(value) > _LARGEST:
        raise TooLarge
    return value


def add(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return checked(a + b)
    return checked(rounded(a) + rounded(b))


def multiply(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return checked(a * b)
    return checked(rounded(a) * rounded(b))


def divide(a: Value, b: Value) -> Value:
    if not b:
        raise NoValue
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return checked(a / b)
    return checked(rounded(a) / rounded(b))


def power(base: Value, exponent: Value) -> Value:
    if not base:
        if exponent == 0 or (isinstance(exponent, Fraction) and exponent < 0):
            raise NoValue
        return Fraction(0)
    if isinstance(exponent, Fraction) and isinstance(base, Fraction):
        if exponent.denominator == 1 and abs(exponent.numerator) * bits(base) <= EXACT_BITS:
            return base**exponent.numerator
        if exponent.denominator in (2, 3) and (base > 0) and bits(base) < 4000:
            root = exact_root(base, exponent.denominator)
            if root is not None:
                return power(root, Fraction(exponent.numerator))
    if isinstance(exponent, Fraction) and exponent == 1:
        return base
    if bits(exponent) > (64 if isinstance(exponent, Fraction) else 40) and abs(exponent) > 1:
        raise TooLarge
    return checked(mp.power(rounded(base), rounded(exponent)))


def exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root of a positive fraction where it is a fraction, of degree 2 or 3."""
    roots = [_whole_root(n, degree) for n in (value.numerator, value.denominator)]
    return None if None in roots else Fraction(*roots)


def _whole_root(n: int, degree: int) -> int | None:
    root = isqrt(n) if degree == 2 else round(mp.cbrt(n)) if n.bit_length() < 150 else 0
    return int(root) if int(root) ** degree == n else None


def root(value: Value, degree: int) -> Value:
    if isinstance(value, Fraction):
        if degree % 2 and value < 0:
            return multiply(Fraction(-1), root(-value, degree))
        if value == 0:
            return value
        if degree in (2, 3) and value > 0 and (exact := exact_root(value, degree)) is not None:
            return exact
    elif degree % 2 and mp.im(value) == 0 and value < 0:
        return -root(-value, degree)
    return checked(mp.root(rounded(value), degree) if degree > 2 else mp.sqrt(rounded(value)))


def factorial_of(value: Value) -> Value:
    if not isinstance(value, Fraction) and bits(value) > 34:
        raise TooLarge
    if not isinstance(value, Fraction) or value.denominator != 1 or value < 0:
        raise NoValue
    n = value.numerator
    if n <= 3000:
        return Fraction(factorial(n))
    if n > 1 << 34:
        raise TooLarge
    return checked(mp.factorial(n))


def binomial(top: Value, bottom: Value) -> Value:
    if (
        not all(isinstance(v, Fraction) and v.denominator == 1 for v in (top, bottom))
        or not 0 <= bottom <= top < 10_000
    ):
        raise NoValue
    return checked(Fraction(comb(top.numerator, bottom.numerator)))


def absolute(value: Value) -> Value:
    return abs(value)


def floor(value: Value) -> Value:
    return Fraction(value.numerator // value.denominator) if isinstance(value, Fraction) else _floor(value)


def ceiling(value: Value) -> Value:
    return -floor(-value)


def _floor(value: Any) -> Fraction:
    if mp.im(value) != 0 or bits(value) > 100 or abs(value - mp.nint(value)) < mp.mpf(2) ** -60:
        raise NoValue  # rounding would decide
    return Fraction(int(mp.floor(value)))


def apply(name: str, value: Value) -> Value:
    """A function of one argument, by its LaTeX name."""
    if bits(value) > 300 and abs(value) > 1:
        raise TooLarge
    return checked(_FUNCTIONS[name](rounded(value)))


def logarithm(value: Value, base: Value) -> Value:
    if not value or not base or base == 1:
        raise NoValue
    if isinstance(value, Fraction) and isinstance(base, Fraction) and value > 0 and base > 1:
        guess = mp.log(rounded(value)) / mp.log(rounded(base))
        whole = int(mp.nint(guess))
        if abs(guess - whole) < 1e-30 and power(base, Fraction(whole)) == value:
            return Fraction(whole)
    return checked(mp.log(rounded(value)) / mp.log(rounded(base)))


def least(values: list[Value]) -> Value:
    return min(_reals(values), key=rounded)


def largest(values: list[Value]) -> Value:
    return max(_reals(values), key=rounded)


def common_divisor(values: list[Value]) -> Value:
    if not all(isinstance(value, Fraction) and value.denominator == 1 for value in values):
        raise NoValue
    return Fraction(gcd(*(value.numerator for value in values)))


def _reals(values: list[Value]) -> list[Value]:
    if any(not isinstance(value, Fraction) and mp.im(value) for value in values):
        raise NoValue
    return values


_FUNCTIONS = {
    **{name: getattr(mp, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "exp")},
    **{f"arc{name}": getattr(mp, f"a{name}") for name in ("sin", "cos", "tan")},
}
FUNCTIONS = frozenset(_FUNCTIONS)


def power_of_function(value: Value, exponent: Value) -> Value:
    r"""`\sin^2 x`; what `\sin^{-1} x` is cannot be told: the inverse function, or one over it."""
    if exponent == -1:
        raise NoValue
    return power(value, exponent)


def constant(value: Fraction) -> Compute:
    return lambda places: value


def negated(a: Compute) -> Compute:
    return lambda places: -a(places)


def one(function: Callable[[Value], Value], a: Compute) -> Compute:
    """A function of an expression."""
    return lambda places: function(a(places))


def both(function: Callable[[Value, Value], Value], a: Compute, b: Compute) -> Compute:
    """A function of two expressions."""
    return lambda places: function(a(places), b(places))
