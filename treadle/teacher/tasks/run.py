"""`treadle teach solve` of software-engineering tasks: from tasks to a folder of trajectories, resumable at any moment.

The folder is that of `treadle.teacher.kept`; its store holds the episodes and their grades instead of single answers,
see `treadle.teacher.tasks.attempts`. The run of the episodes can be gone on with, and so can this.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from treadle.evaluate.swe.folders import open_run_folder
from treadle.files.output import check_out, make_empty, owned
from treadle.teacher.assignments import refuse_none
from treadle.teacher.checks.duplicates import Duplicates
from treadle.teacher.kept import INFO, STORE, write_info, write_report, write_rows
from treadle.teacher.report import as_text
from treadle.teacher.tasks.attempts import EPISODES, Playing, play, refuse_other
from treadle.teacher.tasks.given import Tasks
from treadle.teacher.tasks.outcomes import TaskOutcomes, acts_alone
from treadle.trajectory import Trajectory

COMMAND = "solve"
ABOUT = "solve software-engineering tasks"
"""Sets a store of episodes apart from one of answers."""


def solve_tasks(
    given: Tasks,
    samples: int,
    playing: Playing,
    out: Path,
    near_threshold: float | None = 0.8,
    known: Iterable[Trajectory] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Play and grade what `out` does not hold yet, and write the episodes whose patch resolves their task.

    Args:
        given: See `treadle.teacher.tasks.given`.
        samples: Episodes of each task.
        near_threshold: Similarity from which samples of one task are near duplicates; `None` keeps all.
        known: Trajectories that are there; what is like one of them is not kept.
        overwrite: Whether the folder of another run is replaced, with its episodes.

    Returns:
        The content of report.json. `treadle.teacher.outcomes.missing` counts what the same command would try again.

    Raises:
        DataError: There is nothing to do, or a task lacks what it needs.
        ModelError: The model cannot be loaded or reached, or gave no answer at all.
        OutputError: `out` holds something else, its store is of other settings, or it cannot be written.
        SandboxError: Nothing can be run safely here.
        Interrupted: The user stopped the run; it can be continued.
    """
    refuse_none(given)
    playing.worlds.check()
    with owned(out):
        if overwrite or not (out / INFO).is_file():
            check_out(out, overwrite, INFO)
        duplicates = None if near_threshold is None else Duplicates(near_threshold, known, acts_alone)
        store = out / STORE
        if overwrite:
            _answers(playing)
            make_empty(out, INFO)
        about = playing.about(ABOUT)
        refuse_other(store, about, given.items, playing)
        settings = {
            "samples": samples,
            "near_threshold": near_threshold,
            **{name: value for name, value in asdict(playing.settings).items() if name not in _NOT_OF_EPISODES},
            "tests": asdict(playing.means.limits),
        }
        info = {"command": COMMAND, "model": playing.model, "backend": {"kind": playing.kind}, "settings": settings}
        versions = {"treadle": version("treadle"), "python": platform.python_version()}
        write_info(out, {**info, "versions": versions})
        given, played = play(given, samples, store, about, playing)
        outcomes = TaskOutcomes(played, playing.model, duplicates)
        report = {
            **info,
            "backend": open_run_folder(store / EPISODES).info["backend"],
            "inputs": given.record(),
            **outcomes.counts(),
            "versions": versions,
        }
        write_rows(out, outcomes.kept_rows(), outcomes.rejected_rows())
        write_report(out, report, as_text(report))
    return report


_NOT_OF_EPISODES = (
    "mode",
    "samples",
    "choice",
    "max_new_tokens",
    "files",
    "long_file",
    "tree_chars",
    "whitespace",
    "mini",
)


def _answers(playing: Playing) -> None:
    """Raise `ModelError` where the model cannot be loaded or reached, before episodes that were paid for go."""
    from treadle.evaluate.backends import open_backend

    with closing(open_backend(playing.model, playing.kind, **dict(playing.options))):
        pass
