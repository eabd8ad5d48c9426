"""The part of a card that `treadle evaluate --update-card` may write; all else belongs to whoever edits the card."""

from __future__ import annotations

import re

CARD = "README.md"
BEGIN, END = "<!-- treadle:evaluation -->", "<!-- /treadle:evaluation -->"
_SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def section(content: str) -> str:
    """Markdown between the two marks."""
    return f"{BEGIN}\n{content.strip()}\n{END}"


def has_section(text: str) -> bool:
    """Whether a card has one such part, and not several."""
    return len(_SECTION.findall(text)) == 1


def with_section(text: str, content: str) -> str:
    """The card with other content between its marks."""
    return _SECTION.sub(lambda _: section(content), text)
