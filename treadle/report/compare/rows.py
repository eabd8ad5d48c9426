"""Rows of a comparison's tables and pictures: the arms, and the paper's beside them, and what has to be said of both.

Wherever the paper's table stands beside runs, its figures are as printed. Its greedy ones carry the interval that
their number of problems gives them, which is treadle's and not the paper's; its sampled ones have none, because the
paper gives no figures by problem. For the same reason no run is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from treadle.evaluate.averages import SEVEN
from treadle.evaluate.compare.comparison import Column, Comparison
from treadle.evaluate.compare.paper import PAPER, SAMPLES, PaperRow, printed_averages

FLAG = "†"


@dataclass(frozen=True)
class Shown:
    """A figure in shares; without bounds where no interval can be given. `flag` marks one that a note explains."""

    value: float
    low: float | None = None
    high: float | None = None
    flag: str = ""

    @property
    def text(self) -> str:
        return f"{100 * self.value:.1f}{self.flag}"

    @property
    def interval(self) -> str:
        return "" if self.low is None else f"{100 * self.low:.1f} to {100 * self.high:.1f}"


@dataclass(frozen=True)
class Row:
    """An arm or a row of the paper. `kind` is `baseline`, `arm` or `paper`."""

    name: str
    kind: str
    cells: Mapping[Column, Shown]


def rows(comparison: Comparison, paper: bool) -> list[Row]:
    """The rows of the tables, arms first."""
    found = []
    for arm in comparison.arms:
        kind = "baseline" if arm.name == comparison.baseline else "arm"
        cells = {c: Shown(*cell.estimate) for (name, c), cell in comparison.cells.items() if name == arm.name}
        found.append(Row(arm.name, kind, cells))
    if paper:
        flagged = {id(a.row) for a in printed_averages() if not a.follows}
        for row in PAPER:
            cells = {c: _printed(row, c, id(row) in flagged) for c in comparison.columns if _in_paper(c, comparison)}
            if cells:
                found.append(Row(f"paper: {row.label}", "paper", cells))
    return found


def notes(comparison: Comparison, paper: bool) -> list[str]:
    """Everything that has to be known beside the figures."""
    said = list(comparison.notes)
    if len(comparison.pairs) > 1:
        said.append(
            f"Corrected p values are Holm's over the {len(comparison.pairs)} comparisons shown; intervals are of each "
            "comparison alone."
        )
    if any(pair.test.needed for pair in comparison.pairs):
        said.append("Problems needed: 80% power at 5%, two-sided, if the observed difference were the true one.")
    return [*said, *paper_notes(comparison)] if paper else said


def paper_notes(comparison: Comparison) -> list[str]:
    """What has to be known of the paper's rows."""
    if not any(_in_paper(column, comparison) for column in comparison.columns):
        return ["The paper's table is not shown: no whole solutions here are of the paper's problems."]
    counts = {k for cell in comparison.cells.values() for k in cell.samples or () if k > 1}
    said = [
        "Paper's rows: as printed, one run each; intervals of greedy figures follow from the number of problems"
        + (f"; sampled columns are Avg@{SAMPLES} there." if counts - {SAMPLES} else ".")
    ]
    if any(c.average == "paper_seven_columns" and _in_paper(c, comparison) for c in comparison.columns):
        said += [
            f"{FLAG} paper: {a.row.label}: the printed average {a.row.printed_average} does not follow from its "
            f"columns, which give {a.recomputed:.1f}."
            for a in printed_averages()
            if not a.follows
        ]
    return said


def _in_paper(column: Column, comparison: Comparison) -> bool:
    if column.mode != "whole" or column.average not in (None, "paper_seven_columns"):
        return False
    return set(column.parts) <= set(SEVEN) and {b for b, _ in column.parts} <= comparison.paper


def _printed(row: PaperRow, column: Column, flagged: bool) -> Shown:
    if column.average:
        return Shown(row.printed_average / 100, flag=FLAG if flagged else "")
    value = row.columns[column.parts[0]] / 100
    if column.kind != "greedy":
        return Shown(value)
    interval = row.greedy(column.parts[0][0])
    return Shown(value, interval.low, interval.high)
