"""`treadle view`: one HTML page of an evaluation run, with a list of all problems to look through.

The page is `RUN/report.html`. It opens from a file, asks for nothing from anywhere, and is legible without JavaScript
as far as tables, plots and statements of problems go; attempts need it. Long texts are in side files in `RUN/report/`,
see `treadle.report.parts` for which. The samples are read twice, once for their lengths and once for their
texts, so memory holds what is on the page and not the run.

Text of models is shown, never run: the script reads it from JSON and sets it as text, and the page's content security
policy allows no script but its own and the side files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from treadle.evaluate.records import Sample
from treadle.evaluate.runs import SAMPLES, Run, read_run
from treadle.evaluate.step_view import step_view
from treadle.evaluate.store import PAGE, SIDE
from treadle.files.whole import writing
from treadle.report.anchors import Anchors
from treadle.report.calls import call_rows
from treadle.report.evaluation import tables
from treadle.report.evaluation.against import Other, read_other
from treadle.report.evaluation.attempts import FIELDS, FLAGS, ProblemView, Words, sample_texts
from treadle.report.evaluation.building import building, install
from treadle.report.evaluation.plots import Lengths, accuracies
from treadle.report.evaluation.scripts import UNSEEN_IN_SCRIPT, scripts
from treadle.report.evaluation.side_files import SideFiles
from treadle.report.evaluation.steps import MOST, listed, step_groups, step_row, step_sizes, step_texts
from treadle.report.formulas import LONGEST, Formulas
from treadle.report.pages import write_page
from treadle.report.parts import as_json, fitting, limit_for, size
from treadle.report.story.flips import shares
from treadle.report.story.losses import Losses
from treadle.report.story.told import Side, lost, told
from treadle.report.svg import difference_axis
from treadle.scoring.floors import TITLES

SECTIONS = (
    "main",
    "changes",
    "flips",
    "lost",
    "results",
    "problems",
    "steps",
    "ends",
    "plots",
    "behaviours",
    "provenance",
    "data",
)
_SCRIPTS = ("texts.js.j2", "formulas.js.j2", "list.js.j2", "page.js.j2", "keys.js.j2")


def write_evaluation_report(run: Path, against: Path | None = None) -> Path:
    """Write the page of an evaluation run, and its side files, into the run's folder.

    Args:
        run: Folder that `treadle evaluate` wrote.
        against: Another run over the same problems, to find those that came out otherwise.

    Returns:
        The page. Until it and all its side files are written, what was there before stays.

    Raises:
        OutputError: A folder is no run, or the page cannot be written or is a link.
        DataError: The two runs have no problem in common.
    """
    found = read_run(run)
    other = read_other(against, found) if against is not None else None
    limit = limit_for(_sizes(found))
    with writing(run / PAGE, "The run is as it was"), building(run) as (scratch, build):
        side = SideFiles(scratch / build, f"{SIDE}/{build}")
        content = _content(found, other, limit, side)
        write_page(scratch / PAGE, "report/evaluation/page.html.j2", **content)
        install(scratch, build, run)
    return run / PAGE


def _sizes(run: Run) -> Iterator[tuple[int, int]]:
    for sample in run.samples():
        yield size(sample.text)
    for step in listed(run.steps()):
        yield from step_sizes(step)


def _content(run: Run, other: Other | None, limit: int, side: SideFiles) -> dict[str, Any]:
    words, lengths, losses, anchors, formulas = Words(), Lengths(), Losses(), Anchors(SECTIONS), Formulas()
    problems = [problem for found in run.problems.values() for problem in found]
    views = {(p.benchmark, p.id): ProblemView(p, k, anchors.take(p.benchmark, p.id)) for k, p in enumerate(problems)}
    rows = list(tables.rows(run.results))
    arms = list(dict.fromkeys((mode, decoding) for _, mode, decoding, _ in rows))
    for sample in run.samples():
        view = views[sample.key[:2]]
        texts = sample_texts(sample, run.thought_tags)
        shown, shortened = fitting(texts, limit)
        if shortened:
            place = arms.index((sample.key.mode, sample.key.decoding))
            view.file = side.add("p", view.number, [place, sample.key.index], texts)
        view.add(sample, arms, words, shown)
        lengths.add(sample)
        losses.add(sample)
    losses.add_failed(run.results)
    for view in views.values():
        counts = {(m, d): figures["samples"] for name, m, d, figures in rows if name == view.problem.benchmark}
        view.add_missing(arms, counts, words)
        view.before = other.before(view.problem, arms) if other else {}
    steps = _steps(run, limit, side, anchors)
    step_figures = run.results.get("steps") or (step_view(run.steps()) if steps else None)
    statements = {view.key: formulas.html(view.statement) for view in views.values()}
    shown_texts = (text for view in views.values() if not view.code for row in view.rows for _, text in row[-1]["text"])
    data = {
        "fields": FIELDS,
        "flags": FLAGS,
        "arms": arms,
        "words": words.table,
        "problems": [view.data() for view in views.values()],
        "steps": steps,
        "floor": ((step_figures or {}).get("floor") or {}).get("value"),
        "unseen": UNSEEN_IN_SCRIPT,
        "formulas": formulas.table(shown_texts),
        "longest": LONGEST,
        "whole": SAMPLES,
    }
    places = [(name, mode, decoding) for name, mode, decoding, _ in rows]
    choices = {
        "benchmark": [(name, name) for name in run.problems],
        "mode": [(mode, mode) for mode in dict.fromkeys(mode for mode, _ in arms)],
        "decoding": [(decoding, decoding) for decoding in dict.fromkeys(decoding for _, decoding in arms)],
        "fault": [(fault, fault.replace("_", " ")) for fault in dict.fromkeys(s["fault"] for s in steps) if fault],
    }
    return {
        "run": run,
        "other": other,
        "views": list(views.values()),
        "formulas": formulas,
        "statements": statements,
        "arms": arms,
        "flags": FLAGS,
        "choices": choices,
        "tables": tables,
        "behaviours": tables.behaviours(run.results),
        "accuracies": accuracies(run.results, other.results if other else None),
        "story": _story(run, other, lengths.seen, anchors) if other else None,
        "axis": difference_axis([pair.test.difference for pair in other.pairs]) if other else None,
        "lost": lost([*([(other.names[0], other.losses)] if other else []), (other.names[1] if other else "", losses)]),
        "histograms": lengths.histograms(places),
        "thoughts": lengths.thoughts(places),
        "ratios": lengths.ratios(other.samples) if other else [],
        "steps": steps,
        "view": step_figures if steps else None,
        "groups": step_groups(step_figures or {}),
        "calls": call_rows((step_figures or {}).get("calls")),
        "policies": TITLES,
        "most": MOST,
        "limit": limit,
        "side": side,
        "data": Markup(as_json(data)),
        **scripts(_SCRIPTS),
    }


def _story(run: Run, other: Other, attempts: Iterable[Sample], anchors: Anchors) -> dict[str, Any]:
    """What became of the other run's model."""
    before, after = other.names
    sides = Side(before, (other.run,), other.shares, other.page), Side(after, (run,), shares(attempts), "")
    return told(*sides, other.pairs, anchors, ("flip",))


def _steps(run: Run, limit: int, side: SideFiles, anchors: Anchors) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for sample in listed(run.steps()):
        texts = step_texts(sample, run.thought_tags)
        shown, shortened = fitting(texts, limit)
        file = side.add("s", len(rows), [0, 0], texts) if shortened else None
        anchor = anchors.take("step", sample.trajectory_id, str(sample.step))
        rows.append({**step_row(sample), "anchor": anchor, "file": file, "texts": shown})
    return rows
