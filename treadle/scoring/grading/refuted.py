"""What two answers cannot be, seen without computing either: a number is no relation, no set and no formula."""

from __future__ import annotations

import re

from treadle.scoring.grading.formula import read_formula
from treadle.scoring.grading.numbers import read_number

_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne|perp|sim|parallel|subseteq)(?![a-zA-Z])")
_SET = re.compile(r"\\(?:mathbb|setminus)(?![a-zA-Z])")
_RATIO = re.compile(r"\d+(?:\.\d+)? ?(?::|\\colon) ?\d+(?:\.\d+)?")
_COMMAND = re.compile(r"\\(?:text ?\{[^{}]*\}|[a-zA-Z]+)")
_LETTER = re.compile(r"[A-Za-z]")
# Where a letter is bound, or a function is not computed here, a formula with letters may have the value of a number.
_MAY_BE_CONSTANT = re.compile(
    r"\\(?:sum|prod|int|iint|oint|lim|log|gcd|det|deg|dim|bmod|pmod|mod|arg|partial|begin|overline|bar|max_|min_)"
    r"|\\(?:sup|inf)(?![a-zA-Z])|(?<![A-Za-z\\])(?:max|min|log|gcd|lcm|lim|sum|mod|ln|(?:arc)?(?:sin|cos|tan)|exp|sqrt)"
    r"|frac ?\{ ?d"
    r"|[=|\[]|:|\\in(?![a-zA-Z])|\\to(?![a-zA-Z])"
)
_CONSTANTS = frozenset("eidx")  # also what an integral is over
_NAME = re.compile(r"[A-Za-z]|\\(?:alpha|beta|gamma|theta|lambda|mu|phi|omega|sigma)")


def refuted(left: str, right: str) -> str | None:
    """Why two plain forms, which no rule has judged, cannot be the same; `None` where they may be."""
    for one, other in ((left, right), (right, left)):
        number = read_number(one)
        if _RELATION.search(other) and (number is not None or _is_constant(one) or _NAME.fullmatch(one)):
            return "a value against a relation"
        if number is None and not _RATIO.fullmatch(one):
            continue
        if _SET.search(other):
            return "a number against a set"
        if _NAME.fullmatch(other):
            return "a number against a name"
        if not _MAY_BE_CONSTANT.search(other) and set(_LETTER.findall(_COMMAND.sub("", other))) - _CONSTANTS:
            return "a number against a formula"
    return None


def _is_constant(text: str) -> bool:
    formula = read_formula(text)
    return formula is not None and not formula.symbols
