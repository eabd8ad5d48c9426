"""Tables that are one JSON object: rows under a key, by columns, by key, or in the shapes that pandas writes.

A file that holds one object may be a row or a table. It is taken as a table only where nothing speaks for a row: an
object with the text of a problem, with messages or with steps is a row, whatever else is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from treadle.files.events import list_column
from treadle.files.rows import Rejected, Unreadable

TO_LINES = "jq -c '.{key}[]' FILE > rows.jsonl"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLUMN_NAMES = _words(
    "problem question prompt instruction query task goal input text messages conversations conversation trajectory "
    "traj steps history solution response output completion generation answer final_answer expected_answer "
    "ground_truth id"
)
"""Names of columns that many data sets use; lower case."""
ROW_COLUMNS = COLUMN_NAMES - {"id", "task", "goal", "answer", "output", "text", "input", "history"}
"""Columns whose text, messages or steps make an object a row."""
_STEPS = {"steps", "trajectory", "traj", "history", "messages", "cells", "turns", "events"}
_WRAPPERS = _words(
    "data rows examples items records samples instances entries results dataset tasks problems questions "
    "trajectories episodes runs conversations dialogues documents"
)
_PARTS = _words(
    "inputs outputs request response body config metadata meta info state environment chosen rejected before after "
    "args kwargs model agent result"
)
"""Keys of objects that are parts of one row, and no keys of rows."""
_SPLIT = re.compile(r"(train|training|test|testing|valid|validation|val|dev|eval|heldout|held_out)([_.-]?\w+)?", re.I)
_IDS = ("id", "instance_id", "traj_id", "trajectory_id", "task_id", "problem_id", "question_id", "unique_id", "uuid")
_SERVER_ROW = {"row_idx", "row", "truncated_cells"}
_SEEN = 100
_DEPTH = 3


class Table(NamedTuple):
    """Rows of an object.

    Args:
        rows: Objects, bare lists, or `Rejected` in the place of what is no row.
        unread: Splits beside the one that is read.
    """

    rows: list[Any]
    unread: tuple[str, ...] = ()


def table_in(value: Any, split: str = "train", depth: int = _DEPTH) -> Table | None:
    """The rows of an object that is a table; `None` for a row.

    Args:
        split: Which is read of an object with several, such as `{"train": [...], "test": [...]}`.
    """
    if not isinstance(value, dict) or not value or not depth:
        return None
    if (table := _lists_by_key(value)) is not None:
        return table
    if _is_row(value):
        return None
    for shape in (_of_pandas, _wrapped, _by_columns, _by_index, _by_key):
        table = shape(value, split, depth)
        if table is not None:
            return table
    return None


def _is_row(value: Mapping[str, Any]) -> bool:
    for name, cell in value.items():
        if isinstance(cell, str) and name.lower() in ROW_COLUMNS:
            return True
        if isinstance(cell, list) and cell and (list_column(cell[0]) or (name in _STEPS and isinstance(cell[0], dict))):
            return True
    return False


def _rejected(detail: str) -> Table:
    return Table([Rejected(Unreadable.TABLE, detail)])


def _of_pandas(value: dict[str, Any], split: str, depth: int) -> Table | None:
    """`orient="split"` and `"tight"`: names of columns beside lists of cells."""
    names, data = value.get("columns"), value.get("data")
    if not (isinstance(names, list) and isinstance(data, list)):
        return None
    if not all(isinstance(name, str) for name in names):
        return _rejected("columns and data as pandas writes them, but the names of the columns are no texts")
    index = value.get("index")
    keys = index if isinstance(index, list) and len(index) == len(data) else [None] * len(data)
    rows: list[Any] = []
    for key, cells in zip(keys, data, strict=True):
        if isinstance(cells, list) and len(cells) == len(names):
            rows.append(_with_id(dict(zip(names, cells, strict=True)), key))
        else:
            found = f"{len(cells)} cells" if isinstance(cells, list) else f"a {type(cells).__name__}"
            rows.append(Rejected(Unreadable.TABLE, f"found {found} where columns names {len(names)}"))
    return Table(rows)


def _wrapped(value: dict[str, Any], split: str, depth: int) -> Table | None:
    """Rows under a key: `{"version": ..., "data": [...]}`, `{"train": [...], "test": [...]}`."""
    inner = {name: table for name, cell in value.items() if (table := _inner(name, cell, split, depth)) is not None}
    splits = [name for name in inner if _SPLIT.fullmatch(name)]
    if len(splits) == len(inner) > 1:
        if split not in splits:
            return _rejected(f"the file holds the splits {', '.join(splits)}: choose one with --split {splits[0]}")
        return Table(inner[split].rows, tuple(name for name in splits if name != split))
    if len(inner) > 1 and len(named := [name for name in inner if name.lower() in _WRAPPERS]) == 1:
        inner = {named[0]: inner[named[0]]}
    if len(inner) > 1:
        return _rejected(
            f"lists of objects stand under {', '.join(inner)}, and it is open which are the rows; take one, for "
            f"instance: {TO_LINES.format(key=next(iter(inner)))}"
        )
    if inner:
        return next(iter(inner.values()))
    empty = [name for name, cell in value.items() if name.lower() in _WRAPPERS and cell == []]
    plain = all(not isinstance(cell, list | dict) or not cell for cell in value.values())
    return _rejected(f"the list under {empty[0]!r} is empty") if empty and plain else None


def _inner(name: str, cell: Any, split: str, depth: int) -> Table | None:
    """The rows that stand under one key, if the key or the rows look like it."""
    known = name.lower() in _WRAPPERS or _SPLIT.fullmatch(name) is not None
    if isinstance(cell, dict):
        return table_in(cell, split, depth - 1) if known else None
    if not isinstance(cell, list) or not cell:
        return None
    first = cell[0]
    if isinstance(first, list):
        return Table(cell) if known and list_column(first[0] if first else None) else None
    if not isinstance(first, dict) or list_column(first):
        return None
    if first.keys() <= _SERVER_ROW and isinstance(first.get("row"), dict):
        return Table([_of_server(entry) for entry in cell])
    if known or (len(first) > 1 and any(column.lower() in COLUMN_NAMES - {"id"} for column in first)):
        return Table(cell)
    return None


def _of_server(entry: Any) -> Any:
    """A row as the datasets server wraps it, `{"row_idx": 0, "row": {...}, "truncated_cells": []}`."""
    if not isinstance(entry, dict) or not isinstance(entry.get("row"), dict):
        return entry
    if cut := entry.get("truncated_cells"):
        return Rejected(
            Unreadable.TABLE,
            f"the datasets server cut off the cells {', '.join(map(str, cut))}; load the data set by its id instead",
        )
    return entry["row"]


def _by_columns(value: dict[str, Any], split: str, depth: int) -> Table | None:
    """`to_dict("list")`: every key is a column, every value the list of its cells."""
    if len(value) < 2 or not all(isinstance(cells, list) for cells in value.values()):
        return None
    if not any(cells and _is_column(name, cells[0]) for name, cells in value.items()):
        return None
    lengths = {name: len(cells) for name, cells in value.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        return _rejected(
            f"an object of lists of unequal length ({counts}), so that it is no table; write an object a line"
        )
    return Table([dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)])


def _is_column(name: str, cell: Any) -> bool:
    """Whether a list under a well-known name, with this entry, is that column of many rows, not a value of one row."""
    if name.lower() in _STEPS:
        return isinstance(cell, list)
    return name.lower() in COLUMN_NAMES and not isinstance(cell, dict)


def _by_index(value: dict[str, Any], split: str, depth: int) -> Table | None:
    """`to_dict()` and `to_json()` of pandas: every key is a column, every value its cells by their index."""
    columns = list(value.values())
    if not all(isinstance(cells, dict) and cells for cells in columns):
        return None
    index = columns[0].keys()
    if not all(cells.keys() == index for cells in columns):
        return None
    known = [name for name in value if name.lower() in COLUMN_NAMES]
    if not known or not (_are_numbers(index) or (len(known) > 1 and not index & COLUMN_NAMES)):
        return None
    return Table([_with_id({name: cells[key] for name, cells in value.items()}, key) for key in index])


def _by_key(value: dict[str, Any], split: str, depth: int) -> Table | None:
    """An object of objects that share at least half of their columns, each of which is a row."""
    entries = list(value.values())
    if (len(entries) < 2 and not _are_numbers(value)) or any(key.lower() in COLUMN_NAMES | _PARTS for key in value):
        return None
    if all(isinstance(entry, dict) and entry for entry in entries):
        common = set.intersection(*(set(entry) for entry in entries[:_SEEN]))
        if 2 * len(common) < max(len(entry) for entry in entries[:_SEEN]):
            return None
        return Table([_with_id(entry, key) for key, entry in value.items()])
    return None


def _lists_by_key(value: dict[str, Any]) -> Table | None:
    """An object of lists of messages or events by number or id, each of which is a row."""
    if len(value) < 2 or not all(isinstance(entry, list) and entry for entry in value.values()):
        return None
    columns = {list_column(entry[0]) for entry in value.values()}
    if len(columns) > 1 or None in columns or not all(re.search(r"\d", key) for key in value):
        return None
    (column,) = columns
    return Table([_with_id({column: entry}, key) for key, entry in value.items()])


def _are_numbers(keys: Iterable[str]) -> bool:
    return all(re.fullmatch(r"\d+", key) for key in keys)


def _with_id(row: dict[str, Any], key: Any) -> dict[str, Any]:
    """The row with its key as id where it has none; a number only says at which place it stood."""
    named = isinstance(key, str) and key.strip() and not key.isdecimal()
    return {"id": key, **row} if named and not any(row.get(name) not in (None, "") for name in _IDS) else row
