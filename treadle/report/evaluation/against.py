"""The run that a run is looked at against: what of it can be compared, and which problems came out otherwise.

A problem counts as solved where at least half of its attempts are right; with one greedy attempt that is the attempt.
It is gained where the other run does not solve it, lost where only the other run does. Single problems flip by chance
too: whether two runs differ is for `treadle compare` to say.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError, TreadleError
from treadle.evaluate.compare.arms import Arm
from treadle.evaluate.compare.findings import sentence
from treadle.evaluate.compare.run import MODES, compare
from treadle.evaluate.records import Problem, Sample
from treadle.evaluate.runs import Run, read_run
from treadle.report.evaluation.attempts import ProblemView, shares
from treadle.report.evaluation.plots import lean


@dataclass
class Other:
    """Another run over the same problems.

    Args:
        folder: Where it is.
        results: Its results, with only the benchmarks that hold exactly the same problems.
        shares: Right attempts and attempts by benchmark, problem, mode and decoding, of problems that are the same.
        notes: What cannot be compared, and why.
        sentences: What a paired test says of each figure that both have, after the figure's name.
        samples: Its attempts at those problems, without texts.
        page: Its report as seen from the run's, where it has one.
    """

    folder: Path
    results: dict[str, Any]
    shares: dict[tuple[str, str, str, str], tuple[int, int]]
    notes: list[str]
    sentences: list[tuple[str, str]]
    samples: list[Sample]
    page: str | None

    def before(self, problem: Problem, arms: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
        """Right attempts and attempts of the other run at a problem, by mode and decoding, where it has any."""
        keys = {arm: (problem.benchmark, problem.id, *arm) for arm in arms}
        return {arm: self.shares[key] for arm, key in keys.items() if key in self.shares}


def read_other(folder: Path, run: Run) -> Other:
    """The run in `folder`, reduced to what `run` can be looked at against.

    Raises:
        OutputError: `folder` is no run.
        DataError: The two have no problem in common.
    """
    other = read_run(folder)
    same: dict[str, set[str]] = {}
    notes, equal = [], []
    for name, problems in run.problems.items():
        here, there = _texts(problems), _texts(other.problems.get(name, []))
        common = {id for id in here.keys() & there.keys() if here[id] == there[id]}
        same[name] = common
        if len(common) == len(here) == len(there):
            equal.append(name)
        elif common:
            notes.append(
                f"{name}: problems that are the same in both runs: {len(common)}, of {len(here)} here and {len(there)} "
                "there; only those are looked at, and the other run's accuracy is not shown"
            )
        else:
            notes.append(f"{name}: the other run has no problem of it that is the same")
    if not any(same.values()):
        raise DataError(
            f"{folder}: has no problem in common with {run.folder} (its benchmarks: "
            f"{', '.join(other.problems) or 'none'}; expected some of {', '.join(run.problems) or 'none'} with the "
            "same ids, statements and answers); name a run over the same problems"
        )
    samples = [lean(sample) for sample in other.samples() if sample.key.problem in same.get(sample.key.benchmark, ())]
    results = {**other.results, "benchmarks": {n: f for n, f in other.results["benchmarks"].items() if n in equal}}
    page = folder / "report.html"
    link = Path(os.path.relpath(page.resolve(), run.folder.resolve())).as_posix() if page.is_file() else None
    sentences = _sentences(run, other, notes) if len(equal) == len(run.problems) else []
    return Other(folder, results, shares(samples), notes, sentences, samples, link)


def _sentences(run: Run, other: Run, notes: list[str]) -> list[tuple[str, str]]:
    """The paired tests in words; what stands in their way goes to `notes`."""
    try:
        comparison = compare([Arm("the other run", (other,)), Arm("this run", (run,))])
    except TreadleError as error:
        notes.append(f"No paired tests: {error}")
        return []
    notes += comparison.notes
    places = [f"{pair.column.title}, {MODES[pair.column.mode]}" for pair in comparison.pairs]
    return list(zip(places, map(sentence, comparison.pairs), strict=True))


def flips(views: Iterable[ProblemView]) -> dict[tuple[str, str, str], Counter[str]]:
    """Problems gained, lost and unchanged, by benchmark, mode and decoding."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for view in views:
        for arm, (right, count) in view.before.items():
            if view.count[arm]:
                now, then = 2 * view.right[arm] >= view.count[arm], 2 * right >= count
                change = "same" if now == then else "gained" if now else "lost"
                found.setdefault((view.problem.benchmark, *arm), Counter())[change] += 1
    return found


def _texts(problems: Iterable[Problem]) -> dict[str, tuple[str, str]]:
    return {p.id: (p.problem, p.answer) for p in problems}
