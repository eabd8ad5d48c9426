"""What a form is: a name, a test of whether a row is of this form, and a function that makes it a `Trajectory`.

Each form has a module of its own in this package; `treadle.data.sources.registry` knows them all, and those of other
packages that announce theirs under the entry point group `treadle.forms` (see `docs/forms.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from treadle.data.sources.columns import Columns
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import SUCCESS_AT
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

Untitled = Literal["drop", "keep"]
"""Whether plain numbered lists count as steps."""
Segment = Literal["off", "prose"]
"""Whether solutions without numbered steps are cut at the joints of their prose."""


@dataclass(frozen=True)
class ReadOptions:
    """Settings of `read_trajectories` that forms may look at."""

    columns: Columns | None = None
    untitled: Untitled = "drop"
    segment: Segment = "off"
    success_at: float = SUCCESS_AT


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
