"""The single next steps of an evaluation, as the lines of `steps.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.evaluate.records import StepSample
from treadle.evaluate.sample_lines import step_from
from treadle.trajectory import StepInstance


def steps_from(records: Iterable[Mapping[str, Any]], file: Path) -> Iterator[StepSample]:
    """The steps of the lines of steps.jsonl, each once. Raises `OutputError` for a line that is none, or comes
    twice."""
    seen: set[tuple[str, int]] = set()
    for number, record in enumerate(records, 1):
        step = step_from(record, f"{file}, line {number}")
        key = (step.trajectory_id, step.step)
        if key in seen:
            raise OutputError(
                f"{file}, line {number}: step {step.step} of {step.trajectory_id} is there already; delete this line"
            )
        seen.add(key)
        yield step


def done_in(
    records: Iterable[Mapping[str, Any]], file: Path, instances: Sequence[StepInstance]
) -> set[tuple[str, int]]:
    """Trajectory and step of what was evaluated before.

    Raises:
        OutputError: See `steps_from`; or a line is of none of the steps to evaluate.
    """
    wanted, done = {(i.trajectory_id, i.step) for i in instances}, set()
    for number, step in enumerate(steps_from(records, file), 1):
        key = (step.trajectory_id, step.step)
        if key not in wanted:
            raise OutputError(
                f"{file}, line {number}: step {step.step} of {step.trajectory_id} is none of those that are evaluated; "
                "delete this line"
            )
        done.add(key)
    return done
