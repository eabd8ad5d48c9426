"""CSV, TSV and their like as a stream of items, a record at a time.

The separator is told by the header. Cells are text; a cell that holds a list or an object, as JSON or as Python writes
it (which is what pandas puts into CSV), becomes that list or object, and an empty cell is null.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from treadle.files.encodings import said_of_surrogates
from treadle.files.json_stream import Item, too_large
from treadle.files.literals import flat_array, literal
from treadle.files.rows import Rejected, Unreadable
from treadle.files.shapes import COLUMN_NAMES

SEPARATORS = ",\t;|"
LOOKED_AT = 50
"""Lines by which it is told whether a table with tabs uses quotes."""

csv.field_size_limit(2**31 - 1)  # the limit is that of a row, see `_Lines`

_NAME = re.compile(r"[\w .:/()-]{1,64}")
_TEXTS = re.compile(r"answer|truth|target|solution|response|output|completion|problem|question|prompt", re.I)


def is_delimited(name: str, head: bytes) -> bool:
    """Whether a file is a table of delimited text.

    Args:
        name: Of the file without packing; `.csv` and `.tsv` tell by themselves, if the content is no JSON.
        head: The beginning of the content, UTF-8. Under any other name its first line must be several names of
            columns, one of them well known.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text or text[:1] in b"{[":
        return False
    if name.lower().endswith((".csv", ".tsv")):
        return True
    line = text.partition(b"\n")[0].decode("utf-8", "replace").strip()
    fields = [field.strip().strip('"') for field in line.split(_separator(line))]
    named = all(_NAME.fullmatch(field) for field in fields) and len(set(fields)) == len(fields) > 1
    return named and any(field.lower() in COLUMN_NAMES for field in fields)


def delimited_items(stream: Any, limit: int) -> Iterator[Item]:
    """The records of a table as items whose content is an object.

    A record that cannot be taken apart is an item too. One above the limit ends the file, because nothing tells where
    it would end.

    Args:
        stream: Binary, UTF-8, with `readline`.
        limit: Bytes of the largest record that is read.
    """
    lines = _Lines(stream, limit)
    try:
        head = [line for _, line in zip(range(LOOKED_AT), lines, strict=False)]
    except Rejected as rejected:
        yield Item(1, rejected)
        return
    first = next((line for line in head if line.strip()), "")
    told = re.fullmatch(r'"?sep=(.)"?\s*', first)  # Excel's own way to name the separator
    if told:
        head = head[head.index(first) + 1 :]
        first = next((line for line in head if line.strip()), "")
    separator = told[1] if told else _separator(first)
    settings = {"delimiter": separator, "skipinitialspace": f"{separator} " in first and separator != "\t"}
    if separator == "\t" and not _quotes(head, settings):
        settings["quoting"] = csv.QUOTE_NONE
    yield from _records(csv.reader(chain(head, lines), strict=True, **settings), lines)


def _separator(line: str) -> str:
    """The separator of a header: the one that stands in it most often outside quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(SEPARATORS, key=bare.count)


def _quotes(head: Iterable[str], settings: dict[str, Any]) -> bool:
    """Whether the first lines can be read with quotes; in some tables with tabs a quote is a letter like any other."""
    try:
        for _ in csv.reader(head, strict=True, **settings):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)  # a cell of several lines that goes on below
    return True


class _Lines:
    """Lines of a stream as text; `taken` counts the bytes since it was last set to 0.

    Raises:
        Rejected: A record would be larger than the limit.
    """

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._limit = stream, limit
        self._begun = False
        self.taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._limit + 1)
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken > self._limit:
            raise too_large(self.taken, self._limit)
        if not self._begun:
            line, self._begun = line.removeprefix(b"\xef\xbb\xbf"), True
        return line.decode("utf-8", "surrogateescape")


def _records(reader: Iterator[list[str]], lines: _Lines) -> Iterator[Item]:
    names: list[str] | None = None
    number = 0
    while True:
        lines.taken = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield Item(number, Rejected(Unreadable.TABLE, _said(error)))
            continue
        except Rejected as rejected:
            yield Item(number + 1, Rejected(rejected.reason, f"{rejected.detail}; a quote may be open since its start"))
            return
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = [cell.strip() for cell in cells]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                yield Item(1, Rejected(Unreadable.TABLE, f"two columns are named {twice!r}; rename one in the header"))
                return
            continue
        number += 1
        yield Item(number, _row(names, cells), sum(map(len, cells)))


def _said(error: csv.Error) -> str:
    if "new-line character" in str(error):
        return "a lone \\r in a cell without quotes; if it ends the lines: tr '\\r' '\\n' < FILE > NEW"
    return f"{error}; expected quotes in a cell to be doubled"


def _row(names: list[str], cells: list[str]) -> dict[str, Any] | Rejected:
    if len(cells) > len(names) and not any(cells[len(names) :]):  # a separator at the end of each line
        cells = cells[: len(names)]
    if len(cells) != len(names):
        return Rejected(
            Unreadable.TABLE,
            f"cells: {len(cells)}, columns in the header: {len(names)} ({', '.join(names)[:200]}); a cell with "
            "separators or line breaks must stand in quotes",
        )
    for cell in cells:
        if not cell.isascii() and (broken := said_of_surrogates(cell)):
            return Rejected(Unreadable.TABLE, broken)
    return {name: _value(name, cell) for name, cell in zip(names, cells, strict=True)}


def _value(name: str, cell: str) -> Any:
    """The list or object that a cell holds, else its text; `None` for an empty one."""
    if not cell:
        return None
    text = cell.strip()
    if text[:1] + text[-1:] not in ("[]", "{}"):
        return cell
    value = _parsed(text)
    if isinstance(value, list):
        numbers = all(isinstance(entry, int | float | None) and not isinstance(entry, bool) for entry in value)
        return cell if numbers and _TEXTS.search(name) else value  # [0, 1] is an answer too
    return value if isinstance(value, dict) else cell


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return literal(text) or flat_array(text)
