r"""Compare two expressions by computer algebra; runs in a worker process only, since any of it may hang.

LaTeX is read by latex2sympy (math-verify's reader), without math-verify's search for an answer in a text, its units and
its lower-casing: those read `\frac{37}{4} m` as 37/4 and `\frac{1}{3} E_{1}+\frac{2}{3} E_{2}` as 2/3. Names that the
reader knows otherwise or not at all (`y'`, `\dot{x}_0`, `E_{1}`, `\gamma`) are replaced by plain symbols first.

Two expressions are the same if they have the same value at several points, computed with 40 digits, which is faster
and more often conclusive than simplifying their difference; equations, if the differences of their sides are in a
constant ratio. Relations, sets and matrices are left to `math_verify.verify`, in both directions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig, latex2sympy, normalize_latex
from math_verify import verify
from sympy.core.function import AppliedUndef

from treadle.scoring.grading.normal import substituted
from treadle.scoring.grading.points import NEGATIVE, POSITIVE, At, agree, close, place
from treadle.scoring.grading.verdicts import Finding

_NORMALIZATION = NormalizationConfig(
    basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
)
_CONVERSION = ConversionConfig(lowercase_symbols=False)
_DIGITS = 40

_GREEK = (
    r"\\(?:alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|vartheta|iota|kappa|lambda|mu|nu|xi|rho|sigma|tau"
    r"|upsilon|phi|varphi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Phi|Psi|Omega|hbar|ell)(?![a-zA-Z])"
)
_ACCENT = rf"\\(?:d?dot|bar|hat|vec|tilde) ?(?:\{{ ?(?:[A-Za-z]|{_GREEK}) ?\}}|[A-Za-z]|{_GREEK})"
_SUBSCRIPT = r" ?_ ?(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)?\}|[A-Za-z0-9]|\\[a-zA-Z]+)"
_PRIMES = r"(?: ?'+| ?\^ ?\{ ?(?:\\prime ?)+\}| ?\^ ?\\prime)"
_NAME = re.compile(
    r"(?P<kept>\\(?:text ?\{[^{}]*\}|(?:log|sum|prod|int|lim|max|min|sup|inf|begin|end|binom)(?![a-zA-Z])))"
    rf"|{_ACCENT}(?:{_SUBSCRIPT})?(?:{_PRIMES})?|[A-Za-z]{_SUBSCRIPT}(?:{_PRIMES})?|{_GREEK}(?:{_SUBSCRIPT})?(?:{_PRIMES})?"
    rf"|[A-Za-z]{_PRIMES}|(?<![\\A-Za-z])E(?![A-Za-z])"
)
_DERIVED = rf"(?:{_ACCENT}|{_GREEK}|[A-Za-z])(?:{_SUBSCRIPT})?"
_POWER = r"(?: ?\^ ?(?:\{ ?\d ?\}|\d))?"
_DERIVATIVE = re.compile(rf"\\frac ?\{{ ?d{_POWER} ?{_DERIVED} ?\}} ?\{{ ?d ?{_DERIVED}{_POWER} ?\}}")
_READER_TERMS = (
    (
        re.compile(
            r"(?<![\\a-zA-Z])(?:np\.|numpy\.|math\.)?"
            r"(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|sqrt|exp|ln|log|pi)(?![a-zA-Z])"
        ),
        r"\\\1",
    ),
    (re.compile(r"\\sqrt ?\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<=\d)\.(?!\d)"), ""),
    (re.compile(r"(?<![A-Za-z_}])(\d+(?:\.\d+)?|\.\d+)[eE]([+-]?\d{1,3})(?![\d^])"), r"(\1 \\cdot 10^{\2})"),
    (re.compile(r"\^ ?(-?\d{2,}|-\d)"), r"^{\1}"),
    (re.compile(r"\^ ?\\circ"), r" \\cdot \\frac{\\pi}{180} "),
)
_SYMBOL = re.compile(r"z_\{?(\d+)\}?")
_IMAGINARY = re.compile(r"(?<![a-zA-Z\\])i(?![a-zA-Z])")


def compare(left: str, right: str, kind: str) -> Finding:
    """Judge two plain forms that no simpler rule decides."""
    a, b = read(left), read(right)
    if a is None or b is None:
        return Finding(False, "not readable as mathematics")
    finding = _compare(a, b, kind, fold=False)
    if not finding.same and not (_both_cases(a) or _both_cases(b)):
        # math-verify and the harness take no notice of case; here only where no name occurs in both.
        folded = _compare(a, b, kind, fold=True)
        if folded.same:
            return folded
    return finding


@lru_cache(maxsize=4096)
def read(text: str) -> Any | None:
    """A plain form as a sympy object; `None` if it cannot be read."""
    try:
        return latex2sympy(
            normalize_latex(_readable(text), _NORMALIZATION),
            is_real=not _IMAGINARY.search(text),
            convert_degrees=False,
            normalization_config=None,
            conversion_config=_CONVERSION,
        )
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:  # the reader raises bare `Exception` for what it does not understand, and others
        return None


def _readable(text: str) -> str:
    """The text in the reader's own terms."""
    text = _DERIVATIVE.sub(_symbol, substituted(text, _READER_TERMS))
    return _NAME.sub(lambda match: match[0] if match["kept"] else _symbol(match), text)


