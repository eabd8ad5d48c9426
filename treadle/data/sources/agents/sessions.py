"""What the logs of coding agents' sessions have in common: one person, one folder, one task after the other.

A session is one row and gives one trajectory: that of its first task. It ends where the agent had acted, then stopped
acting, and the user spoke again: those words ask for something else, and steps under the first problem would answer
another, unseen where prompts show the last steps only. What follows is left out; `meta["later_prompts"]` counts the
user's words in it, `meta["later_steps"]` its calls. Words before the first call (a question of the agent and its
answer) and words between two calls (corrections) belong to the task, see `agents.turns`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from treadle.data.sources.agents.dialogue import Dialogue, task_of, trajectory_of
from treadle.data.sources.messages import JOIN, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory


def lines_of(value: Any) -> list[Any]:
    """The lines of a log: a list of objects, where tables need it each as JSON text, or the text of the file.

    Lines that are no JSON stay as they are.
    """
    if isinstance(value, str):
        value = as_list(value) or value.splitlines()
    lines = value if isinstance(value, list) else []
    return [_parsed(line) if isinstance(line, str) and line[:1] == "{" else line for line in lines if line != ""]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def first_task(dialogue: Dialogue) -> tuple[Dialogue, dict[str, Any]]:
    """The part of a session that is its first task, and what `meta` says of the rest."""
    acted = False
    for end, turn in enumerate(dialogue.turns, 1):
        if acted and turn.asks:
            rest = dialogue.turns[end:]
            heard = [kind for each in (turn, *rest) for kind, _ in each.words]
            steps = sum(len(each.steps) for each in rest)
            task = replace(dialogue, turns=[*dialogue.turns[: end - 1], replace(turn, words=[])])
            return task, {"later_prompts": heard.count("user"), "later_steps": steps}
        acted = acted or bool(turn.steps)
    return dialogue, {}


def session_trajectory(
    row: Row, dialogue: Dialogue, session: Any, model: Any, system: str | None, meta: dict[str, Any]
) -> Trajectory:
    """The trajectory of a session's first task.

    Args:
        session: The session's own id, where it has one and the row has none.
        model: The model's name, likewise.
    """
    own = {key: value for key, value in (("id", session), ("model", model)) if isinstance(value, str)}
    row = row._replace(data={**row.data, **{key: value for key, value in own.items() if not row.data.get(key)}})
    task, found = first_task(dialogue)
    words = [text for kind, text in task.opening if kind == "user"] or [text for _, text in task.opening]
    problem, column = (JOIN.join(words), None) if words else task_of(row.data) or (None, None)
    if problem is None:
        raise Rejected(
            DropReason.EMPTY_PROBLEM,
            "no words of the user before the first turn, as in what print mode and --json write; add them as a column "
            "prompt, or bring the session's own file",
        )
    return trajectory_of(row, task, system, problem, column, {**found, **meta})
