"""`treadle view` of software-engineering tasks: one HTML page of a run or of grades, with a list of all tasks.

It is made as the page of an evaluation is (`treadle.report.evaluation.page`): it opens from a file and asks for nothing
from anywhere, texts of models and third parties are set as text and never run, and where they are long they have side
files. Outcomes are read twice, once for their lengths and once for their texts, so memory holds what is on the page.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from treadle.evaluate.store import PAGE, SIDE
from treadle.evaluate.swe.figures import run_figures
from treadle.evaluate.swe.folders import GradesFolder
from treadle.evaluate.swe.records import Verdict
from treadle.evaluate.swe.run import OUTCOMES, OutcomeRow
from treadle.evaluate.swe.sources import TaskSource, found
from treadle.evaluate.swe.viewed import Viewed, gather
from treadle.files.whole import writing
from treadle.report.anchors import Anchors
from treadle.report.evaluation.building import building, install
from treadle.report.evaluation.scripts import UNSEEN_IN_SCRIPT, scripts
from treadle.report.evaluation.side_files import SideFiles
from treadle.report.evaluation.tables import flat
from treadle.report.pages import write_page
from treadle.report.parts import as_json, fitting, limit_for, size
from treadle.report.swe.figures import fault_rows, figure_rows, verdict_rows, worded
from treadle.report.swe.instances import FLAGS, InstanceView, instance_texts
from treadle.report.swe.listed_tests import listed_tests
from treadle.statistics.estimates import wilson

SECTIONS = ("main", "results", "tasks", "provenance", "data")
REPOSITORIES = 15
"""Repositories that the list can be filtered by; of more there is the search."""
_ELSEWHERE = ("instances", "left_out", "kind", "identity")
"""Keys of run.json that are shown in other places, or say the same again."""
_SCRIPTS = ("texts.js.j2", "list.js.j2", "../swe/page.js.j2", "keys.js.j2")


def write_swe_report(
    folder: Path, predictions: Path | None = None, tasks: TaskSource | None = None, experts: str | None = None
) -> Path:
    """Write the page of a folder of `treadle swe run` or `treadle swe grade`, and its side files, into that folder.

    Args:
        predictions, tasks, experts: See `treadle.evaluate.swe.viewed.gather`.

    Returns:
        The page. Until it and all its side files are written, what was there before stays.

    Raises:
        OutputError: The folder is no run and holds no grades, or the page cannot be written or is a link.
        DataError: What was named is not there, or belongs to something else.
    """
    viewed = gather(folder, predictions, tasks, experts)
    limit = limit_for(_sizes(viewed))
    with writing(folder / PAGE, "The folder is as it was"), building(folder) as (scratch, build):
        side = SideFiles(scratch / build, f"{SIDE}/{build}")
        write_page(scratch / PAGE, "report/swe/page.html.j2", **_content(viewed, limit, side))
        install(scratch, build, folder)
    return folder / PAGE


def _outcomes(viewed: Viewed) -> Iterator[tuple[str, OutcomeRow | None]]:
    """Every task with its outcome, those that have one in the order of the journal."""
    left = dict.fromkeys(viewed.names)
    for row in viewed.run.outcomes() if viewed.run else ():
        if row.instance_id in left:
            del left[row.instance_id]
            yield row.instance_id, row
    yield from ((name, None) for name in left)


def _sizes(viewed: Viewed) -> Iterator[tuple[int, int]]:
    for name, outcome in _outcomes(viewed):
        for parts in _texts(viewed, name, outcome).values():
            yield from (size(text) for _, text in parts)


def _texts(viewed: Viewed, name: str, outcome: OutcomeRow | None) -> dict[str, Any]:
    return instance_texts(viewed.tasks.get(name), viewed.predictions.get(name), outcome, viewed.experts.get(name))


def _content(viewed: Viewed, limit: int, side: SideFiles) -> dict[str, Any]:
    anchors, grades = Anchors(SECTIONS), viewed.grades
    views = {
        name: InstanceView(
            name,
            number,
            anchors.take(name),
            viewed.tasks.get(name),
            viewed.predictions.get(name),
            grades.verdicts[name] if grades else None,
            expert=viewed.experts.get(name),
        )
        for number, name in enumerate(viewed.names)
    }
    for graded in grades.graded() if grades else ():
        if view := views.get(graded.instance_id):
            view.tests = listed_tests(graded, view.task)
    figured: dict[str, dict[str, Any]] = {}
    for name, outcome in _outcomes(viewed):
        view, texts = views[name], _texts(viewed, name, outcome)
        view.texts, shortened = fitting(texts, limit)
        if shortened:
            view.file = side.add("i", view.number, [], texts)
        if outcome is not None:
            view.take(outcome)
            figured[name] = asdict(replace(outcome, steps=[]))
    shown = list(views.values())
    return {
        "viewed": viewed,
        "views": shown,
        "figures": figure_rows(run_figures(figured, {})["figures"]),
        "verdicts": _verdicts(viewed),
        "title": f"Software-engineering tasks: {viewed.model}",
        "rate": _rate(grades) if grades else None,
        "outcomes": len(viewed.predictions),
        "command": None if grades else _grading(viewed),
        "flags": FLAGS,
        "choices": _choices(shown),
        "info": _provenance(viewed),
        "similarity": any(view.similarities for view in shown),
        "agent": any(view.steps for view in shown),
        "limit": limit,
        "side": side,
        "data": Markup(
            as_json(
                {
                    "tasks": [view.data() for view in shown],
                    "flags": FLAGS,
                    "unseen": UNSEEN_IN_SCRIPT,
                    "whole": OUTCOMES,
                    "graded": grades is not None,
                }
            )
        ),
        **scripts(_SCRIPTS),
    }


def _rate(grades: GradesFolder) -> dict[str, Any]:
    resolved = len(grades.results["resolved"])
    value, interval = worded(wilson(resolved, grades.results["total"])._asdict(), share=True)
    return {"value": value, "interval": interval, "resolved": resolved}


def _grading(viewed: Viewed) -> str:
    """The command that grades the run."""
    assert viewed.run is not None
    words, recorded = ["treadle", "swe", "grade", str(viewed.folder)], viewed.run.info.get("tasks")
    if recorded is None:
        return shlex.join([*words, "--tasks", "TASKS", "-o", "GRADES"])
    split = recorded.get("split")
    words += ["--tasks", found(recorded["source"], viewed.run.folder), *(["--split", split] if split else [])]
    return shlex.join([*words, "-o", "GRADES"])


def _provenance(viewed: Viewed) -> list[tuple[str, str]]:
    info = {name: value for name, value in viewed.run.info.items() if name not in _ELSEWHERE} if viewed.run else {}
    return list(flat(info))


def _verdicts(viewed: Viewed) -> list[dict[str, Any]]:
    if viewed.grades is not None:
        return verdict_rows((Verdict(one["verdict"]), one["reason"]) for one in viewed.grades.verdicts.values())
    return fault_rows([(one.fault, one.reason) for one in viewed.predictions.values()])


def _choices(views: list[InstanceView]) -> dict[str, list[tuple[str, str]]]:
    """By what the list can be filtered: what tells at least two kinds of tasks apart."""
    repositories = Counter(view.repo for view in views if view.repo)
    flags = {flag for view in views for flag in view.flags}
    found = {
        "state": [(name, name.replace("_", " ")) for name in dict.fromkeys(view.state for view in views)],
        "stop": [(n, n.replace("_", " ")) for n in dict.fromkeys(v.figures.get("stop", "") for v in views) if n],
        "repo": [(name, name) for name in sorted(repositories)] if len(repositories) <= REPOSITORIES else [],
        "with": [(name, words) for name, words in FLAGS.items() if name in flags],
    }
    return {name: values for name, values in found.items() if len(values) > (name != "with")}
