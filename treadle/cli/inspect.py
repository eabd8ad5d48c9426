"""`treadle inspect`: look at trajectories as treadle reads them, in the terminal and as a static page."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from treadle.data.prepared import SPLITS, Prepared
from treadle.data.sources import read_trajectories
from treadle.data.sources.columns import Columns
from treadle.data.sources.form import Segment, Untitled
from treadle.data.sources.report import ReadReport
from treadle.data.sources.verified import SUCCESS_AT
from treadle.errors import DataError, OutputError
from treadle.files.whole import writing
from treadle.report.console import VisibleConsole
from treadle.report.terminal import show, show_head
from treadle.report.trajectories import write_trajectories_page
from treadle.trajectory import Trajectory
from treadle.visible import visible

IDS_COMPARED = 1000


def inspect(
    source: str | Path,
    format: str = "auto",
    columns: Columns | None = None,
    untitled: Untitled = "drop",
    segment: Segment = "off",
    *,
    domain: str | None = None,
    answers_only: bool = False,
    success_at: float = SUCCESS_AT,
    index: int | None = None,
    id: str | None = None,
    limit: int = 1,
    html: Path | None = None,
    keep_unverified: bool = True,
    full: bool = False,
    split: str = "train",
    console: Console | None = None,
) -> list[Trajectory]:
    """Show trajectories, from the chosen one on.

    Args:
        source: What `read_trajectories` reads, or a folder written by `treadle prepare`.
        format, columns, untitled, segment, domain, answers_only, success_at, keep_unverified: See `read_trajectories`;
            without meaning for a prepared folder.
        index: The first to show, counted from 1 among those that are kept.
        id: The first to show, by its id. Without either it is the first of all.
        limit: How many to show.
        html: Also write them to this page; the terminal then shows only what each of them is.
        full: Leave nothing out in the terminal. The page keeps its limit, see `treadle.report.trajectories`.
        split: Of a prepared folder `train` or `heldout`; of a hub data set its split.
        console: Where to print; standard output by default.

    Returns:
        The trajectories that were shown.

    Raises:
        DataError: No row could be read, or there is no trajectory at `index` or with `id`.
        OutputError: The page cannot be written.
    """
    if index is not None and id is not None:
        raise DataError(f"--index {index} and --id {id!r}: give one of them")
    for option, value in (("--index", index), ("--limit", limit)):
        if value is not None and value < 1:
            raise DataError(f"{option} {value}: expected 1 or more")
    if html is not None:
        with writing(html):
            if html.exists() and Path(source).exists() and html.samefile(source):
                raise OutputError(f"--html {html}: that is the input; name another file")
    console = console or VisibleConsole(highlight=False)
    report = ReadReport()
    chosen: list[Trajectory] = []
    near: list[str] = []
    count = 0
    reading = {
        "columns": columns,
        "untitled": untitled,
        "segment": segment,
        "domain": domain,
        "answers_only": answers_only,
        "success_at": success_at,
    }
    with closing(_read(source, format, keep_unverified, split, report, reading)) as trajectories:
        for count, trajectory in enumerate(trajectories, 1):
            if chosen or (trajectory.id == id if id is not None else count >= (index or 1)):
                chosen.append(trajectory)
                if len(chosen) == limit:
                    break
            elif id is not None:
                near.append(trajectory.id)
                near = _nearest(id, near) if len(near) == IDS_COMPARED else near
    if not chosen:
        wanted = f"with the id {id!r}" if id is not None else f"number {index or 1}"
        nearest = _nearest(id, near) if id is not None else []
        raise DataError(_missing(source, wanted, count, nearest, report))
    for trajectory in chosen:
        (show_head if html else show)(trajectory, console, full)
        console.print()
    if html is not None:
        write_trajectories_page(chosen, html, Path(source).name)
        console.print(Text(visible(f"{len(chosen)} on the page {html}")), soft_wrap=True)
    if report.dropped:
        console.print(Text(visible("\n".join(_dropped(report))), "dim"), soft_wrap=True)
    return chosen


def _read(
    source: str | Path, format: str, keep_unverified: bool, split: str, report: ReadReport, reading: dict[str, Any]
) -> Iterator[Trajectory]:
    if (Path(source) / "report.json").is_file():
        if split not in SPLITS:
            raise DataError(f"--split {split!r}: expected train or heldout, the splits of the prepared folder {source}")
        yield from Prepared(source).trajectories(split)
    else:
        yield from read_trajectories(source, format, keep_unverified, report, split=split, **reading)


def _nearest(id: str, ids: list[str]) -> list[str]:
    return difflib.get_close_matches(id, ids, n=3, cutoff=0.4)


def _missing(source: str | Path, wanted: str, count: int, nearest: list[str], report: ReadReport) -> str:
    if count:
        ids = f"; the nearest ids are {', '.join(map(repr, nearest))}" if nearest else ""
        return "\n".join([f"{source}: no trajectory {wanted} among its {count:,}{ids}", *_dropped(report)])
    lines = [f"{source}: none of {report.read:,} rows could be read as a trajectory", *_dropped(report)]
    return "\n".join([*lines, *report.example_lines()])


def _dropped(report: ReadReport) -> list[str]:
    return [
        f"  {count:,} of {report.read:,} rows dropped, {reason}: {reason.explanation}"
        for reason, count in report.dropped.most_common()
    ]
