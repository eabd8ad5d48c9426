"""An answer before it is read: whether it is a text of a size that is read, and the diff among other text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault

LIMIT = 1 << 20
"""Characters of a patch; the largest gold patch of SWE-bench has a fifth of it."""

HEADERS = ("diff --git ", "--- ", "+++ ", "@@")
_FENCE = re.compile(r"(?:```|~~~)")


def check_text(text: str) -> None:
    """Make sure that a patch or an answer is a text of a size that is read.

    Raises:
        PatchError: It is empty, too large, or cannot stand in a file.
    """
    if not text.strip():
        raise PatchError(PatchFault.EMPTY, "the patch is empty")
    if len(text) > LIMIT:
        raise PatchError(PatchFault.TOO_LARGE, f"a patch of {len(text):,} characters, at most {LIMIT:,} are read")
    if "\0" in text:
        raise PatchError(PatchFault.BINARY, "the patch holds characters of code 0, which no text has")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise PatchError(PatchFault.MALFORMED, f"the patch holds half a character, {half!r}, as no file can") from None


def inside_fences(lines: Sequence[str]) -> list[int]:
    """Indices of the lines within fences that hold a diff; none where it stands in no fence.

    A line of a diff begins with its tag, so that no fence in a file is taken for one around the diff. The last fence
    may be open, as in an answer that was cut off.
    """
    held: list[int] = []
    inside: list[int] | None = None
    for at, line in enumerate([*lines, "```"]):
        if not _FENCE.match(line):
            if inside is not None:
                inside.append(at)
        elif inside is None:
            inside = []
        else:
            if any(lines[k].startswith(HEADERS) for k in inside):
                held += inside
            inside = None
    return held
