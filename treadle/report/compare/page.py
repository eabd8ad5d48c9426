"""A comparison of runs to look at: Markdown for the terminal, PNG pictures, a self-contained page, and plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from treadle.evaluate.compare.comparison import Column, Comparison, Pair
from treadle.evaluate.compare.findings import sentence
from treadle.evaluate.compare.run import MODES, as_dict
from treadle.files.output import filling, owned
from treadle.files.whole import write_whole
from treadle.report.anchors import Anchors
from treadle.report.calls import HEADS as CALL_HEADS
from treadle.report.calls import calls_beside, calls_markdown
from treadle.report.compare.plots import differences_picture, figures_picture
from treadle.report.compare.rows import Row, Shown, notes, paper_notes, rows
from treadle.report.compare.steps import AXIS, HEADS, step_rows, step_ticks, steps_picture
from treadle.report.formulas import Formulas
from treadle.report.pages import write_page
from treadle.report.story.changes import summary
from treadle.report.story.losses import Losses
from treadle.report.story.told import arm_side, lost, told
from treadle.report.svg import Axis, axis_for, difference_axis

SECTIONS = ("main", "changes", "flips", "lost", "notes", "figures", "steps", "calls", "more", "runs")
KINDS = {"greedy": "greedy", "sampled": "sampled", "averages": "averages"}


def groups(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """Columns in tables that fit a page: by mode, then greedy, sampled and averages."""
    found = [
        (f"{MODES[mode]}, {KINDS[kind]}", [c for c in columns if c.mode == mode and c.kind == kind])
        for mode in MODES
        for kind in KINDS
    ]
    return [(title, group) for title, group in found if group]


def as_markdown(comparison: Comparison, paper: bool = False) -> str:
    """Tables, tests in words, and notes."""
    shown, lines = rows(comparison, paper), []
    for title, columns in groups(comparison.columns):
        lines += [f"**{title}** (percent solved, 95% interval)", ""]
        # The title says how it was decoded.
        lines.append("| | " + " | ".join(_heading(c) for c in columns) + " |")
        lines.append("|---" * (len(columns) + 1) + "|")
        for row in shown:
            if any(c in row.cells for c in columns):
                cells = [_markdown_cell(row.cells.get(c)) for c in columns]
                lines.append("| " + " | ".join([_escaped(row.name), *cells]) + " |")
        lines.append("")
    if comparison.steps:
        lines += ["**next steps** (similarity to the expert's)", "", f"| | {' | '.join(HEADS)} |"]
        lines.append("|---" * (len(HEADS) + 1) + "|")
        for row in step_rows(comparison.steps, comparison.baseline):
            lines.append("| " + " | ".join([_escaped(row["name"]), *row["cells"]]) + " |")
        lines += ["", *calls_markdown([(step.name, step.calls) for step in comparison.steps])]
    for title, pairs in _by_column(comparison.pairs):
        lines += [f"{title}:", *(f"- {sentence(pair)}" for pair in pairs), ""]
    if len(comparison.arms) > 1 and comparison.columns and not comparison.pairs:
        lines += ["No figure is shared with the baseline, so nothing can be tested.", ""]
    return "\n".join([*lines, *(f"Note: {note}" for note in notes(comparison, paper))]).rstrip()


def write_comparison(comparison: Comparison, out: Path, paper: bool = False) -> list[Path]:
    """Write `compare.html`, `figures.png`, `differences.png` (with two arms or more), `steps.png` (with next steps) and
    `compare.json` into `out`.

    Returns:
        The files written.

    Raises:
        OutputError: `out` is no place for a folder, or cannot be written to.
    """
    shown = rows(comparison, paper)
    content = page_content(comparison, shown, notes(comparison, paper), out)
    with owned(out), filling(out) as scratch:
        names = ["compare.html"]
        write_page(scratch / names[0], "report/compare/page.html.j2", **content)
        if comparison.columns:
            names.append("figures.png")
            said = paper_notes(comparison) if paper else []
            figures_picture(shown, comparison.columns, MODES, said, scratch / names[-1])
        if comparison.pairs:
            names.append("differences.png")
            differences_picture(comparison.pairs, comparison.baseline, MODES, scratch / names[-1])
        if comparison.steps:
            names.append("steps.png")
            steps_picture(comparison.steps, comparison.baseline, scratch / names[-1])
        names.append("compare.json")
        write_whole(scratch / names[-1], json.dumps(as_dict(comparison), indent=2, ensure_ascii=False) + "\n")
    return [out / name for name in names]


def page_content(comparison: Comparison, shown: Sequence[Row], said: Sequence[str], out: Path) -> dict[str, Any]:
    """The variables of page.html.j2 for a page in the folder `out`."""
    return {
        "baseline": comparison.baseline,
        "arms": [
            {
                "name": arm.name,
                "runs": [_provenance(run) for run in arm.runs],
                "summary": _summary(comparison, arm.name),
            }
            for arm in comparison.arms
        ],
        "tables": [_table(title, columns, shown, comparison.baseline) for title, columns in groups(comparison.columns)],
        "stories": _stories(comparison, out),
        "lost": _lost(comparison),
        "axis": difference_axis([p.test.difference for p in comparison.pairs]),
        "more": _more(comparison),
        "notes": said,
        "formulas": Formulas(),
        "steps": step_rows(comparison.steps, comparison.baseline),
        "step_heads": HEADS,
        "calls": calls_beside([(step.name, step.calls) for step in comparison.steps]),
        "call_heads": CALL_HEADS,
        "step_axis": {"width": AXIS.width, "ticks": step_ticks()},
    }


def _table(title: str, columns: Sequence[Column], shown: Sequence[Row], baseline: str) -> dict[str, Any]:
    with_any = [row for row in shown if any(c in row.cells for c in columns)]
    axes = {c: axis_for([row.cells[c] for row in with_any if c in row.cells]) for c in columns}
    base = next(row for row in shown if row.name == baseline).cells
    lines: dict[Column, float | None] = {c: axes[c].at(base[c].value) if c in base else None for c in columns}
    return {
        "title": title,
        "columns": [{"title": c.title, "axis": axes[c]} for c in columns],
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "cells": [_drawn(row.cells.get(c), axes[c], lines[c]) for c in columns],
            }
            for row in with_any
        ],
    }


def _drawn(cell: Shown | None, axis: Axis, line: float | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "text": cell.text,
        "interval": cell.interval,
        "at": axis.at(cell.value),
        "low": None if cell.low is None else axis.at(cell.low),
        "high": None if cell.high is None else axis.at(cell.high),
        "line": line,
    }


def _summary(comparison: Comparison, name: str) -> str:
    """How often an arm was told apart from the baseline."""
    if pairs := [p for p in comparison.pairs if p.first == name]:
        return summary(pairs)
    tested = "no figure shared with the baseline" if comparison.columns else "next steps, which are not tested"
    return "baseline" if name == comparison.baseline else tested


def _stories(comparison: Comparison, out: Path) -> list[dict[str, Any]]:
    """What became of each arm that was tested against the baseline."""
    sides = {arm.name: arm_side(arm, out) for arm in comparison.arms}
    tested = list(dict.fromkeys(pair.first for pair in comparison.pairs))
    anchors, shown = Anchors(SECTIONS), {(p.column.mode, part) for p in comparison.pairs for part in p.column.parts}
    for name, side in sides.items():
        shares = {place: found for place, found in side.shares.items() if (place[2], (place[0], place[3])) in shown}
        sides[name] = replace(side, shares=shares)
    return [
        told(
            sides[comparison.baseline],
            sides[name],
            [pair for pair in comparison.pairs if pair.first == name],
            anchors,
            (name,) if len(tested) > 1 else (),
            len(tested),
        )
        for name in tested
    ]


def _lost(comparison: Comparison) -> dict[str, Any] | None:
    """Where each arm lost answers, in the columns that are shown."""
    models = []
    shown = {(*part, column.mode) for column in comparison.columns for part in column.parts}
    for arm in comparison.arms:
        losses = Losses()
        for run in arm.runs:
            for sample in run.samples():
                if (sample.key.benchmark, sample.key.decoding, sample.key.mode) in shown:
                    losses.add(sample)
        if losses.found:
            models.append((arm.name, losses))
    return lost(models) if models else None


def _more(comparison: Comparison) -> list[dict[str, Any]]:
    """Each run's further figures, as its results have them."""
    found = []
    for run_name, run in ((arm.name, run) for arm in comparison.arms for run in arm.runs):
        for benchmark, entry in run.results["benchmarks"].items():
            for mode, decodings in entry.get("modes", {}).items():
                for decoding, f in decodings.items():
                    at = {f"pass@{k}": e for k, e in (f.get("pass_at") or {}).items()}
                    at |= {f"maj@{k}": e for k, e in (f.get("maj_at") or {}).items()}
                    found.append(
                        {
                            "run": run_name,
                            "folder": str(run.folder),
                            "column": f"{benchmark}, {decoding}",
                            "mode": MODES[mode],
                            "at": {name: Shown(e["value"], e["low"], e["high"]) for name, e in at.items()},
                            "tokens": f.get("tokens"),
                            "truncated": f.get("truncated"),
                        }
                    )
    return found


def _provenance(run: Any) -> dict[str, str]:
    info, results = run.info, run.results
    backend = results.get("backend") or {}
    return {
        "folder": str(run.folder),
        "model": str(info.get("model", "")),
        "backend": ", ".join(str(backend[key]) for key in ("kind", "dtype") if backend.get(key)),
        "grader": str(results.get("grader", "")),
    }


def _by_column(pairs: Sequence[Pair]) -> list[tuple[str, list[Pair]]]:
    columns = dict.fromkeys(pair.column for pair in pairs)
    return [(f"{c.title}, {MODES[c.mode]}", [p for p in pairs if p.column == c]) for c in columns]


def _markdown_cell(cell: Shown | None) -> str:
    if cell is None:
        return "–"
    return f"{cell.text} ({cell.interval})" if cell.interval else cell.text


def _heading(column: Column) -> str:
    return column.title.removesuffix(", greedy") if column.kind == "greedy" else column.title


def _escaped(name: str) -> str:
    return name.replace("|", "\\|")
