"""Read expert trajectories from files: `read_trajectories` yields a `Trajectory` a row and counts the rest.

A form turns one row into a trajectory. Two exist: `treadle` (what `treadle prepare` writes) and `numbered`
(a problem and a solution in numbered steps). The form is recognised by a row's columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from treadle.errors import DataError
from treadle.sources import columns as column_names
from treadle.sources import native
from treadle.sources.columns import PRESETS, Columns
from treadle.sources.numbered import Untitled, read_numbered
from treadle.sources.report import DropReason, ReadReport
from treadle.sources.rows import Row, iter_rows
from treadle.trajectory import Trajectory

FORMATS = ("treadle", "numbered")


def read_trajectories(
    path: str | Path,
    format: str = "auto",
    keep_unverified: bool = False,
    report: ReadReport | None = None,
    *,
    columns: Columns | None = None,
    untitled: Untitled = "drop",
    split: str = "train",
) -> Iterator[Trajectory]:
    """Iterate over the trajectories of a file, folder or hub data set, in constant memory.

    Args:
        path: See `treadle.sources.rows.iter_rows`.
        format: `"treadle"`, `"numbered"`, or `"auto"` to recognise it by the columns.
        keep_unverified: Keep rows that the source marks as failed. Rows that it does not mark are always kept.
        report: Receives the counts; afterwards `report.read == report.kept + sum(report.dropped.values())`.
        columns: Column names of the numbered form; by default the first preset that fits.
        untitled: `"keep"` accepts plain numbered lists as steps, see `parse_numbered`.
        split: Split of a hub data set.

    Raises:
        DataError: Nothing is there, a row is unreadable, a column is missing or the format is unknown.
    """
    if format not in ("auto", *FORMATS):
        raise DataError(f"format {format!r}: expected 'auto', {' or '.join(map(repr, FORMATS))}")
    report = report if report is not None else ReadReport()
    for row in iter_rows(path, split):
        report.read += 1
        result = _read_row(row, format, columns, untitled)
        if isinstance(result, Trajectory) and result.verified is False and not keep_unverified:
            result = DropReason.MARKED_AS_FAILED
        if isinstance(result, Trajectory):
            report.kept += 1
            yield result
        else:
            report.drop(result, row.where, _text_of(row, columns))


def _read_row(row: Row, format: str, columns: Columns | None, untitled: Untitled) -> Trajectory | DropReason:
    if format == "treadle" or (format == "auto" and columns is None and native.matches(row.data)):
        return native.read_native(row.data, row.where)
    chosen = columns or column_names.detect(row.data)
    if chosen is None:
        presets = "; ".join(f"{name}: {' and '.join(c.required)}" for name, c in PRESETS.items())
        raise DataError(
            f"{row.where}: no known columns; found {', '.join(row.data) or 'none'}, expected one of the presets "
            f"({presets}). Name others with --columns problem=NAME,solution=NAME"
        )
    column_names.check(chosen, row.data, row.where)
    id = row.data.get(chosen.id)
    return read_numbered(
        row.data, chosen, str(id) if id not in (None, "") else f"{row.source}-{row.number}", row.where, untitled
    )


def _text_of(row: Row, columns: Columns | None) -> str:
    chosen = columns or column_names.detect(row.data)
    return str(row.data.get(chosen.solution) or "") if chosen else str(row.data)
