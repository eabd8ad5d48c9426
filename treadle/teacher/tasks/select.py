"""`treadle teach select` of software-engineering tasks: a student's pass rate at each, and the tasks of one band.

The files are those of `treadle.teacher.select`. Attempts are played as a teacher's are, in `OUT/run/`; a task lies in
no band as long as one of its samples has no verdict. Releases that tasks are made from lie in `OUT/sources/`, so that
`band.jsonl` is a file of tasks to all commands that take some.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from treadle.evaluate.swe.instances import SOURCES
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.files.output import check_out
from treadle.files.whole import writing
from treadle.teacher.assignments import refuse_none
from treadle.teacher.bands import Band, Rate
from treadle.teacher.select import conclude, selecting
from treadle.teacher.store import IDENTITY
from treadle.teacher.tasks.attempts import Attempt, Playing, play, refuse_other
from treadle.teacher.tasks.given import Tasks, source_rows
from treadle.teacher.tasks.outcomes import failure

ABOUT = "select software-engineering tasks"
RUN = "run"
_DESCRIBED = "tasks.json"


def select_tasks(
    given: Tasks,
    samples: int,
    band: Band,
    playing: Playing,
    out: Path,
    split: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Play `samples` episodes of each task, grade them, and write the tasks by where they lie.

    Args:
        given: See `treadle.teacher.tasks.given`, read with `split`.
        overwrite: Whether a selection with other settings in `out` is replaced.

    Returns:
        The content of report.json.

    Raises:
        TreadleError: The band is empty; rates and the other files are written all the same.
        DataError, ModelError, OutputError, SandboxError, Interrupted: As for `treadle.teacher.tasks.run.solve_tasks`.
    """
    refuse_none(given)
    playing.worlds.check()
    about = {"student": playing.model, "problems": given.source, "samples": samples, "band": band}
    run = out / RUN
    with selecting(out, about, overwrite):
        if not (run / IDENTITY).is_file():
            check_out(run, False, IDENTITY)
        identity = playing.about(ABOUT)
        refuse_other(run, identity, given.items, playing)
        given, played = play(given, samples, run, identity, playing)
        _copy_releases(given.items, out)
        failed = Counter(str(failure(attempt)) for attempt in played if not attempt.judged)
        left_out = given.record()["left_out"]
        return conclude(
            out, _rates(played, samples), source_rows(given, split), {**about, "left_out": left_out, "failed": failed}
        )


def _rates(played: list[Attempt], samples: int) -> list[Rate]:
    rates = []
    for first in range(0, len(played), samples):
        of_task = played[first : first + samples]
        verdicts = [attempt.graded.verdict for attempt in of_task if attempt.judged]
        right = sum(verdict is Verdict.RESOLVED for verdict in verdicts)
        rates.append(Rate(of_task[0].task.instance_id, right, len(verdicts), 0, samples))
    return rates


def _copy_releases(tasks: list[SweInstance], out: Path) -> None:
    """What made tasks need beside their file."""
    for folder in {task.folder for task in tasks if task.folder is not None}:
        with writing(out):
            shutil.copytree(folder / SOURCES, out / SOURCES, dirs_exist_ok=True)
            if (folder / _DESCRIBED).is_file():
                shutil.copy2(folder / _DESCRIBED, out / _DESCRIBED)
