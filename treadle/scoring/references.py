r"""References that no grader reads: with them every answer would be wrong, whatever a model says.

What is looked at is cheap and errs on the side of reading: a letter for a choice, a digit for an integer, a word for a
text; for mathematics something other than prose, with its braces closed. Such problems are listed and count, unless
they are left out (`treadle evaluate --drop-unreadable`).
"""

from __future__ import annotations

import re

from treadle.scoring.grading.normal import LONGEST

MOST_WORDS = 12
"""Words of a mathematical reference beyond which it is prose, such as a proof."""
_ALPHANUMERIC = re.compile(r"\w")
_LETTER = re.compile(r"\W*[A-Ja-j](?![\w'])")
_COMMAND = re.compile(r"\\(?:text|mathrm|textbf|operatorname)? ?\{[^{}]*\}|\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,(?!\d{3}$)\d+")


def unreadable(reference: str, kind: str) -> str:
    """Why no grader reads a reference of this kind, in a few words; empty where one does."""
    if len(reference) > LONGEST:
        return f"longer than {LONGEST} characters"
    if kind == "choice":
        return "" if _LETTER.match(reference) else "no letter of a choice"
    if not _ALPHANUMERIC.search(reference):
        return "neither letters nor digits"
    if kind == "text":
        return ""
    if kind == "integer" and not any(character.isdigit() for character in reference):
        return "no number"
    if not _balanced(reference):
        return "braces that do not close"
    words = len(_WORD.findall(_COMMAND.sub(" ", reference)))
    return f"prose of {words} words" if words > MOST_WORDS else ""


def doubt_about(reference: str, kind: str) -> str:
    """Why answers may be graded otherwise than a reference is meant, in a few words; empty where nothing says so."""
    if reason := unreadable(reference, kind):
        return f"no grader reads them: {'prose' if reason.startswith('prose') else reason}"
    if kind in ("math", "minerva", "integer") and _DECIMAL_COMMA.fullmatch(reference.strip()):
        return "two numbers to the grader, as in 49,5; write 49.5 where one is meant"
    return ""


def _balanced(text: str) -> bool:
    depth = 0
    for match in _BRACES.finditer(text):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth < 0:
            return False
    return depth == 0
