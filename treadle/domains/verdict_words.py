"""The words of verdicts, and what a domain's verdict returns, read: True, False, None, a word, or one with a reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from treadle.errors import DomainError
from treadle.files.encodings import encodable

KINDS = ("math", "integer", "minerva", "text", "choice")
"""How an answer may be graded, see `treadle.scoring.grading`."""
LONGEST = 500
"""Characters of a reason."""


class Verdict(StrEnum):
    """What became of one answer; `unscorable` is what a domain's own verdict says of what nobody can judge."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    NO_ANSWER = "no_answer"
    HUNG = "hung"
    CRASHED = "crashed"
    UNSCORABLE = "unscorable"


SAME = {True: Verdict.RIGHT, False: Verdict.WRONG, None: Verdict.UNDECIDED}
"""Verdicts by whether an answer is the reference, `None` where that cannot be told."""


def read_verdict(returned: Any, place: str) -> tuple[str, str]:
    """The word of a verdict, and why.

    Args:
        place: What returned it, for the message.

    Raises:
        DomainError: It is no verdict.
    """
    value, why = returned if isinstance(returned, tuple | list) and len(returned) == 2 else (returned, "")
    if type(value).__name__ in ("bool", "bool_"):  # numpy's, too
        value = bool(value)
    if (value is None or isinstance(value, bool)) and isinstance(why, str):
        return SAME[value], short(why)
    if isinstance(value, str) and value in list(Verdict) and isinstance(why, str):
        return str(value), short(why)
    raise DomainError(
        f"verdict: {place} returned {returned!r:.80}; expected True, False, None (undecided), one of "
        f'{", ".join(Verdict)}, or one of these with a reason, as in return False, "the cup is empty"'
    )


def short(why: str) -> str:
    """A reason in one line, as long as it may be."""
    return " ".join(encodable(why).split())[:LONGEST]
