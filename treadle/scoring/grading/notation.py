r"""Notations of arithmetic in the terms of the grammar: `C(10,3)`, `{}^{10}P_3`, `2 cis 60^\circ`, `2pi`."""

from __future__ import annotations

import re
from math import perm

from treadle.scoring.grading.normal import substituted

_N = r"\{? ?(\d{1,4}) ?\}?"
_LETTER = r"(?:\\text ?\{ ?)?([CP])(?: ?\})?"
_ANGLE = (
    r"(?:\( ?([^()]{1,60}) ?\)|(\\frac\{[^{}]{1,40}\}\{[^{}]{1,40}\}(?: ?\\pi)?|\d{1,4}(?:\.\d{1,9})? ?\^ ?\\circ"
    r"|(?:\d{1,4} ?)?\\(?:pi|theta|alpha|phi)(?![a-zA-Z])(?: ?/ ?\d{1,4})?|\d{1,4}))"
)


def _selection(match: re.Match[str]) -> str:
    n, letter, k = match[1], match[2], match[3]
    return _chosen(letter, int(n), int(k)) or match[0]


def _called(match: re.Match[str]) -> str:
    return _chosen(match[1], int(match[2]), int(match[3])) or match[0]


def _chosen(letter: str, n: int, k: int) -> str | None:
    if k > n or n > 2000:
        return None
    return rf"\binom{{{n}}}{{{k}}}" if letter == "C" else f"({perm(n, k)})"


_TERMS = (
    # {}_{10}C_3 and ^{10}P_3, then C(10,3), then C_{10}^3, of which the lower number is the larger one
    (re.compile(rf"(?:\{{ ?\}} ?|(?<![A-Za-z0-9)}}]))[_^] ?{_N} ?{_LETTER} ?_ ?{_N}"), _selection),
    (re.compile(r"(?<![A-Za-z\\])([CP]) ?\( ?(\d{1,4}) ?, ?(\d{1,4}) ?\)"), _called),
    (re.compile(rf"(?<![A-Za-z\\])([CP]) ?_ ?{_N} ?\^ ?{_N}"), _called),
    (
        re.compile(rf"(?:\\text ?\{{ ?cis ?\}}|\\cis(?![a-zA-Z])|(?<![a-zA-Z\\])cis(?![a-zA-Z])) ?{_ANGLE}"),
        lambda m: rf"(\cos({m[1] or m[2]})+i\sin({m[1] or m[2]}))",
    ),
    (re.compile(r"(?<![a-zA-Z\\])pi(?![a-zA-Z])"), r"\\pi "),
    (re.compile(r"\\cancel ?(?=\{)"), ""),
    (re.compile(r"\\(min|max|gcd) ?\\\{([^{}\\]*(?:\\[a-zA-Z]+[^{}\\]*)*)\\\}"), r"\\\1(\2)"),
    (re.compile(r"(?<![A-Za-z\\])(min|max|gcd)(?= ?\()"), r"\\\1"),
)
_ANY = re.compile(r"C|P|cis|pi|\\cancel|min|max|gcd")


def in_grammar_s_terms(text: str) -> str:
    """The plain form with these notations written as the grammar knows them."""
    return substituted(text, _TERMS) if _ANY.search(text) else text
