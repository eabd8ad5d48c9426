"""The expert's next steps in a run folder: scored one by one, continued where they stopped, and their figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.chat.progress import progress
from treadle.errors import OutputError
from treadle.evaluate.records import Sampling, StepSample
from treadle.evaluate.runs import ANEW, INFO, STEPS, Run
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.step_lines import done_in
from treadle.evaluate.store import Journal, read_lines, write_lines
from treadle.trajectory import StepInstance

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend


def score_steps(
    backend: Backend, out: Path, settings: EvaluateSettings, instances: Sequence[StepInstance]
) -> list[str]:
    """Score the next steps that steps.jsonl does not hold yet; it is a journal while this goes on.

    Returns:
        Of each step that the back end did not give, why.
    """
    from treadle.evaluate.steps import StepReport, evaluate_steps

    report = StepReport()
    if not settings.steps:
        return []
    path = out / STEPS
    with closing(Journal(path)) as journal:
        done = done_in(journal, path, instances)
        left = [i for i in instances if (i.trajectory_id, i.step) not in done]
        sampling, tags = Sampling(settings.max_step_tokens), settings.thought_tags
        with progress("next steps", len(left), settings.max_step_tokens, bool(left)) as finished:
            for sample in evaluate_steps(backend, left, sampling, thought_tags=tags, report=report):
                journal.append(asdict(sample))
                finished()
    order = {(i.trajectory_id, i.step): place for place, i in enumerate(instances)}
    write_lines(path, sorted(read_lines(path), key=lambda r: order[r["trajectory_id"], r["step"]]))
    return list(report.failed.elements())


def step_figures(run: Run) -> dict[str, Any]:
    """The figures of a run's steps.

    Raises:
        OutputError: There are more of them than the run has.
    """
    from treadle.evaluate.step_view import step_view

    found: list[StepSample] = list(run.steps())
    stated = run.info.get("steps", len(found))
    if len(found) > stated:
        raise OutputError(
            f"{run.folder / STEPS}: found {len(found):,} steps, expected at most {stated:,}, as {INFO} has it; {ANEW}"
        )
    floor = (run.info.get("similarity_floor"), run.info.get("no_similarity_floor", ""))
    return {**step_view(found, *floor), "failed": stated - len(found)}


def instances_digest(instances: Sequence[StepInstance]) -> str:
    """What tells steps to score from others; empty without any."""
    total = hashlib.sha256()
    for i in instances:
        total.update(json.dumps([i.trajectory_id, i.step, i.prompt, i.expert_action]).encode())
    return f"{len(instances)}, sha256 {total.hexdigest()[:16]}" if instances else ""
