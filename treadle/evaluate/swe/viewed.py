"""All that is known of a run or of grades, gathered from the folders that they name: what a page of it shows.

Grades record where predictions and tasks were read, runs where tasks were. What is no longer there, or is no longer
what was run or graded, is left out, and a note says so; what the user names must be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.swe.experts import read_experts
from treadle.evaluate.swe.folders import GradesFolder, Kind, RunFolder, kind_of, open_grades, open_run_folder
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.predictions import read_predictions
from treadle.evaluate.swe.records import Prediction, SweInstance
from treadle.evaluate.swe.results import TASK_DIGITS, digest_of
from treadle.evaluate.swe.settings import digest_of_instances
from treadle.evaluate.swe.sources import TaskSource, found
from treadle.trajectory import Trajectory

_NAMED = 3
"""Tasks that a note names."""


@dataclass
class Viewed:
    """A run, or grades with the run that they are of.

    Args:
        folder: What was asked for, where the page goes.
        run: `None` where grades are of predictions that no run of treadle made, or that are gone.
        grades: `None` for a run.
        predictions: By task; none where they are gone.
        tasks: By id, those that are there and are what was run or graded.
        experts: By task.
        notes: What is missing, in sentences.
    """

    folder: Path
    run: RunFolder | None = None
    grades: GradesFolder | None = None
    predictions: dict[str, Prediction] = field(default_factory=dict)
    tasks: dict[str, SweInstance] = field(default_factory=dict)
    experts: dict[str, Trajectory] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The ids of the tasks, in their order."""
        if self.grades is not None:
            return list(self.grades.verdicts)
        return self.run.names if self.run else []

    @property
    def model(self) -> str:
        """Its name, or the names in the predictions."""
        return self.run.model if self.run else ", ".join(self.grades.results["models"] if self.grades else ()) or "?"


def gather(
    folder: Path, predictions: Path | None = None, tasks: TaskSource | None = None, experts: str | None = None
) -> Viewed:
    """Open a folder of `treadle swe run` or `treadle swe grade` with all that belongs to it.

    Args:
        predictions: What was graded, where it is not found as recorded.
        tasks: The tasks, where they are not found as recorded.
        experts: Trajectories of experts for the tasks.

    Raises:
        OutputError: The folder holds neither, or is damaged.
        DataError: What was named is not there, or belongs to something else.
    """
    if kind_of(folder) is Kind.GRADES:
        viewed = Viewed(folder, grades=open_grades(folder))
        add_predictions(viewed, predictions)
    else:
        if predictions is not None:
            raise DataError(f"--predictions {predictions}: {folder} holds no grades; name the folder of those instead")
        viewed = Viewed(folder, open_run_folder(folder))
        viewed.predictions = viewed.run.predictions()
    _add_tasks(viewed, tasks)
    if experts is not None:
        viewed.experts = read_experts(experts, viewed.names)
    return viewed


def add_predictions(viewed: Viewed, given: Path | None) -> None:
    """The predictions that were graded, and the run that made them."""
    grades = viewed.grades
    assert grades is not None
    recorded = grades.results.get("sources")
    if given is None and recorded is None:
        viewed.notes.append(
            "Patches and steps are not shown: results.json does not say where the predictions were read. Name "
            "them with --predictions."
        )
        return
    place = given if given is not None else Path(found(recorded["predictions"], grades.folder))
    try:
        run = open_run_folder(place) if place.is_dir() and kind_of(place) is Kind.RUN else None
        read = run.predictions() if run else {one.instance_id: one for one in read_predictions(place)}
    except TreadleError as error:
        if given is not None:
            raise
        viewed.notes.append(f"Patches and steps are not shown: {error}. Name the predictions with --predictions.")
        return
    if not grades.graded_the(read):
        said = f"{place}: not the predictions that {grades.folder} has the verdicts of"
        if given is not None:
            raise DataError(f"{said}; name those, or grade these into another folder")
        viewed.notes.append(f"Patches and steps are not shown: {said}, or they have changed since. Grade them again.")
        return
    viewed.run, viewed.predictions = run, read
    if run and (more := [name for name in run.names if name not in {*grades.verdicts, *grades.left_out}]):
        viewed.notes.append(f"Of the run {_count(more, 'task')} had no part in the grading ({some(more)}).")


def _add_tasks(viewed: Viewed, given: TaskSource | None) -> None:
    """The tasks as they were run or graded."""
    recorded = None
    if viewed.grades is not None and "sources" in viewed.grades.results:
        recorded, folder = viewed.grades.results["sources"]["tasks"], viewed.grades.folder
    elif viewed.run is not None and "tasks" in viewed.run.info:
        recorded, folder = viewed.run.info["tasks"], viewed.run.folder
    if given is None and recorded is None:
        viewed.notes.append(
            "Issues and gold patches are not shown: where the tasks were read is not written down. Name them with "
            "--tasks."
        )
        return
    source = given or TaskSource(found(recorded["source"], folder), recorded.get("split"))
    names = viewed.names
    try:
        read = {one.instance_id: one for one in read_instances(source.source, source.split)}
    except (DataError, OutputError) as error:
        if given is not None:
            raise
        viewed.notes.append(f"Issues and gold patches are not shown: {error}. Name the tasks with --tasks.")
        return
    there = {name: read[name] for name in names if name in read}
    if given is not None and names and not there:
        raise DataError(f"{source.source}: none of the {len(names):,} tasks of {viewed.folder}, such as {names[0]!r}")
    if missing := [name for name in names if name not in there]:
        viewed.notes.append(
            f"Not in {source.source}: {_count(missing, 'task')}, whose issues and gold patches are not shown "
            f"({some(missing)})."
        )
    if other := _others(viewed, there):
        viewed.notes.append(
            f"Other in {source.source} than when they were run or graded: {_count(other, 'task')}, whose issues and "
            f"gold patches are not shown ({some(other)})."
        )
    viewed.tasks = {name: task for name, task in there.items() if name not in other}


def _others(viewed: Viewed, tasks: dict[str, SweInstance]) -> list[str]:
    """The tasks that are no longer what they were, as far as that was written down."""
    if viewed.grades is not None:
        digests = {name: one.get("task") for name, one in viewed.grades.verdicts.items()}
        return [name for name, task in tasks.items() if digests[name] not in (None, digest_of(task)[:TASK_DIGITS])]
    known = ((viewed.run.info.get("identity") or {}) if viewed.run else {}).get("instances")
    if known is None or len(tasks) < len(viewed.names):
        return []  # one digest is of all together
    return [] if known == digest_of_instances(list(tasks.values())) else list(tasks)


def some(names: Sequence[str], most: int = _NAMED) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names):,} {noun}{'' if len(names) == 1 else 's'}"
