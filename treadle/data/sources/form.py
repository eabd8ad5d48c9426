"""What a form is: a name, a test of whether a row is of this form, and a function that makes it a `Trajectory`.

Each form has a module of its own in this package; `treadle.data.sources.registry` knows them all, and those of other
packages that announce theirs under the entry point group `treadle.forms` (see `docs/data.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from treadle.data.sources.columns import Columns
from treadle.data.sources.numbered import Untitled
from treadle.data.sources.report import DropReason
from treadle.errors import TreadleError
from treadle.trajectory import Trajectory


class Rejected(TreadleError):
    """A row gives no trajectory: the reason, which is counted, and what was found in this row.

    Forms raise it; it is data to whoever reads rows, and never stops a run.
    """

    def __init__(self, reason: DropReason, detail: str = "") -> None:
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


@dataclass(frozen=True)
class ReadOptions:
    """Settings of `read_trajectories` that forms may look at."""

    columns: Columns | None = None
    untitled: Untitled = "drop"


@dataclass(frozen=True)
class Form:
    """One form of expert trajectories.

    Args:
        name: What `--format` calls it.
        description: One line for the table of forms.
        matches: Whether a row is of this form, by its content. Must not raise on any row; it is asked for every
            row, so it looks at keys and at the beginning of a list.
        read: The trajectory of a row.

            Raises `Rejected` when the row has none.
    """

    name: str
    description: str
    matches: Callable[[Row], bool]
    read: Callable[[Row, ReadOptions], Trajectory]


def expect(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """`value`, if it is of `kind`; otherwise the row is malformed.

    Raises:
        Rejected: With the type that was found and the one that was expected.
    """
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is int):
        return value
    kinds = kind if isinstance(kind, tuple) else (kind,)
    expected = " or ".join(k.__name__ for k in kinds)
    raise Rejected(DropReason.MALFORMED, f"{what} is {type(value).__name__}, expected {expected}")
