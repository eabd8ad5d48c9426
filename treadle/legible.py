"""Text and numbers as people read them: long text is cut visibly, and thousands are set apart."""

from __future__ import annotations

from typing import NamedTuple


class Shortened(NamedTuple):
    """Beginning and end of a text; `marker` says what is left out between them, `None` for nothing."""

    head: str
    marker: str | None
    tail: str


def shorten(text: str, first: int, last: int, characters: int) -> Shortened:
    """The first and last lines of `text`, neither part longer than `characters`.

    Args:
        first, last: Lines to show at the beginning and at the end.
        characters: Where lines are long, the most to show of each part.

    Returns:
        Parts that give the text together with what the marker counts: the characters left out, and the ends of
        lines among them. Less than three lines of less than 200 characters are not left out.
    """
    end = min(_after_lines(text, first), characters)
    start = max(_before_lines(text, last), len(text) - characters)
    left_out, lines = start - end, text.count("\n", end, max(start, end))
    if left_out <= 0 or (left_out < 200 and lines < 3):
        return Shortened(text, None, "")
    counted = f"{lines:,} lines, " if lines > 1 else "1 line, " if lines else ""
    return Shortened(text[:end], f"[... {counted}{left_out:,} characters left out ...]", text[start:])


def shortened(text: str, characters: int) -> str:
    """`text` in one string; where it is long, beginning and end alone with the marker between them."""
    head, marker, tail = shorten(text, len(text), len(text), characters // 2)
    return f"{head} {marker} {tail}" if marker else text


def split_lead(text: str, lines: int, characters: int) -> tuple[str, str]:
    """The first `lines` of `text`, at most `characters`, and the rest; a short rest stays with them.

    Where the limit falls into a line, the lead ends before that line, or before the word if the line is long.
    """
    end = min(_after_lines(text, lines), characters)
    if end < len(text) and text[end - 1] != "\n":
        before_line, before_word = (text.rfind(mark, 0, end) + 1 for mark in "\n ")
        end = next((place for place in (before_line, before_word) if place > end / 2), end)
    if len(text) - end < 300 and text.count("\n", end) < 4:
        end = len(text)
    return text[:end], text[end:]


def _after_lines(text: str, lines: int) -> int:
    place = 0
    for _ in range(lines):
        place = text.find("\n", place) + 1
        if not place:
            return len(text)
    return place


def _before_lines(text: str, lines: int) -> int:
    place = len(text) - text.endswith("\n")
    for _ in range(lines):
        place = text.rfind("\n", 0, place)
        if place < 0:
            return 0
    return place + 1 if lines else len(text)


def number(value: float) -> str:
    """With thousands set apart; three digits of what is not whole."""
    if value == int(value) or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
