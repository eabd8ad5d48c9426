"""Final answers: find the last `\\boxed{}` of a text and judge it against a reference.

Judging is math-verify's, in worker processes that are killed when they hang (`treadle.grading`). Two cases
need no worker because math-verify could only agree: equal strings and plain integers.
"""

from __future__ import annotations

import re

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


def last_boxed(text: str) -> str | None:
    """Content of the last complete `\\boxed{...}` of `text`, with nested braces; `None` if there is none."""
    for match in reversed(list(_BOXED.finditer(text))):
        depth = 1
        for position in range(match.end(), len(text)):
            character = text[position]
            if text[position - 1] == "\\":  # \{ and \} are characters of the answer, not grouping
                continue
            depth += (character == "{") - (character == "}")
            if depth == 0:
                return text[match.end() : position].strip()
    return None


def plainly_equal(answer: str, reference: str) -> bool | None:
    """Judge what needs no mathematics: `True` or `False` where that is certain, else `None`."""
    answer, reference = answer.strip(), reference.strip()
    if answer == reference:
        return True
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(reference):
        return int(answer) == int(reference)
    return None
