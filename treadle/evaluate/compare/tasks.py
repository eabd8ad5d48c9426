"""Graded runs on software-engineering tasks side by side: resolve rates, verdicts and the runs' other figures.

The rates are tested as greedy accuracies are, task by task (`treadle.statistics.paired`); the other figures stand with
their intervals and are not tested. `treadle.report.swe.compare` draws what is computed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from treadle.evaluate.compare.comparison import Column, Pair
from treadle.evaluate.compare.findings import as_record, sentence
from treadle.evaluate.compare.naming import baseline_of, few_seeds
from treadle.evaluate.compare.task_arms import TaskArm, check_gradings, common_tasks, only_in
from treadle.evaluate.swe.figures import run_figures
from treadle.evaluate.swe.records import Verdict
from treadle.statistics.estimates import Estimate, wilson
from treadle.statistics.intervals import mean_interval
from treadle.statistics.paired import corrected, paired_test

MODE = "tasks"
RATE = Column(MODE, (("tasks", "greedy"),), "resolve rate")
"""The column that is tested."""


@dataclass(frozen=True)
class TaskCell:
    """What a row has of the tasks that all rows have.

    Args:
        rate: Share that is resolved.
        verdicts: How often each was given, over all grades of the row.
        figures: Of its runs, see `treadle.evaluate.swe.figures`; empty where they are not there.
        own: Resolved and graded of all its tasks, also those that others lack.
    """

    rate: Estimate
    verdicts: Counter[Verdict]
    figures: Mapping[str, Mapping[str, Any]]
    own: tuple[int, int]


@dataclass(frozen=True)
class Difference:
    """A task that not all rows resolve alike.

    Args:
        resolved: By row, how many of its grades resolve the task, of how many.
        verdicts: By row, the verdicts, with their reasons where there is one grade.
    """

    task: str
    resolved: dict[str, tuple[int, int]]
    verdicts: dict[str, list[tuple[Verdict, str]]]


@dataclass
class TaskComparison:
    """All that is shown of some grades.

    Args:
        common: The tasks that all rows have.
        cells: By the row's name.
        pairs: Tests of the other rows against `baseline`, corrected for one another.
        differences: Tasks that not all rows resolve alike, in the order of the set.
        only: Tasks of a row that others lack, by the row's name.
        notes: What differs between the grades, and what is missing.
    """

    arms: list[TaskArm]
    baseline: str
    common: list[str]
    cells: dict[str, TaskCell]
    pairs: list[Pair]
    differences: list[Difference]
    only: dict[str, list[str]]
    notes: list[str]


def compare_tasks(arms: Sequence[TaskArm], baseline: str | None = None, any_grader: bool = False) -> TaskComparison:
    """Compare rows with one of them, over the tasks that all have.

    Args:
        baseline: Name of a row, or the folder of its only grades; by default the first.
        any_grader: Whether grades of different graders may stand side by side.

    Raises:
        DataError: The grades cannot be compared, see `treadle.evaluate.compare.task_arms`.
        TreadleError: No row has the name of the baseline.
    """
    rows = [(arm.name, arm.graded) for arm in arms]
    base, common = baseline_of(rows, baseline), common_tasks(arms)
    notes = check_gradings(arms, common, any_grader)
    resolved = {arm.name: _resolved(arm, common) for arm in arms}
    pairs = [
        Pair(RATE, name, base, paired_test([resolved[name]], [resolved[base]])) for name in resolved if name != base
    ]
    return TaskComparison(
        arms=list(arms),
        baseline=base,
        common=common,
        cells={arm.name: _cell(arm, common, resolved[arm.name]) for arm in arms},
        pairs=[replace(p, test=t) for p, t in zip(pairs, corrected([p.test for p in pairs]), strict=True)],
        differences=_differences(arms, common),
        only=only_in(arms, common),
        notes=notes + few_seeds(rows),
    )


def as_dict(comparison: TaskComparison) -> dict[str, Any]:
    """The comparison as plain data, for a file."""
    return {
        "kind": "swe",
        "baseline": comparison.baseline,
        "arms": {arm.name: [str(one.folder) for one in arm.graded] for arm in comparison.arms},
        "tasks": len(comparison.common),
        "figures": [
            {
                "arm": name,
                "resolve_rate": cell.rate._asdict(),
                "verdicts": {verdict: cell.verdicts[verdict] for verdict in Verdict},
                "run": dict(cell.figures),
                "own_tasks": {"resolved": cell.own[0], "total": cell.own[1]},
            }
            for name, cell in comparison.cells.items()
        ],
        "tests": [{**as_record(pair), "sentence": said(pair)} for pair in comparison.pairs],
        "differences": [asdict(one) for one in comparison.differences],
        "only_in": comparison.only,
        "notes": comparison.notes,
    }


def said(pair: Pair) -> str:
    """A test in words."""
    return sentence(pair, "resolve", "tasks")


def _resolved(arm: TaskArm, common: Sequence[str]) -> np.ndarray:
    """1 for resolved and 0 for not, `[S, P]`: grades of the row, tasks."""
    return np.array(
        [[float(one.grades.verdicts[name]["verdict"] == Verdict.RESOLVED) for name in common] for one in arm.graded]
    )


def _cell(arm: TaskArm, common: Sequence[str], resolved_SP: np.ndarray) -> TaskCell:
    single = len(resolved_SP) == 1
    rate = wilson(float(resolved_SP.sum()), len(common)) if single else mean_interval([resolved_SP])
    given = [Verdict(one.grades.verdicts[name]["verdict"]) for one in arm.graded for name in common]
    own = [one.grades.results for one in arm.graded]
    counts = sum(len(results["resolved"]) for results in own), sum(results["total"] for results in own)
    return TaskCell(rate, Counter(given), _figures(arm, common), counts)


def _figures(arm: TaskArm, common: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """The figures of the row's runs together; none where not all of them are there."""
    if any(one.run is None for one in arm.graded):
        return {}
    shared = set(common)
    rows = {
        f"{place} {row.instance_id}": asdict(replace(row, steps=[]))
        for place, one in enumerate(arm.graded)
        for row in (one.run.outcomes() if one.run else ())
        if row.instance_id in shared
    }
    return run_figures(rows, {})["figures"]


def _differences(arms: Sequence[TaskArm], common: Sequence[str]) -> list[Difference]:
    found = []
    for name in common:
        verdicts = {
            arm.name: [(Verdict(v["verdict"]), v["reason"]) for v in (one.grades.verdicts[name] for one in arm.graded)]
            for arm in arms
        }
        resolved = {arm: (sum(v == Verdict.RESOLVED for v, _ in given), len(given)) for arm, given in verdicts.items()}
        if len({count / of for count, of in resolved.values()}) > 1:
            found.append(Difference(name, resolved, verdicts))
    return found
