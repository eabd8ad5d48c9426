"""The samples of tasks: each is an agent's episode of `treadle swe run`, graded by the task's tests.

episodes/         the run; each sample is a task of its own there, `ID#SAMPLE`, so that all are played side by side
played.json       digests of the tasks that were played
graded.jsonl      verdicts, and `logs/` of their tests
validation.json   the gold patches of tasks that had not been validated

The run grows: with more samples or more tasks only what is missing is played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from treadle.errors import Interrupted, OutputError
from treadle.evaluate.store import read_json, write_json
from treadle.evaluate.swe.folders import open_run_folder
from treadle.evaluate.swe.opening import refuse_other_run
from treadle.evaluate.swe.predictions import read_predictions
from treadle.evaluate.swe.records import Graded, SweInstance, Verdict
from treadle.evaluate.swe.run import OutcomeRow, run
from treadle.evaluate.swe.running import Means
from treadle.evaluate.swe.settings import SweSettings, digest_of_instances
from treadle.evaluate.swe.worlds import Worlds
from treadle.teacher.assignments import refuse_none
from treadle.teacher.store import IDENTITY, check_same
from treadle.teacher.tasks.given import Tasks, that_validate
from treadle.teacher.tasks.grades import judge

EPISODES, TASKS = "episodes", "played.json"


@dataclass(frozen=True)
class Playing:
    """Who plays, and where.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        settings: Of mode `agent`.
        worlds: Where checkouts and environments come from.
        means: What tests are run with.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        together: Episodes side by side.
        workers: Threads in which tools and tests work.
        validate: Whether tasks that have not been are validated first.
        say: Takes lines for the user.
    """

    model: str
    settings: SweSettings
    worlds: Worlds
    means: Means
    kind: str = "transformers"
    options: Mapping[str, Any] = field(default_factory=dict)
    together: int = 16
    workers: int = 4
    validate: bool = True
    say: Callable[[str], object] = print

    def about(self, command: str) -> dict[str, str]:
        """What a folder of its episodes is for, as its identity."""
        return {"command": command, "model": self.model, "back end": self.kind}


@dataclass(frozen=True)
class Attempt:
    """A sample of a task.

    Args:
        outcome: What the episode ended with; `None` where the back end gave no answer, or the episode could not begin.
        graded: The verdict; `None` where the back end gave no answer.
    """

    task: SweInstance
    sample: int
    outcome: OutcomeRow | None
    graded: Graded | None

    @property
    def id(self) -> str:
        """Unique among the samples of a run."""
        return id_of(self.task, self.sample)

    @property
    def judged(self) -> bool:
        """Whether the verdict says something about the model."""
        return self.graded is not None and self.graded.verdict is not Verdict.ENVIRONMENT


def id_of(task: SweInstance, sample: int) -> str:
    return f"{task.instance_id}#{sample}"


def refuse_other(folder: Path, about: Mapping[str, str], tasks: Sequence[SweInstance], playing: Playing) -> None:
    """Raise `OutputError`, before anything is asked, where `folder` is for something else than `about` says, or has
    episodes of other settings or other tasks."""
    check_same(folder, about)
    if (folder / EPISODES).exists():
        refuse_other_run(folder / EPISODES, playing.settings, (), overwrite=False)
    known = _known(folder)
    for task in tasks:
        if known.get(task.instance_id, _digest(task)) != _digest(task):
            raise OutputError(
                f"{folder}: task {task.instance_id!r} is another than when its episodes were played; give another "
                "folder with -o, or replace this one with --overwrite"
            )


def play(
    given: Tasks, samples: int, folder: Path, about: Mapping[str, str], playing: Playing
) -> tuple[Tasks, list[Attempt]]:
    """Validate the tasks, where that is wanted, and play so many samples of each that is left; to be called where
    `refuse_other` has nothing against it.

    Returns:
        The tasks that are left, and all attempts, those of a task next to each other.

    Raises:
        DataError: No task is left.
        ModelError, OutputError, SandboxError, DataError, Interrupted: As for `treadle.evaluate.swe.run.run`.
    """
    write_json(folder / IDENTITY, dict(about))
    try:
        if playing.validate:
            given = that_validate(given, folder, playing.means, playing.workers, playing.say)
            refuse_none(given)
        return given, _attempts(given.items, samples, folder, playing)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; the same command goes on from {folder}") from None


def _attempts(tasks: Sequence[SweInstance], samples: int, folder: Path, playing: Playing) -> list[Attempt]:
    """So many samples of each task, as far as `folder` does not hold them yet, and their verdicts."""
    write_json(folder / TASKS, _known(folder) | {task.instance_id: _digest(task) for task in tasks})
    places = [(task, sample) for task in tasks for sample in range(samples)]
    episodes = folder / EPISODES
    run(
        playing.model,
        [replace(task, instance_id=id_of(task, sample)) for task, sample in places],
        playing.settings,
        episodes,
        playing.worlds,
        playing.kind,
        playing.options,
        together=playing.together,
        workers=playing.workers,
        say=playing.say,
        grows=True,
    )
    outcomes = {row.instance_id: row for row in open_run_folder(episodes).outcomes()}
    handed_in = {one.instance_id: one for one in read_predictions(episodes)}
    played = [(task, handed_in[id_of(task, k)]) for task, k in places if id_of(task, k) in handed_in]
    graded = {
        prediction.instance_id: one
        for (_, prediction), one in zip(played, judge(played, folder, playing.means, playing.workers), strict=True)
    }
    return [Attempt(task, k, outcomes.get(id_of(task, k)), graded.get(id_of(task, k))) for task, k in places]


def _known(folder: Path) -> dict[str, Any]:
    return read_json(folder / TASKS, "") if (folder / TASKS).is_file() else {}


def _digest(task: SweInstance) -> str:
    return digest_of_instances([task])