def _symbol(match: re.Match[str]) -> str:
    """A symbol that the reader takes as one, with the name in the digits of its subscript."""
    name = re.sub(r"\\(?:text|mathrm|prime)|[{} ^]", lambda m: "'" if m[0] == r"\prime" else "", match[0])
    return f" {{z_{{{int.from_bytes(name.encode('utf-8', 'surrogatepass'))}}}}} "


def _name(symbol: sympy.Symbol) -> str:
    """The name that a symbol stands for."""
    if match := _SYMBOL.fullmatch(str(symbol)):
        number = int(match[1])
        return number.to_bytes((number.bit_length() + 7) // 8).decode("utf-8", "surrogatepass")
    return str(symbol)


def _both_cases(expression: Any) -> bool:
    names = {_name(symbol) for symbol in getattr(expression, "free_symbols", ())}
    return any(name != name.lower() and name.lower() in names for name in names)


def _compare(a: Any, b: Any, kind: str, fold: bool) -> Finding:
    if isinstance(a, sympy.Eq) and isinstance(b, sympy.Eq):
        finding = _same_equation(a, b, kind, fold)
    elif isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr) and not a.is_Matrix and not b.is_Matrix:
        finding = _same_values(a, b, kind, fold)
    else:
        finding = None
    if finding is not None:
        return finding
    same = any(verify(x, y, allow_set_relation_comp=True, timeout_seconds=None) for x, y in ((a, b), (b, a)))
    return Finding(bool(same), "math-verify")


def _same_values(a: Any, b: Any, kind: str, fold: bool) -> Finding | None:
    """`None` if the expressions cannot be computed."""
    a, b = _as_symbols(a, b, fold)
    rounded = a.has(sympy.Float) or b.has(sympy.Float)
    symbolic = bool(a.free_symbols or b.free_symbols)
    if not symbolic and not rounded and (exact := _exactly(a, b)) is not None:
        return Finding(exact, "equal numbers" if exact else "different numbers")

    closely = "math" if symbolic and not rounded else kind  # as in `values`

    def at(point: int) -> At | None:
        x, y = (_value(e, point) for e in (a, b))
        if x is None or y is None:
            return None
        return At(close(x, y, closely, rounded), all(abs(sympy.im(v)) <= abs(v) * 1e-25 for v in (x, y)))

    return agree(at, kind, symbolic)


def _exactly(a: Any, b: Any) -> bool | None:
    """Whether two whole numbers or fractions are equal; `None` where one is neither."""
    x, y = a.doit(), b.doit()
    return bool(x == y) if x.is_Rational and y.is_Rational else None


def _same_equation(a: sympy.Eq, b: sympy.Eq, kind: str, fold: bool) -> Finding | None:
    """Whether the differences of the sides are in a constant ratio."""
    try:
        first, second = _as_symbols(a.lhs - a.rhs, b.lhs - b.rhs, fold)
    except TypeError:  # a side is a set
        return None
    rounded = first.has(sympy.Float) or second.has(sympy.Float)
    ratio = None
    for point in POSITIVE + NEGATIVE:
        x, y = _value(first, point), _value(second, point)
        if x is None or y is None or y == 0:
            return None
        if ratio is not None and not close(x / y, ratio, kind, rounded):
            return Finding(False, "different equations")
        ratio = x / y
    return Finding(ratio != 0, "equivalent equations")


def _as_symbols(a: Any, b: Any, fold: bool) -> tuple[Any, Any]:
    """Both with derivatives and unknown functions as symbols, and without assumptions on symbols.

    `f(x)` is a product where `f` stands alone elsewhere.
    """
    alone = {str(symbol) for e in (a, b) for symbol in e.free_symbols}

    def replaced(expression: Any) -> Any:
        unknown = expression.atoms(AppliedUndef)
        products = {f: sympy.Symbol(str(f.func)) * sympy.Mul(*f.args) for f in unknown if str(f.func) in alone}
        named = {f: sympy.Symbol(f"function {f}") for f in unknown if f not in products}
        derivatives = {d: sympy.Symbol(f"derivative {d}") for d in expression.atoms(sympy.Derivative)}
        expression = expression.xreplace(derivatives).xreplace(products).xreplace(named)
        plain = {s: _plain_symbol(s, fold) for s in expression.free_symbols}
        return expression.xreplace(plain)

    return replaced(a), replaced(b)


def _plain_symbol(symbol: sympy.Symbol, fold: bool) -> Any:
    name = _name(symbol)
    if name == "i":
        return sympy.I
    return sympy.Symbol(name.lower() if fold else name)


def _value(expression: Any, point: int) -> Any | None:
    """The value at a point; `None` where there is none."""
    places = {s: sympy.Rational(*place(str(s), point).as_integer_ratio()) for s in expression.free_symbols}
    value = expression.doit().evalf(_DIGITS, subs=places) if places else expression.evalf(_DIGITS)
    if not value.is_number or not value.is_finite or not all(part.is_Number for part in value.as_real_imag()):
        return None
    return value
