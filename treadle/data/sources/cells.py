"""What a cell of a row holds: texts, a thought, an answer, or nothing."""

from __future__ import annotations

import re
from typing import Any

from treadle.files.literals import parsed_list

_SETTINGS = (
    *("on", "off", "yes", "no", "true", "false", "none", "null", "n/a", "enabled", "disabled", "auto", "default"),
    *("minimal", "low", "medium", "high"),
)


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing, as tables have it where a row lacks the column."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def texts_of(cell: Any) -> list[str]:
    """The texts of a cell that are not blank: of a text one, of a list of texts, or of one in JSON or Python's
    notation, all; of anything else none."""
    if isinstance(cell, str):
        listed = parsed_list(cell) if cell[:20].lstrip()[:2] in ('["', "['") else None
        if not listed or not all(isinstance(text, str) for text in listed):
            return [cell] if cell.strip() else []
        cell = listed
    if isinstance(cell, list) and all(isinstance(text, str | None) for text in cell):
        return [text for text in cell if text and text.strip()]
    return []


def thoughts_of(cell: Any) -> list[str]:
    """The texts of a cell with a thought, without words that switch thinking on or say how much of it was asked for."""
    return [text for text in texts_of(cell) if text.strip().lower() not in _SETTINGS]


def is_bare_answer(cell: Any) -> bool:
    """Whether a cell is a final answer where a solution is expected: one short line without words."""
    text = one_text(cell)
    if not isinstance(text, str) or not 0 < len(text.strip()) <= 100 or "\n" in text.strip():
        return False
    return not re.search(r"[^\W\d_]{2}", re.sub(r"\\[a-zA-Z]+", " ", text))


def one_text(cell: Any) -> Any:
    """The text of a list of one text, which is how some tools write a cell; anything else as it is."""
    return cell[0] if isinstance(cell, list) and len(cell) == 1 and isinstance(cell[0], str) else cell


def first_text(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of `names` that holds text which is not blank."""
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), None)
