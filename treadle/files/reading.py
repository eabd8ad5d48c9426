"""Rows of chunks, parsed: JSON objects as columns, and for what is none its place and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from treadle.errors import DataError
from treadle.files.chunks import Chunk, iter_chunks
from treadle.files.events import list_column
from treadle.files.json_stream import Item, parsed_line
from treadle.files.rows import Rejected, Row, Unreadable


def rows_of(chunk: Chunk) -> Iterator[Row | tuple[str, Rejected]]:
    """The parsed rows of a chunk; for a row that cannot be parsed, its place and why."""
    if isinstance(chunk.rows, pa.RecordBatch):
        items: Iterable[Item] = (Item(chunk.first + i, row) for i, row in enumerate(chunk.rows.to_pylist()))
    else:
        items = chunk.rows
    for item in items:
        where = f"{chunk.file}, {chunk.unit} {item.number}"
        try:
            yield Row(_as_columns(_parsed(item.content)), where, chunk.source, item.number)
        except Rejected as rejected:
            yield where, rejected


def iter_rows(path: str | Path, split: str = "train", unit: str = "row") -> Iterator[Row]:
    """The rows of `path`, where each of them is needed, as of an evaluation set.

    Args:
        path, split: As for `iter_chunks`.
        unit: What a row is, for the message about one that cannot be read.

    Raises:
        DataError: Nothing is there, or a row cannot be read.
    """
    for chunk in iter_chunks(path, split):
        for row in rows_of(chunk):
            if not isinstance(row, Row):
                where, rejected = row
                raise DataError(f"{where}: {rejected}; every {unit} must be readable")
            yield row


def _parsed(content: Any) -> Any:
    if isinstance(content, Rejected):
        raise content
    return parsed_line(content) if isinstance(content, bytes) else content


def _as_columns(value: Any) -> dict[str, Any]:
    """A row is an object; a bare list of chat messages or of events is a row of one column."""
    if isinstance(value, dict):
        for name in _LISTS:
            if isinstance(value.get(name), dict) and (entries := _transposed(value[name])):
                value = {**value, name: entries}
        return value
    if column := list_column(value[0] if isinstance(value, list) and value else None):
        return {column: value}
    cells = "; a row must be an object, with the names of its columns" if isinstance(value, list) else ""
    raise Rejected(Unreadable.NO_OBJECT, f"found a JSON {type(value).__name__}: {str(value)[:80]!r}{cells}")


_LISTS = ("messages", "conversations", "conversation", "trajectory", "steps", "history")


def _transposed(columns: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The entries of a list that a table holds by columns, as `datasets` long stored sequences of objects."""
    lists = list(columns.values())
    if not lists or not all(isinstance(entries, list) and len(entries) == len(lists[0]) for entries in lists):
        return None
    return [dict(zip(columns, entries, strict=True)) for entries in zip(*lists, strict=True)]
