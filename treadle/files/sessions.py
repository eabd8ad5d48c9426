"""Files of lines that are the log of one session: one row, whose only column holds all lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

from treadle.files.events import begins_session, session_column, session_of
from treadle.files.json_stream import Item, parsed_line, too_large
from treadle.files.rows import Rejected, Unreadable

LOOKED_AT = 30
"""Lines by which it is told whether a file is the log of one session."""
_SMALL = 1 << 20


def may_begin_session(first: Item) -> bool:
    """Whether a first line, or value, is worth a look at the next ones."""
    if first.size > _SMALL:
        return False
    entry = _parsed(first)
    if not isinstance(entry, dict):
        return False
    return isinstance(entry.get("type"), str) or not entry.keys().isdisjoint(("role", "source", "instructions"))


def column_of(head: Iterable[Item]) -> str | None:
    """The column that the lines of a file stand for; `None` where each line is a row.

    Args:
        head: The first lines, up to the first that cannot be read.
    """
    entries = list(takewhile(lambda entry: isinstance(entry, dict), map(_parsed, head)))
    return session_column(entries) if entries else None


def session_items(items: Iterable[Item], column: str, limit: int) -> Iterator[Item]:
    """The sessions of a file as items: one as a rule, several where logs were joined.

    A last line that is cut off is an item of its own; any other line that cannot be read spoils its session.

    Args:
        items: The lines.
        column: See `column_of`.
        limit: Bytes of the largest session that is read.
    """
    number, session = 1, _Session(limit)
    for item in items:
        entry = _parsed(item)
        if session.size and begins_session(column, entry, session.name):
            yield Item(number, session.row(column), session.size)
            number, session = number + 1, _Session(limit)
        session.add(item, entry)
    cut_off = session.without_end()
    yield Item(number, session.row(column), session.size)
    if cut_off:
        yield Item(number + 1, cut_off)


class _Session:
    """The lines of a session as far as the limit allows, and those that could not be read."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: list[Any] = []
        self._broken: list[tuple[int, Rejected]] = []
        self.size = 0
        self.name: str | None = None

    def add(self, item: Item, entry: Any) -> None:
        self.size += item.size
        if isinstance(entry, Rejected):
            self._broken.append((item.number, entry))
            if entry.reason is Unreadable.TOO_LARGE:
                self.size = max(self.size, self._limit + 1)
        if self.size > self._limit:
            self._entries.clear()
        else:
            self._entries.append(entry)
        self.name = self.name or session_of(entry)

    def without_end(self) -> Rejected | None:
        """Part with a last line that cannot be read, if it is the only one."""
        if len(self._entries) < 2 or len(self._broken) != 1 or not isinstance(self._entries[-1], Rejected):
            return None
        self._entries.pop()
        ((number, why),) = self._broken
        self._broken.clear()
        return Rejected(why.reason, f"line {number}, the last one of the session: {why.detail}")

    def row(self, column: str) -> dict[str, Any] | Rejected:
        if self.size > self._limit:
            return too_large(self.size, self._limit)
        if self._broken:
            number, why = self._broken[0]
            return Rejected(why.reason, f"line {number} of the session: {why.detail}")
        return {column: self._entries}


def _parsed(item: Item) -> Any:
    try:
        return parsed_line(item.content) if isinstance(item.content, bytes) else item.content
    except Rejected as rejected:
        return rejected
