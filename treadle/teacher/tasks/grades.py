"""Verdicts on patches, each patch of a task judged once: samples often hand in the same, and the journal keeps them.

Unlike the folder of `treadle swe grade` this one grows: with more samples, more tasks, or other limits of the tests
nothing that was judged is lost. Verdicts `environment` are given anew each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from treadle.evaluate.store import Journal
from treadle.evaluate.swe.grading import grade
from treadle.evaluate.swe.records import Graded, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.results import GRADED, LOGS, digest, digest_of, read_graded
from treadle.evaluate.swe.running import Means
from treadle.evaluate.swe.working import in_turn, log_file


def judge(
    handed_in: Sequence[tuple[SweInstance, Prediction]], folder: Path, means: Means, workers: int = 1
) -> list[Graded]:
    """The verdict on each prediction.

    Args:
        handed_in: Tasks, each with what was handed in for it.
        folder: Of the journal and the logs, which is made.
        workers: Runs of tests side by side.

    Raises:
        SandboxError, DataError, OutputError: As for `treadle.evaluate.swe.grading.grade`.
    """
    keys = [_key(task, prediction, means) for task, prediction in handed_in]
    with closing(Journal(folder / GRADED)) as journal:
        known = {record.pop("key"): read_graded(record) for record in journal}
        known = {key: graded for key, graded in known.items() if graded.verdict is not Verdict.ENVIRONMENT}
        todo = {key: pair for key, pair in zip(keys, handed_in, strict=True) if key not in known}

        def work(key: str) -> tuple[str, Graded]:
            task, prediction = todo[key]
            return key, grade(prediction, task, means, log=log_file(folder / LOGS, f"{task.instance_id}.{key[:8]}"))

        for key, graded in in_turn(work, list(todo), workers):
            journal.append({"key": key, **asdict(graded)})
            known[key] = graded
    return [replace(known[key], instance_id=task.instance_id) for key, (task, _) in zip(keys, handed_in, strict=True)]


def _key(task: SweInstance, prediction: Prediction, means: Means) -> str:
    """Of all that decides over a verdict."""
    said = [prediction.model_patch, prediction.fault, prediction.reason]
    return digest([digest_of(task), said, asdict(means.limits)])
