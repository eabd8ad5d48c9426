"""Form `smolagents`: the steps of an agent's memory, as `agent.memory.get_full_steps()` of smolagents gives them.

An entry with `step_number` is a turn: what the model wrote is `model_output`, the action `code_action` where the agent
acts by code and `tool_calls` else, the result `observations` and the message of `error`. The task is the entry with
`task`, or a column. Plans (`plan`) are prose before the next action and part of its thought. Images are left out.
"""

from __future__ import annotations

from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.turns import Turn, assemble, beside, sliced
from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import JOIN, as_dict, as_list, text_parts
from treadle.files.rows import Row
from treadle.trajectory import Trajectory

_COLUMNS = ("steps", "memory", "full_steps", "logs", "agent_memory", "intermediate_steps", "trajectory")
_LOOKED_AT = 12  # entries; a prompt, a task and plans may stand before the first turn
_TURN = ("model_output", "code_action", "observations", "model_output_message")


def _steps(data: dict[str, Any]) -> list[Any] | None:
    for column in _COLUMNS:
        value = data.get(column)
        steps = as_list(as_dict(value).get("steps") if isinstance(value, dict) else value)
        if steps and any(_is_turn(step) for step in steps[:_LOOKED_AT]):
            return steps
    return None


def _is_turn(step: Any) -> bool:
    return isinstance(step, dict) and "step_number" in step and any(key in step for key in _TURN)


def matches(row: Row) -> bool:
    return _steps(row.data) is not None


def _turn(raw: dict[str, Any], plan: str, where: str) -> Turn:
    output = raw.get("model_output")
    if output is None:
        output = as_dict(raw.get("model_output_message")).get("content")
    text = plan + "".join(text_parts(output, where))
    code = raw.get("code_action")
    calls = [call for call in as_list(raw.get("tool_calls")) or [] if isinstance(call, dict)]
    if code is None and len(calls) == 1:
        arguments = as_dict(calls[0].get("function")).get("arguments")
        code = arguments if isinstance(arguments, str) and not as_dict(arguments) else None
    if isinstance(code, str) and code.strip():
        start = text.rfind(code)
        steps = [
            sliced(text, start, start, start + len(code), where) if start >= 0 else beside(text, code, as_json(calls))
        ]
    elif calls:
        actions = [render(*read_call(call, where)) for call in calls]
        steps = [beside(text, "\n".join(actions), as_json(calls if len(calls) > 1 else calls[0]))]
    else:
        steps = []
    error = as_dict(raw.get("error")).get("message", raw.get("error"))
    answers = [t for t in (raw.get("observations"), error) if isinstance(t, str) and t]
    return Turn(text, steps, [answers], answered_by="harness" if isinstance(error, str) and not steps else "tool")


def read(row: Row, options: ReadOptions) -> Trajectory:
    problem, system, plan, turns = "", None, "", []
    for index, raw in enumerate(_steps(row.data) or []):
        where = f"step {index + 1}"
        expect(raw, dict, where)
        if isinstance(raw.get("task"), str) and not problem:
            problem = raw["task"]
        elif isinstance(raw.get("system_prompt"), str):
            system = raw["system_prompt"]
        elif isinstance(raw.get("plan"), str):
            plan += raw["plan"] + JOIN
        elif _is_turn(raw):
            turns.append(_turn(raw, plan, where))
            plan = ""
    if not problem and (column := first_text(row.data, (*PROBLEM_NAMES, "task", "input"))):
        problem = row.data[column]
    return assemble(row, problem, turns, system)


FORM = Form(
    name="smolagents",
    description="the steps of a smolagents memory, code or tool calls",
    matches=matches,
    read=read,
)
