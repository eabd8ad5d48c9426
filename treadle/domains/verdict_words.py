"""What a domain's verdict returns, read: True, False, None, a word, or one of them with a reason."""

from __future__ import annotations

from typing import Any

from treadle.errors import DomainError
from treadle.files.encodings import encodable

WORDS = ("right", "wrong", "undecided", "no_answer", "hung", "crashed", "unscorable")
"""As `treadle.scoring.grading.Verdict` has them, which stands above."""
LONGEST = 500
"""Characters of a reason."""
_SAME = {True: "right", False: "wrong", None: "undecided"}


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
        return _SAME[value], short(why)
    if isinstance(value, str) and value in WORDS and isinstance(why, str):
        return str(value), short(why)
    raise DomainError(
        f"verdict: {place} returned {returned!r:.80}; expected True, False, None (undecided), one of "
        f'{", ".join(WORDS)}, or one of these with a reason, as in return False, "the cup is empty"'
    )


def short(why: str) -> str:
    """A reason in one line, as long as it may be."""
    return " ".join(encodable(why).split())[:LONGEST]
