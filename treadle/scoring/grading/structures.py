r"""Answers made of parts: lists, sets, points, intervals, unions of them, and equations.

The order counts in `(1, 2)` and not in `1, 2` or `\{1, 2\}`. Brackets of pairs count, since a pair may be an interval.
`1 \pm 2` is the list of both.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Form = Literal["list", "set", "tuple", "union", "matrix"]

_OPENING, _CLOSING = ("\\{", "(", "[", "{", "\\langle"), ("\\}", ")", "]", "}", "\\rangle")
_TOKEN = re.compile(
    r"\\(?:text ?\{ ?,? ?(?:and|or) ?\}|langle|rangle|cup|\{|\}|[a-zA-Z]+|.)"
    r"|[(\[{}\]),;=]|(?<= )(?:and|or)(?= )"
)
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![a-zA-Z])")
_GREEK = r"\\(?!frac|sqrt|text)[a-zA-Z]+"
_SUBSCRIPT = r"(?:_(?:\{[^{}]*(?:\{[^{}]*\})?[^{}]*\}|[A-Za-z0-9]))?"
_NAME = re.compile(
    rf"(?:[A-Za-z]|{_GREEK}|\\(?:d?dot|bar|hat|vec|tilde) ?\{{? ?(?:[A-Za-z]|{_GREEK}) ?\}}?)"
    rf"{_SUBSCRIPT}(?:'|\^\{{?\\prime ?\}}?)*(?: ?\([A-Za-z0-9, ]*\))?"
    r"|\\text ?\{ ?[A-Za-z]{1,12} ?\}"
    rf"|\\frac\{{ ?d ?[A-Za-z]{_SUBSCRIPT} ?\}}\{{ ?d ?[A-Za-z] ?\}}"
)
_FIGURE = re.compile(
    r"(?:\||\[|m ?)?(?:\\(?:angle|triangle|widehat|overline|vec|overrightarrow) ?)?\{? ?[A-Z]{2,5} ?\}?(?:\||\])?"
    r"|[PES] ?[(\[][^()=]{1,30}[)\]]|[A-Z]_\{?[A-Z]{3,6}\}?|m ?\\angle ?[A-Z]|\\angle ?[A-Z]|\|[a-z]\|"
)
_RATIO_OF = re.compile(r"([^:/]{1,40}) ?[:/] ?([^:/]{1,40})")
_FRACTION_OF = re.compile(r"\\frac\{([^{}]{1,40})\}\{([^{}]{1,40})\}")
_MATRIX = re.compile(
    r"[(\[]? ?\\begin ?\{ ?(?:[pbB]?matrix|smallmatrix|array) ?\}(?: ?\{[clr| ]*\})?(.*?)"
    r"\\end ?\{ ?(?:[pbB]?matrix|smallmatrix|array) ?\} ?[)\]]?",
    re.DOTALL,
)
_CASES = re.compile(r"(?:\\\{ ?)?\\begin ?\{ ?cases ?\}(.*?)\\end ?\{ ?cases ?\}", re.DOTALL)
_UNIT_VECTOR = (
    r"(?:\\text ?\{ ?([ijk]) ?\}"
    r"|\\(?:hat|vec|widehat) ?(?:\{ ?(?:\\text ?\{ ?)?\\?([ijk])(?:math)? ?\}? ?\}|\\?([ijk])(?:math)?))"
)
_TERM = re.compile(rf"([+-]?)([^+-]*?){_UNIT_VECTOR} *")
_MEMBER = re.compile(rf"^(?:{_NAME.pattern}) ?\\in ?(?=[(\[\\])")


class Structure(NamedTuple):
    """An answer's parts.

    Args:
        brackets: The two of a tuple or interval, `("(", "]")`; of a matrix the numbers of rows and columns; else empty.
    """

    form: Form
    parts: list[str]
    brackets: tuple[str, str] = ("", "")


def split_top(text: str, separators: tuple[str, ...]) -> list[str]:
    """The parts of `text` between separators that are in no brackets; the whole text where brackets do not match."""
    parts, depth, begin = [], 0, 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
            if depth < 0:
                return [text]
        elif depth == 0 and (token in separators or ("and" in separators and _is_and(token))):
            parts.append(text[begin : match.start()])
            begin = match.end()
    return [part.strip() for part in [*parts, text[begin:]]] if depth == 0 else [text]


def _is_and(token: str) -> bool:
    return token in ("and", "or") or token.startswith("\\text{")


def read_structure(text: str) -> Structure | None:
    """The parts of a plain form; `None` where it is a single thing."""
    text = _MEMBER.sub("", text)
    if (inner := _MATRIX.fullmatch(text)) is not None and "\\begin" not in inner[1]:
        return _matrix(inner[1])
    if (vector := _unit_vectors(text)) is not None:
        return vector
    if match := _CASES.fullmatch(text):
        return Structure("list", [row.strip(" ,&") for row in re.split(r"\\\\", match[1]) if row.strip(" ,&")])
    if text.startswith("(") and _matching(text) and "," in text and len(_PLUS_MINUS.findall(text)) == 1:
        return Structure("list", _items(text))  # two points
    unions = split_top(text, ("\\cup",))
    if len(unions) > 1:
        return Structure("union", unions)
    for opening in ("\\{", "(", "[", "\\langle"):
        if text.startswith(opening) and _matching(text):
            closing = next(c for c in ("\\}", ")", "]", "\\rangle", "}") if text.endswith(c))
            inner = text[len(opening) : -len(closing)].strip()
            if opening == "\\{":
                return Structure("set", _items(inner)) if closing == "\\}" and "\\mid" not in inner else None
            parts = split_top(inner, (",", ";"))
            return Structure("tuple", parts, (opening, closing)) if len(parts) > 1 and all(parts) else None
    groups = split_top(text, (";",))
    if len(groups) > 1 and all(len(split_top(group, (",",))) > 1 for group in groups):
        return Structure("list", groups)  # x = 1, y = 2; x = 3, y = 4
    items = _items(text)
    return Structure("list", items) if len(items) > 1 else None


def _matrix(inner: str) -> Structure | None:
    rows = [row.split("&") for row in re.split(r"\\\\", inner.strip().removesuffix("\\\\").replace(r"\hline", ""))]
    if len({len(row) for row in rows}) != 1:
        return None
    parts = [part.strip() for row in rows for part in row]
    return Structure("matrix", parts, (str(len(rows)), str(len(rows[0])))) if all(parts) else None


def _unit_vectors(text: str) -> Structure | None:
    r"""`3 \mathbf{i} - \mathbf{k}` as the vector `(3, 0, -1)`."""
    found = list(_TERM.finditer(text.replace(" ", "")))
    if not found or "".join(match[0] for match in found) != text.replace(" ", ""):
        return None
    parts = {}
    for match in found:
        name = match[3] or match[4] or match[5]
        if name in parts:
            return None
        parts[name] = f"{'-' if match[1] == '-' else ''}{match[2] or '1'}"
    names = "ijk" if "k" in parts else "ij"
    return Structure("tuple", [parts.get(name, "0") for name in names], ("(", ")"))


def _items(text: str) -> list[str]:
    """The items of a list; what is written with a sign of both stands for two."""
    parts = [part for part in split_top(text, (",", ";", "and")) if part]
    items = []
    for part in parts:
        if len(_PLUS_MINUS.findall(part)) == 1:
            items += [_PLUS_MINUS.sub("+", part).removeprefix("+").strip(), _PLUS_MINUS.sub("-", part)]
        else:
            items.append(part)
    return items


def _matching(text: str) -> bool:
    """Whether the first bracket is closed by the last one and not before, as in `(1, 2)` and not in `(1) (2)`."""
    depth, last = 0, len(text)
    for match in _TOKEN.finditer(text):
        depth += (match.group() in _OPENING) - (match.group() in _CLOSING)
        if depth <= 0:
            return depth == 0 and match.end() == last
    return False


def read_equation(text: str) -> tuple[str, str] | None:
    r"""Both sides of an equation, the first and the last of a chain; `None` for anything else.

    `\approx` counts as an equals sign.
    """
    sides = split_top(re.sub(r"\\approx(?![a-zA-Z])", "=", text), ("=",))
    if len(sides) < 2 or not all(sides) or any(side[-1] in "<>!:" or side[0] in "<>" for side in sides):
        return None
    return sides[0], sides[-1]


def is_quantity(text: str) -> bool:
    r"""Whether a side only names what follows: also `AB`, `|AB|`, `\angle ABC`, `AB:CD`, `P(A)` and `(p, q)`."""
    if is_name(text) or _FIGURE.fullmatch(text):
        return True
    for pattern in (_RATIO_OF, _FRACTION_OF):
        if match := pattern.fullmatch(text):
            return all(is_name(part.strip()) or bool(_FIGURE.fullmatch(part.strip())) for part in match.groups())
    return text[:1] == "(" and text[-1:] == ")" and "," in text and all(map(is_name, split_top(text[1:-1], (",",))))


def is_name(text: str) -> bool:
    r"""Whether a side of an equation only names what follows: `x`, `v_0`, `f(x)`, `\frac{dM}{dt}`."""
    return bool(_NAME.fullmatch(text))
