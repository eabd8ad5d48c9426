"""An episode as a row of trajectories.jsonl: the messages that agents' trajectories have (form `xml-calls`).

The k-th message of the assistant holds the call that was carried out, as it was; before it what the model wrote to
explain it. Its thoughts are apart, under `reasoning_content`. Answers without a call that could be carried out did
nothing and are left out, so that nobody learns them; `faulty_steps` has their number.
"""

from __future__ import annotations

from typing import Any

from treadle.data.sources.form import ReadOptions
from treadle.data.sources.line_ends import with_plain_actions, with_plain_line_ends
from treadle.data.sources.registry import recognised
from treadle.errors import TreadleError
from treadle.evaluate.swe.agent.prompts import system_text, task_text
from treadle.evaluate.swe.run import OutcomeRow
from treadle.files.rows import Row
from treadle.teacher.asking import prompt_digest
from treadle.teacher.checks import Fault, Reason
from treadle.teacher.drafts import Origin
from treadle.teacher.tasks.attempts import Attempt
from treadle.trajectory import Trajectory


def origin_of(attempt: Attempt, model: str, checks: tuple[str, ...]) -> dict[str, Any]:
    """Where an episode came from; `prompt_sha256` is that of the rules and the task, its first two messages."""
    digest = prompt_digest(_opening(attempt))
    origin = Origin("solve", model, digest, attempt.sample, checks=checks)
    return {**origin.record(), "problem_id": attempt.task.instance_id}


def row_of(attempt: Attempt, outcome: OutcomeRow, model: str, checks: tuple[str, ...]) -> dict[str, Any]:
    """The row of an episode whose patch resolves the task."""
    return {
        "instance_id": attempt.task.instance_id,
        "run_id": str(attempt.sample),
        "model": model,
        "resolved": True,
        "exit_status": outcome.figures["stop"],
        "faulty_steps": len(outcome.steps) - len(_acts(outcome)),
        "messages": _messages(attempt, outcome),
        "patch": outcome.patch,
        "origin": origin_of(attempt, model, checks),
    }


def read_back(row: dict[str, Any], outcome: OutcomeRow) -> Trajectory | Fault:
    """The trajectory that `treadle prepare` makes of a row, or why it is not the episode."""
    try:
        data, _ = with_plain_line_ends(row)
        known, form = recognised(Row(data, "episode", "episode", 1))
        trajectory, _ = with_plain_actions(form.read(known, ReadOptions()))
    except TreadleError as error:
        return Fault(Reason.UNREADABLE, str(error))
    executed = [step["action"] for step in _acts(outcome)]
    read = [step.action for step in trajectory.steps]
    if read != executed:
        k = next((k for k, pair in enumerate(zip(read, executed, strict=False)) if len({*pair}) > 1), len(read))
        return Fault(Reason.UNREADABLE, f"read as {form.name}, action {k + 1} would be another than was carried out")
    return trajectory


def _messages(attempt: Attempt, outcome: OutcomeRow) -> list[dict[str, str]]:
    messages = _opening(attempt)
    for step in _acts(outcome):
        said = "\n\n".join(filter(None, (step.get("prose", ""), step["action"])))
        thought = {"reasoning_content": step["thought"]} if step["thought"] else {}
        messages.append({"role": "assistant", "content": said, **thought})
        if step["observation"]:
            messages.append({"role": "user", "content": step["observation"]})
    return messages


def _opening(attempt: Attempt) -> list[dict[str, str]]:
    task = task_text(attempt.task.problem_statement)
    return [{"role": "system", "content": system_text()}, {"role": "user", "content": task}]


def _acts(outcome: OutcomeRow) -> list[dict[str, Any]]:
    """The steps that were carried out."""
    return [step for step in outcome.steps if not step["fault"]]
