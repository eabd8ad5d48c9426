"""Which tasks of a set are given to a model, and which are left out before that, with a reason and a count.

Tasks for testing are left out unless they are asked for by name. Tasks are validated as `treadle swe grade` does it:
the gold patch resolves them here, and the base does not. So no episode is paid for whose verdict this machine cannot
give.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from treadle.evaluate.swe.checkouts import clone_of
from treadle.evaluate.swe.instances import read_instances, tasks_file
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.results import VALIDATION
from treadle.evaluate.swe.running import Means
from treadle.evaluate.swe.validate import ENVIRONMENT, is_of, read_validations, validate, validation_file
from treadle.files.reading import iter_rows
from treadle.teacher.assignments import Assignments, LeftOut, only

TESTING = "test"
"""The split of tasks that nobody trains on."""
Tasks = Assignments[SweInstance]


def tasks_to_solve(source: str, split: str | None = None, mirrors: Path | None = None) -> Tasks:
    """The tasks of a file or folder.

    Args:
        source, split: See `treadle.evaluate.swe.instances.read_instances`; without a split all but those for testing.
        mirrors: Folder of the clones of real repositories.

    Raises:
        DataError: They cannot be read, or are of real repositories and no folder of clones is there.
    """
    found = read_instances(source, split)
    given = Tasks(source, found, len(found))
    if split is None:
        given = only(given, (task.meta.get("split") != TESTING for task in found), LeftOut.HELD_OUT)
    real = next((task for task in given.items if not task.of_release), None)
    if real is not None and (mirrors is None or not mirrors.is_dir()):
        clone_of(real.repo, mirrors)  # raises with the line that mends it
    return given


def that_validate(
    given: Tasks, folder: Path, means: Means, workers: int = 1, say: Callable[[str], object] = print
) -> Tasks:
    """Those whose gold patch resolves them here; what is not known yet is run, and written to `folder`.

    Raises:
        SandboxError: No sandbox can be had.
        DataError: What all tasks of a kind need is not here.
        OutputError: It cannot be written.
    """
    file = validation_file(given.source)
    before = read_validations(file)
    known = {name: before[name] for task in given.items if is_of(before.get(name := task.instance_id), task)}
    done = read_validations(folder / VALIDATION) | known
    if missing := sum(not is_of(done.get(task.instance_id), task) for task in given.items):
        say(f"{missing} of {len(given.items)} tasks have not been validated; their gold patches are run first")
    found = validate(given.items, folder / VALIDATION, means, workers=workers, known=known, retry=False)
    for name, one in found.items():
        if not one.valid:
            say(f"left out: {name}: {one.reason}")
    lacking = {name for name, one in found.items() if one.reason.startswith(ENVIRONMENT)}
    given = only(given, [task.instance_id not in lacking for task in given.items], LeftOut.NO_ENVIRONMENT)
    return only(given, [found[task.instance_id].valid for task in given.items], LeftOut.INVALID)


def source_rows(given: Tasks, split: str | None = None) -> dict[str, dict[str, Any]]:
    """The row of each task as its source has it, by id, so that what is selected goes on with all its columns."""
    wanted = {task.instance_id for task in given.items}
    rows = iter_rows(tasks_file(given.source), split or TESTING, unit="task")
    return {row.data["instance_id"]: row.data for row in rows if row.data["instance_id"] in wanted}
