"""Form `step-records`: a list of records, one a step, with what an agent thought, did and saw under those names.

So write many agents of one's own: `steps`, `trajectory`, `trace` or the like, whose entries have `action` or a tool
with its arguments, an `observation` (`result`, `output`, ...) and often a `thought`. Also DSPy's ReAct, which numbers
the names instead: `thought_0`, `tool_name_0`, `tool_args_0`, `observation_0`.

An action in text is the action as it stands. A tool with arguments, or an action that is an object, is rendered as a
call, and `Step.call` has these fields of the record. A last record without an action is the epilogue.
"""

from __future__ import annotations

import re
from typing import Any

from treadle.data.sources.agents.calls import as_json, render
from treadle.data.sources.agents.text_calls import named
from treadle.data.sources.agents.turns import Turn, assemble, beside
from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import as_dict, as_list, chat
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_COLUMNS = ("steps", "trajectory", "trace", "history", "interactions", "turns", "episode", "actions", "log")
_TOOLS = ("tool_name", "tool", "function_name", "action_name", "action_type")
_ARGUMENTS = ("action_input", "tool_input", "tool_args", "action_args", "arguments", "args", "parameters", "params")
_THOUGHTS = ("thought", "thoughts", "thinking", "reasoning", "rationale", "think", "analysis")
_OBSERVATIONS = ("observation", "obs", "result", "tool_result", "tool_output", "output", "response", "feedback")
_FINALS = ("final_answer", "answer", "final")
_PROBLEMS = (*PROBLEM_NAMES, "task", "goal", "input", "objective", "user_query", "user_request", "problem_statement")
_NUMBERED = re.compile(r"(thought|tool_name|tool_args|observation)_(\d+)")
_LOOKED_AT = 3


def _records(data: dict[str, Any]) -> list[Any] | None:
    for column in _COLUMNS:
        value = data.get(column)
        if isinstance(value, dict):
            value = _from_dspy(value) or value.get("steps")
        records = as_list(value)
        if records and any(_is_record(record) for record in records[:_LOOKED_AT]):
            return records
    return None


def _from_dspy(value: dict[str, Any]) -> list[Any] | None:
    """Records of names with numbers, `None` if there are none."""
    if "tool_name_0" not in value:
        return None
    records: dict[int, dict[str, Any]] = {}
    for key, field in value.items():
        if (match := _NUMBERED.fullmatch(str(key))) and len(match[2]) < 9:
            records.setdefault(int(match[2]), {})[match[1]] = field
    return [records[number] for number in sorted(records)]


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or "role" in record or "kind" in record:
        return False
    acts = any(isinstance(record.get(key), str | dict) and record[key] for key in ("action", *_TOOLS))
    return acts and any(key in record for key in _OBSERVATIONS)


def matches(row: Row) -> bool:
    return chat(row.data) is None and _records(row.data) is not None


def _step(record: dict[str, Any], thought: str, where: str) -> Step | None:
    action = record.get("action")
    if isinstance(action, str) and action.lstrip().startswith("{"):
        action = as_dict(action) or action
    if isinstance(action, dict) and action:
        name, arguments = _call(action, where)
        return beside(thought, render(name, arguments), as_json(record["action"]))
    keys = [key for key in _ARGUMENTS if record.get(key) is not None]
    tool = next((key for key in (*_TOOLS, "action") if isinstance(record.get(key), str) and record[key].strip()), None)
    if tool is not None and (keys or tool != "action"):
        own = {key: record[key] for key in (tool, *keys[:1])}
        given = record[keys[0]] if keys else {}
        if isinstance(given, str):
            given = as_dict(given) or ({"input": given} if given.strip() not in ("", "{}") else {})
        given = expect(given, dict, f"arguments of {where}")
        return beside(thought, render(record[tool], {k: v for k, v in given.items() if v is not None}), as_json(own))
    if not isinstance(action, str) or not action.strip():
        return None
    kept = action.strip()
    start = action.index(kept)
    return Step(kept, thought=thought or None, before=action[:start], after=action[start + len(kept) :])


def _call(action: dict[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of an action that is an object: a call, or one whose other keys are its arguments."""
    try:
        return named(action, where)
    except Rejected:
        kind = next((key for key in ("action_type", "type") if isinstance(action.get(key), str)), None)
        if kind is None:
            raise
    return action[kind], {key: value for key, value in action.items() if key != kind and value is not None}


def _text(record: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first of `keys` that says something, as text; null and missing keys say nothing."""
    value = next((record[key] for key in keys if record.get(key) is not None), None)
    return value if value is None or isinstance(value, str) else as_json(value, ensure_ascii=False)


def read(row: Row, options: ReadOptions) -> Trajectory:
    turns = []
    for number, raw in enumerate(_records(row.data) or [], 1):
        where = f"record {number}"
        record = expect(raw, dict, where)
        thought = _text(record, _THOUGHTS) or ""
        observation = _text(record, _OBSERVATIONS)
        answers = [observation] if observation else []
        step = _step(record, thought, where)
        text = thought if step else _text(record, _FINALS) or thought
        turns.append(Turn(text, [step] if step else [], [answers], answered_by="tool"))
    column = first_text(row.data, _PROBLEMS)
    if column is None:
        raise Rejected(DropReason.EMPTY_PROBLEM, f"none of the columns {', '.join(_PROBLEMS[:8])} holds text")
    return assemble(row, row.data[column], turns)


FORM = Form(
    name="step-records",
    description="a list of records with thought, action (or tool and arguments) and observation; DSPy's ReAct",
    matches=matches,
    read=read,
)
