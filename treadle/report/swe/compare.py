"""A comparison of graded runs to look at: text for the terminal, a page, two pictures, and plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from treadle.evaluate.compare.findings import finding, p_values
from treadle.evaluate.compare.tasks import MODE, RATE, TaskComparison, as_dict, said
from treadle.evaluate.swe.records import Verdict
from treadle.files.output import filling, owned
from treadle.files.whole import write_whole
from treadle.report.anchors import Anchors, anchor
from treadle.report.compare.plots import differences_picture, figures_picture
from treadle.report.compare.rows import Row, Shown
from treadle.report.pages import write_page
from treadle.report.story.changes import KINDS
from treadle.report.story.told import page_of
from treadle.report.svg import axis_for, difference_axis
from treadle.report.swe.figures import SHARES, TITLES, VERDICTS, worded
from treadle.report.swe.instances import REASON
from treadle.report.text import number, shortened

SECTIONS = ("main", "rates", "notes", "verdicts", "figures", "differences", "runs")
MODES = {MODE: "software-engineering tasks"}
LISTED = 20
"""Tasks that differ, on the terminal; the page and compare.json have all."""


def as_text(comparison: TaskComparison) -> str:
    """Tables in Markdown, tests in words, tasks that differ, and notes."""
    cells, lines = (
        comparison.cells,
        [f"**resolve rate** (percent of {len(comparison.common):,} tasks, 95% interval)", ""],
    )
    lines += _table(
        ["", "resolved", "tasks"],
        [
            [name, f"{100 * cell.rate.value:.1f} ({_bounds(cell.rate)})", f"{cell.verdicts[Verdict.RESOLVED]:,}"]
            for name, cell in cells.items()
        ],
    )
    given = [v for v in Verdict if v is not Verdict.RESOLVED and any(cell.verdicts[v] for cell in cells.values())]
    if given:
        lines += ["**not resolved, by verdict**", ""]
        rows = [[name, *(f"{cell.verdicts[verdict]:,}" for verdict in given)] for name, cell in cells.items()]
        lines += _table(["", *(str(verdict) for verdict in given)], rows)
    if figures := _figure_names(comparison):
        lines += ["**figures of the runs** (means over tasks, 95% interval; not tested)", ""]
        rows = [[name, *(_figure(cell.figures, figure) for figure in figures)] for name, cell in cells.items()]
        lines += _table(["", *(TITLES[figure][0] for figure in figures)], rows)
    if comparison.pairs:
        lines += ["resolve rate:", *(f"- {said(pair)}" for pair in comparison.pairs), ""]
    if comparison.differences:
        count = len(comparison.differences)
        lines.append(f"{count:,} task{'' if count == 1 else 's'} not resolved by all alike:")
        for one in comparison.differences[:LISTED]:
            lines.append(f"- {one.task}: " + "; ".join(f"{arm}: {_state(one.verdicts[arm])}" for arm in one.verdicts))
        if count > LISTED:
            lines.append(f"- and {count - LISTED:,} more; with -o FOLDER the page and compare.json have all")
        lines.append("")
    return "\n".join([*lines, *(f"Note: {note}" for note in _notes(comparison))]).rstrip()


def write_swe_comparison(comparison: TaskComparison, out: Path) -> list[Path]:
    """Write `compare.html`, `figures.png`, `differences.png` (with two rows or more) and `compare.json` into `out`.

    Returns:
        The files written.

    Raises:
        OutputError: `out` is no place for a folder, or cannot be written to.
    """
    shown = [
        Row(name, "baseline" if name == comparison.baseline else "arm", {RATE: Shown(*cell.rate)})
        for name, cell in comparison.cells.items()
    ]
    with owned(out), filling(out) as scratch:
        names = ["compare.html", "figures.png"]
        write_page(scratch / names[0], "report/swe/compare.html.j2", **page_content(comparison, shown, out))
        figures_picture(shown, [RATE], MODES, [], scratch / names[1])
        if comparison.pairs:
            names.append("differences.png")
            differences_picture(comparison.pairs, comparison.baseline, MODES, scratch / names[-1])
        names.append("compare.json")
        write_whole(scratch / names[-1], json.dumps(as_dict(comparison), indent=2, ensure_ascii=False) + "\n")
    return [out / name for name in names]


def page_content(comparison: TaskComparison, shown: Sequence[Row], out: Path) -> dict[str, Any]:
    """The variables of compare.html.j2 for a page in the folder `out`."""
    axis = axis_for([row.cells[RATE] for row in shown])
    return {
        "baseline": comparison.baseline,
        "count": len(comparison.common),
        "rates": [
            {
                "name": row.name,
                "kind": row.kind,
                "text": row.cells[RATE].text,
                "interval": row.cells[RATE].interval,
                "at": axis.at(row.cells[RATE].value),
                "low": axis.at(row.cells[RATE].low or 0.0),
                "high": axis.at(row.cells[RATE].high or 0.0),
                "resolved": comparison.cells[row.name].verdicts[Verdict.RESOLVED],
                "own": comparison.cells[row.name].own,
                "runs": next(len(arm.graded) for arm in comparison.arms if arm.name == row.name),
            }
            for row in shown
        ],
        "axis": axis,
        "tests": [
            {
                "name": pair.first,
                "kind": KINDS[pair.test.verdict],
                "difference": pair.test.difference,
                "p": p_values(pair.test).split(", "),
                "finding": finding(pair, "tasks"),
                "sentence": said(pair),
                **_gained(comparison, pair.first),
            }
            for pair in comparison.pairs
        ],
        "difference_axis": difference_axis([pair.test.difference for pair in comparison.pairs]),
        "notes": _notes(comparison),
        "verdicts": [
            {
                "name": str(verdict).replace("_", " "),
                "what": VERDICTS[verdict],
                "cells": [(cell.verdicts[verdict], sum(cell.verdicts.values())) for cell in comparison.cells.values()],
            }
            for verdict in VERDICTS
            if any(cell.verdicts[verdict] for cell in comparison.cells.values())
        ],
        "figures": [
            {
                "name": TITLES[name][0],
                "what": TITLES[name][1],
                "cells": [_worded(cell.figures, name) for cell in comparison.cells.values()],
            }
            for name in _figure_names(comparison)
        ],
        "differences": _differences(comparison, out),
        "only": comparison.only,
        "runs": [
            {
                "name": arm.name,
                "folder": str(one.folder),
                "model": one.model,
                "mode": one.run.mode if one.run else "",
                "grader": one.grades.results["grader"],
                "page": page_of(one.folder, out),
            }
            for arm in comparison.arms
            for one in arm.graded
        ],
    }


def _differences(comparison: TaskComparison, out: Path) -> list[dict[str, Any]]:
    """The tasks that differ: a cell for each row, with links to the pages that have them."""
    anchors = Anchors(SECTIONS)
    pages = {arm.name: page_of(arm.graded[0].folder, out) if len(arm.graded) == 1 else None for arm in comparison.arms}
    return [
        {
            "task": one.task,
            "anchor": anchors.take(one.task),
            "cells": [
                {
                    "state": _state(given),
                    "resolved": one.resolved[arm][0] * 2 >= one.resolved[arm][1],
                    "reason": shortened(given[0][1], REASON) if len(given) == 1 else "",
                    "link": f"{pages[arm]}#{anchor(one.task)}" if pages[arm] else None,
                }
                for arm, given in one.verdicts.items()
            ],
        }
        for one in comparison.differences
    ]


def _state(given: Sequence[tuple[Verdict, str]]) -> str:
    if len(given) == 1:
        return str(given[0][0]).replace("_", " ")
    return f"resolved in {sum(verdict == Verdict.RESOLVED for verdict, _ in given)} of {len(given)}"


def _gained(comparison: TaskComparison, name: str) -> dict[str, int]:
    """Tasks that only this row resolves, and that only the baseline does, in at least half of their grades."""
    solved = [
        tuple(2 * count >= of for count, of in (one.resolved[name], one.resolved[comparison.baseline]))
        for one in comparison.differences
    ]
    return {"gained": solved.count((True, False)), "lost": solved.count((False, True))}


def _figure_names(comparison: TaskComparison) -> list[str]:
    return [name for name in TITLES if any(name in cell.figures for cell in comparison.cells.values())]


def _worded(figures: Any, name: str) -> tuple[str, str]:
    return worded(figures[name], name in SHARES) if name in figures else ("–", "")


def _figure(figures: Any, name: str) -> str:
    value, interval = _worded(figures, name)
    return f"{value} ({interval})" if interval else value


def _bounds(rate: Any) -> str:
    return f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"


def _notes(comparison: TaskComparison) -> list[str]:
    """Everything that has to be known beside the figures."""
    notes = list(comparison.notes)
    if len(comparison.pairs) > 1:
        notes.append(
            f"Corrected p values are Holm's over the {number(len(comparison.pairs))} comparisons shown; intervals are "
            "of each comparison alone."
        )
    if any("would be needed" in said(pair) for pair in comparison.pairs):
        notes.append("Tasks needed: 80% power at 5%, two-sided, if the observed difference were the true one.")
    return notes


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [*("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines), ""]
