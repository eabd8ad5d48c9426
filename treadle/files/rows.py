"""A row as it is read from a file, where it stands, and why there is none where it cannot be read."""

from __future__ import annotations

from typing import Any, NamedTuple

from treadle.errors import Explained, TreadleError


class Unreadable(Explained):
    """Why no row could be read."""

    FILE = "unreadable_file", "the file or the rest of it cannot be read (empty, damaged or cut off)"
    JSON = "unreadable_json", "not valid JSON (cut off, broken UTF-8, or not JSON at all)"
    NO_OBJECT = "not_an_object", "valid JSON, but not an object with named columns"
    TABLE = "unreadable_table", "a table (CSV, or JSON by columns or by key) whose rows cannot be told apart"
    TOO_LARGE = "row_too_large", "larger than the limit for one row (--max-row-mb)"


class Rejected(TreadleError):
    """A row gives nothing: the reason, which is counted, and what was found in this row.

    It is data to whoever reads rows, and never stops a run.
    """

    def __init__(self, reason: Explained, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail or self.reason.explanation}"


class Row(NamedTuple):
    """One row and where it stands, as `file, line 3` or `file, row 3`.

    Args:
        data: The row's columns. A JSON document that is a bare list of messages or events is one row with the
            single column `messages` or `history`.
        source: Names the file without its suffix; with `number` it makes an id where the row has none.
    """

    data: dict[str, Any]
    where: str
    source: str
    number: int

    def id(self, *columns: str | None) -> str:
        """The first of `columns` that holds a value, else an id made from the row's place."""
        for column in columns:
            value = self.data.get(column) if column else None
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
        return f"{self.source}-{self.number}"
