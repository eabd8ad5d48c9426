"""The run that a run is looked at against, most often that of the model before training: what of it can be compared.

Which problems came out otherwise is told by `treadle.report.story`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError, TreadleError
from treadle.evaluate.compare.arms import Arm
from treadle.evaluate.compare.comparison import Pair
from treadle.evaluate.compare.run import compare
from treadle.evaluate.records import Problem, Sample
from treadle.evaluate.runs import Run, read_run
from treadle.recipe.model_names import short_names
from treadle.report.evaluation.plots import lean
from treadle.report.story.flips import Place, shares
from treadle.report.story.losses import Losses
from treadle.report.story.told import page_of


@dataclass
class Other:
    """Another run over the same problems.

    Args:
        run: The run itself.
        results: Its results, with only the benchmarks that hold exactly the same problems.
        shares: Right attempts and attempts by benchmark, problem, mode and decoding, of problems that are the same.
        notes: What cannot be compared, and why.
        pairs: A paired test of each figure that both have.
        names: How the page calls the other run and this one.
        samples: Its attempts at those problems, without texts.
        losses: Where its answers were lost.
        page: Its report as seen from the run's, where it has one.
    """

    run: Run
    results: dict[str, Any]
    shares: dict[Place, tuple[int, int]]
    notes: list[str]
    pairs: list[Pair]
    names: tuple[str, str]
    samples: list[Sample]
    losses: Losses
    page: str | None

    @property
    def folder(self) -> Path:
        return self.run.folder

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
    samples, losses = [], Losses()
    for sample in other.samples():
        if sample.key.problem in same.get(sample.key.benchmark, ()):
            losses.add(sample)
            samples.append(lean(sample))
    results = {**other.results, "benchmarks": {n: f for n, f in other.results["benchmarks"].items() if n in equal}}
    losses.add_failed(results)
    names = _names(other, run)
    pairs = _tests(run, other, names, notes) if len(equal) == len(run.problems) else []
    return Other(
        other, results, shares(samples), notes, pairs, names, samples, losses, page_of(other.folder, run.folder)
    )


def _tests(run: Run, other: Run, names: tuple[str, str], notes: list[str]) -> list[Pair]:
    """The paired tests of `run` against `other`; what stands in their way goes to `notes`."""
    try:
        comparison = compare([Arm(names[0], (other,)), Arm(names[1], (run,))])
    except TreadleError as error:
        notes.append(f"No paired tests: {error}")
        return []
    notes += comparison.notes
    return comparison.pairs


def _names(other: Run, run: Run) -> tuple[str, str]:
    """Their models, where that tells them apart."""
    one, another = short_names([str(each.results["model"]) for each in (other, run)])
    return (one, another) if one != another else ("the other run", "this run")


def _texts(problems: Iterable[Problem]) -> dict[str, tuple[str, str]]:
    return {p.id: (p.problem, p.answer) for p in problems}
