"""Rows of a comparison of graded runs on software-engineering tasks, and what must agree among them.

Grades of different tasks under one name are refused, and so are different graders unless that is asked for. Where one
row has tasks that another lacks, only those that all have are compared, and a note names the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.compare.naming import by_value, group, listed_values, named
from treadle.evaluate.swe.folders import GradesFolder, Kind, RunFolder, kind_of, open_grades
from treadle.evaluate.swe.records import Verdict
from treadle.evaluate.swe.viewed import Viewed, add_predictions, some

NAMED = 10
"""Tasks that a note names; `compare.json` has all."""
_SETTINGS = ("settings.", "chat.", "back end", "dtype")
"""Beginnings of the keys of a run's identity that may differ with good reason."""


@dataclass(frozen=True)
class Graded:
    """Grades with the run that they are of, where it is there.

    Args:
        missing: Why it is not, in sentences.
    """

    grades: GradesFolder
    run: RunFolder | None
    missing: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.grades.folder

    @property
    def model(self) -> str:
        """The names of the models in the predictions."""
        return ", ".join(self.grades.results["models"])


@dataclass(frozen=True)
class TaskArm:
    """One row: grades of the same recipe, most often one."""

    name: str
    graded: tuple[Graded, ...]

    @property
    def tasks(self) -> list[str]:
        """Tasks that all of the row's grades have, in order."""
        first, *others = [one.grades.verdicts for one in self.graded]
        return [name for name in first if all(name in other for other in others)]


def one_kind(folders: Sequence[Path], groups: Sequence[str] = ()) -> Kind:
    """What the folders of a comparison hold.

    Raises:
        TreadleError: They hold different things, or runs that are not graded.
    """
    every = [*folders, *(path for text in groups for path in group(text)[1])]
    kinds: dict[Kind, Path] = {}
    for folder in every:
        kinds.setdefault(kind_of(folder), folder)
    if Kind.RUN in kinds:
        raise TreadleError(
            f"{kinds[Kind.RUN]}: a run on tasks has no verdicts yet; run `treadle swe grade {kinds[Kind.RUN]} --tasks "
            "TASKS -o GRADES` and compare the folders of grades"
        )
    if len(kinds) > 1:
        evaluation, grades = kinds[Kind.EVALUATION], kinds[Kind.GRADES]
        if not evaluation.is_dir():
            raise OutputError(f"{evaluation}: no such folder; expected one of `treadle swe grade`, as {grades} is")
        raise TreadleError(
            f"{evaluation} is no folder of `treadle swe grade`, {grades} is one: problems and tasks cannot stand side "
            "by side; compare folders of one kind"
        )
    return next(iter(kinds), Kind.EVALUATION)


def read_task_arms(folders: Sequence[str | Path], groups: Sequence[str] = ()) -> list[TaskArm]:
    """Read grades and put them into rows, as `treadle.evaluate.compare.arms.read_arms` does with runs."""
    return [TaskArm(name, graded) for name, graded in named(folders, groups, _read, lambda one: one.model)]


def _read(folder: Path) -> Graded:
    viewed = Viewed(folder, grades=open_grades(folder))
    add_predictions(viewed, None)
    assert viewed.grades is not None
    missing = () if viewed.run or viewed.predictions else tuple(viewed.notes)
    return Graded(viewed.grades, viewed.run, missing)


def common_tasks(arms: Sequence[TaskArm]) -> list[str]:
    """The tasks that all rows have, in the order of the first.

    Raises:
        DataError: There is none, or one is not the same task everywhere.
    """
    first, *others = [arm.tasks for arm in arms]
    shared = set(first).intersection(*others)
    found = [name for name in first if name in shared]
    every = [one for arm in arms for one in arm.graded]
    if not found:
        listed = "; ".join(f"{one.folder}: {_described(one)}" for one in every)
        raise DataError(f"no task in common: {listed}. Only grades of the same tasks can be compared")
    for name in found:
        digests = by_value((one, task) for one in every if (task := one.grades.verdicts[name].get("task")))
        if len(digests) > 1:
            raise DataError(
                f"{name}: not the same task in all grades: {listed_values(digests)}. Only grades of the same tasks can "
                "be compared: grade one of them again"
            )
    return found


def _described(one: Graded) -> str:
    return f"{len(one.grades.verdicts):,} tasks, such as {next(iter(one.grades.verdicts))!r}"


def check_gradings(arms: Sequence[TaskArm], common: Sequence[str], any_grader: bool = False) -> list[str]:
    """Refuse what cannot be compared, and say what differs in what can.

    Raises:
        DataError: Graders differ.
    """
    every = [one for arm in arms for one in arm.graded]
    notes = []
    graders = by_value((one, one.grades.results["grader"]) for one in every)
    if len(graders) > 1:
        listed = listed_values(graders)
        if not any_grader:
            raise DataError(f"graded by different graders: {listed}. Compare them all the same with --any-grader")
        notes.append(f"Graded by different graders: {listed}.")
    notes += _task_notes(arms, common)
    unsaid = [str(one.folder) for one in every if any("task" not in one.grades.verdicts[name] for name in common)]
    same = {one.grades.info.get("tasks") for one in every}
    if unsaid and len(same) > 1:
        notes.append(
            "That tasks of one name are the same could not be checked, because these do not say what was graded: "
            f"{', '.join(unsaid)}."
        )
    if len({one.grades.info.get("limits") for one in every} - {None}) > 1:
        notes.append("The tests had different limits of time or memory.")
    for arm in arms:
        verdicts = [one.grades.verdicts for one in arm.graded]
        broken = [name for name in common if any(v[name]["verdict"] == Verdict.ENVIRONMENT for v in verdicts)]
        if broken:
            notes.append(
                f"{arm.name}: {len(broken):,} of {len(common):,} tasks have the verdict environment, which is the "
                f"machine's doing and counts as not resolved ({some(broken, NAMED)}); grade again."
            )
        notes += [f"{arm.name}: {said}" for one in arm.graded for said in one.missing]
    return notes + _setting_notes([one for one in every if one.run is not None])


def only_in(arms: Sequence[TaskArm], common: Sequence[str]) -> dict[str, list[str]]:
    """The tasks of each row that not all have, by the name of the row."""
    shared = set(common)
    every = {arm.name: dict.fromkeys(name for one in arm.graded for name in one.grades.verdicts) for arm in arms}
    return {name: more for name, tasks in every.items() if (more := [task for task in tasks if task not in shared])}


def _task_notes(arms: Sequence[TaskArm], common: Sequence[str]) -> list[str]:
    notes = []
    for name, more in only_in(arms, common).items():
        notes.append(f"Not all have {len(more):,} tasks of {name}, which are compared in nothing: {some(more, NAMED)}.")
    if notes:
        notes.append(f"All figures and tests are over the {len(common):,} tasks that all have.")
    return notes


def _setting_notes(every: Sequence[Graded]) -> list[str]:
    """Settings of the runs that differ, as the notes of other comparisons have them."""
    identities = [one.run.info.get("identity") or {} for one in every if one.run]
    notes = []
    for key in dict.fromkeys(key for identity in identities for key in identity if key.startswith(_SETTINGS)):
        given = [(one, identity[key]) for one, identity in zip(every, identities, strict=True) if key in identity]
        if key != "settings.seed" and len(values := by_value(given)) > 1:
            notes.append(f"Different {key.removeprefix('settings.')}: {listed_values(values)}.")
    return notes
