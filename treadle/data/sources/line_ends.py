r"""One line end: `\r\n`, a lone `\r` and Unicode's line and paragraph separators become `\n`, in whole rows.

Rows are changed before a form reads them, so that whatever a form says about places and lengths is about the text that
it gives. What the source had is gone; `meta["line_ends"]` and the report say how many were changed.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from treadle.trajectory import Trajectory

_OTHERS = ("\r", "\u2028", "\u2029")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\(?:r|u202[89])")  # and no backslash before, which would be text


def with_plain_line_ends(data: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A row with `\n` alone, and how many line ends were changed; the row itself where that is none.

    A column with a list of objects as JSON text is parsed where it holds escapes of line ends.
    """
    opened = {name: _opened(cell) if isinstance(cell, str) else cell for name, cell in data.items()}
    if not _holds(opened):  # as in most rows, which are not taken apart
        return data, 0
    plain, changed = _plain(opened)
    return (plain, changed) if changed else (data, 0)


def _opened(cell: str) -> Any:
    if not cell[:100].lstrip().startswith("[") or not _ESCAPED.search(cell):
        return cell
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, list) and value and all(isinstance(v, dict) for v in value) else cell


def _plain(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        return text_with_plain_line_ends(value)
    if isinstance(value, dict):
        changed = {key: found for key, inner in value.items() if (found := _plain(inner))[1]}
        if not changed:
            return value, 0
        return {**value, **{key: new for key, (new, _) in changed.items()}}, sum(n for _, n in changed.values())
    if isinstance(value, list):
        items = [_plain(inner) for inner in value]
        total = sum(n for _, n in items)
        return ([new for new, _ in items], total) if total else (value, 0)
    return value, 0


def _holds(value: Any) -> bool:
    """Whether a value holds another line end, in whatever depth."""
    kind = type(value)
    if kind is str:
        return "\r" in value or not (value.isascii() or ("\u2028" not in value and "\u2029" not in value))
    if kind is dict:
        return any(map(_holds, value.values()))
    return kind is list and any(map(_holds, value))


def text_with_plain_line_ends(text: str) -> tuple[str, int]:
    """A text with `\n` alone, and how many line ends were changed."""
    if not _holds(text):
        return text, 0
    plain = text.replace("\r\n", "\n")
    total = len(text) - len(plain)
    for end in _OTHERS:
        if end in plain:
            total, plain = total + plain.count(end), plain.replace(end, "\n")
    return plain, total


def with_plain_actions(trajectory: Trajectory) -> tuple[Trajectory, int]:
    """The same for actions that were rendered from a call, whose arguments are JSON text within the row."""
    found = [text_with_plain_line_ends(step.action) for step in trajectory.steps]
    total = sum(n for _, n in found)
    if not total:
        return trajectory, 0
    steps = [replace(step, action=action) for step, (action, _) in zip(trajectory.steps, found, strict=True)]
    return replace(trajectory, steps=tuple(steps)), total
