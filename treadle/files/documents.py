"""Text files: which of the layouts a file has, by its content, and its rows as items.

JSON lines, arrays and documents one after the other are told apart by `json_stream`. Here it is asked besides whether
the file is delimited text, whether its lines are the log of one session, and whether its only object is a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from treadle.files.delimited import delimited_items, is_delimited
from treadle.files.json_stream import Item, json_items, parsed_line
from treadle.files.rows import Rejected, Unreadable
from treadle.files.sessions import LOOKED_AT, column_of, may_begin_session, session_items
from treadle.files.shapes import TO_LINES, table_in
from treadle.files.splits import LEFT_OUT

_BYTES = 1 << 20
_TOO_LARGE = (
    "; if it is a table in one object, with rows under a key, by columns or by key, write its rows as JSON lines, for "
    f"instance: {TO_LINES.format(key='data')}; or raise --max-row-mb"
)


def document_items(stream: Any, name: str, limit: int, split: str, skipped: Counter[str]) -> tuple[str, Iterator[Item]]:
    """The items of a text file and what they are counted in, `line` or `row`.

    Args:
        stream: Binary, UTF-8, with `peek`, `readline` and `read`.
        name: Of the file, without packing.
        limit: Bytes of the largest item that is read.
        split: Which is read of an object that holds several.
        skipped: Counts the others.
    """
    if is_delimited(name, stream.peek(_BYTES)):
        return "row", delimited_items(stream, limit)
    unit, items = json_items(stream, limit)
    head, rest = _looked_at(items, 2)
    if len(head) == 1 and rest is None:
        return _alone(unit, head[0], limit, split, skipped)
    if unit == "line" and rest is not None and may_begin_session(head[0]):
        more, rest = _looked_at(rest, LOOKED_AT - len(head))
        head += more
        if (column := column_of(head)) is not None:
            return "row", session_items(chain(head, rest or ()), column, limit)
    return unit, chain(head, rest or ())


def _looked_at(items: Iterator[Item], count: int) -> tuple[list[Item], Iterator[Item] | None]:
    """The first items, as few as make up `count` or a megabyte, and the rest; `None` where there is no more."""
    head: list[Item] = []
    size = 0
    try:
        for item in items:
            head.append(item)
            size += item.size
            if len(head) >= count or size > _BYTES:
                return head, items
    except Exception as error:  # a damaged file: what stands before comes first
        return head, _failing(error)
    return head, None


def _failing(error: Exception) -> Iterator[Item]:
    raise error
    yield


def _alone(unit: str, item: Item, limit: int, split: str, skipped: Counter[str]) -> tuple[str, Iterator[Item]]:
    """The rows of a file that holds one value."""
    if isinstance(item.content, Rejected):
        return unit, iter([_with_remedy(item)])
    if may_begin_session(item) and (column := column_of([item])) is not None:
        return "row", session_items([item], column, limit)
    try:
        value = parsed_line(item.content) if isinstance(item.content, bytes) else item.content
    except Rejected:
        return unit, iter([item])
    table = table_in(value, split)
    if table is None:
        return unit, iter([item])
    skipped.update(f"{LEFT_OUT}: {name}" for name in table.unread)
    size = item.size // max(1, len(table.rows))
    return "row", (Item(number, row, size) for number, row in enumerate(table.rows, 1))


def _with_remedy(item: Item) -> Item:
    rejected = item.content
    if rejected.reason is not Unreadable.TOO_LARGE:
        return item
    return item._replace(content=Rejected(rejected.reason, rejected.detail + _TOO_LARGE))
