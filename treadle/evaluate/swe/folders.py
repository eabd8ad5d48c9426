"""Folders of `treadle swe run` and `treadle swe grade`, opened by those who look at them or compare them.

A run may be unfinished: what its journal has is there. Grades are whole or not yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from treadle.errors import OutputError
from treadle.evaluate.store import ANEW, read_json, read_lines
from treadle.evaluate.swe import results
from treadle.evaluate.swe.opening import INFO
from treadle.evaluate.swe.predictions import PREDICTIONS, read_predictions
from treadle.evaluate.swe.records import Graded, Prediction, Verdict
from treadle.evaluate.swe.results import GRADED, RESULTS, read_graded
from treadle.evaluate.swe.run import OUTCOMES, OutcomeRow
from treadle.evaluate.swe.sources import Place, RecordedTasks
from treadle.files.typed import STRICT, Count, Number, checked, record_of

_AGAIN = "remove the folder, and grade again"


class Kind(StrEnum):
    """What a folder holds."""

    EVALUATION = "treadle evaluate"
    RUN = "treadle swe run"
    GRADES = "treadle swe grade"


class _Settings(TypedDict):
    mode: str


class RunInfo(TypedDict):
    """run.json, as far as it is read back."""

    __pydantic_config__ = STRICT
    kind: Literal["swe"]
    model: str
    settings: _Settings
    instances: list[str]
    left_out: NotRequired[dict[str, str]]
    tasks: NotRequired[RecordedTasks]


class OutcomeFigures(TypedDict, total=False):
    """`figures` of a line of outcomes.jsonl, as far as they are read back."""

    __pydantic_config__ = STRICT
    steps: Count
    faulty_steps: Count
    tool_seconds: Number
    edits: Count
    edit_faults: Count
    tolerant: Count
    stop: str
    gold: list[str]
    found: list[str]


class Passed(TypedDict):
    """How many of the listed tests passed."""

    passed: Count
    listed: Count


class VerdictInfo(TypedDict):
    """The verdict on an instance in results.json; `task` is the beginning of the task's digest."""

    verdict: Verdict
    reason: str
    rung: str
    seconds: Number
    fail_to_pass: Passed
    pass_to_pass: Passed
    task: NotRequired[str]


class LeftOut(TypedDict):
    """An instance that was not graded."""

    instance_id: str
    reason: str


class Sources(TypedDict):
    """Where the predictions and the tasks of grades were read."""

    predictions: Place
    tasks: RecordedTasks


class Results(TypedDict):
    """results.json of grades, as far as it is read back."""

    grader: str
    models: list[str]
    total: Count
    resolved: list[str]
    left_out: list[LeftOut]
    verdicts: dict[str, VerdictInfo]
    sources: NotRequired[Sources]


@dataclass(frozen=True)
class RunFolder:
    """A run, which need not be finished."""

    folder: Path
    info: dict[str, Any]

    @property
    def model(self) -> str:
        return self.info["model"]

    @property
    def mode(self) -> str:
        return self.info["settings"]["mode"]

    @property
    def names(self) -> list[str]:
        """The ids of the tasks, in their order."""
        return self.info["instances"]

    def outcomes(self) -> Iterator[OutcomeRow]:
        """What episodes ended with, one at a time, in the order in which they ended.

        Raises:
            OutputError: A line is no outcome.
        """
        path = self.folder / OUTCOMES
        for number, record in enumerate(read_lines(path) if path.exists() else (), 1):
            where = f"{path}, line {number}"
            row = record_of(OutcomeRow, record, where, ANEW)
            checked(OutcomeFigures, row.figures, where, ANEW, key="figures")
            yield row

    def predictions(self) -> dict[str, Prediction]:
        """What was handed in, by task; of a run that is not finished what its outcomes say."""
        if (self.folder / PREDICTIONS).exists():
            return {one.instance_id: one for one in read_predictions(self.folder)}
        return {
            row.instance_id: Prediction(row.instance_id, self.model, row.patch, row.fault, row.reason)
            for row in self.outcomes()
        }


@dataclass(frozen=True)
class GradesFolder:
    """Verdicts on predictions.

    Args:
        info: grade.json: digests of what was graded.
        results: results.json, see `Results`.
    """

    folder: Path
    info: dict[str, Any]
    results: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, Any]:
        """A `VerdictInfo` for each task that was graded."""
        return self.results["verdicts"]

    @property
    def left_out(self) -> dict[str, str]:
        """Tasks that were not graded, with the reason."""
        return {one["instance_id"]: one["reason"] for one in self.results["left_out"]}

    def graded(self) -> Iterator[Graded]:
        """Each test before and after, one task at a time; a task may come again, then the later line counts.

        Raises:
            OutputError: A line is no verdict.
        """
        yield from map(read_graded, read_lines(self.folder / GRADED))

    def graded_the(self, predictions: dict[str, Prediction]) -> bool:
        """Whether these are the predictions that were graded."""
        known = {*self.verdicts, *self.left_out}
        some = [one for name, one in predictions.items() if name in known]
        return self.info.get("predictions") in (results.digest_of_predictions(some), results.digest_of_rows(some))


def kind_of(folder: Path) -> Kind:
    """What a folder holds; what is none of the three is taken for an evaluation, whose reader says what is missing.

    Raises:
        OutputError: Its run.json is damaged.
    """
    if (folder / results.INFO).is_file():
        return Kind.GRADES
    if (folder / INFO).is_file() and read_json(folder / INFO, "").get("kind") == "swe":
        return Kind.RUN
    return Kind.EVALUATION


def open_run_folder(folder: Path) -> RunFolder:
    """Open a run.

    Raises:
        OutputError: The folder holds none, or its run.json is damaged.
    """
    info = read_json(folder / INFO, "expected a folder written by `treadle swe run MODEL --tasks TASKS -o FOLDER`")
    checked(RunInfo, info, str(folder / INFO), ANEW)
    return RunFolder(folder, info)


def open_grades(folder: Path) -> GradesFolder:
    """Open grades.

    Raises:
        OutputError: The folder holds none, they are not finished, or a file is damaged.
    """
    info = read_json(folder / results.INFO, "expected a folder written by `treadle swe grade`", _AGAIN)
    path = folder / RESULTS
    found = read_json(path, "the grades are not finished; run the same `treadle swe grade` again", _AGAIN)
    found = {**found, **checked(Results, found, str(path), _AGAIN)}
    of_verdicts = {name for name, one in found["verdicts"].items() if one["verdict"] == Verdict.RESOLVED}
    if found["total"] != len(found["verdicts"]) or set(found["resolved"]) != of_verdicts:
        raise OutputError(
            f"{path}: total {found['total']} and {len(found['resolved'])} resolved, but {len(found['verdicts'])} "
            f"verdicts and {len(of_verdicts)} resolved among them; {_AGAIN}"
        )
    if not found["verdicts"]:
        raise OutputError(f"{path}: verdicts: found none, expected one at least; {_AGAIN}")
    return GradesFolder(folder, info, found)
