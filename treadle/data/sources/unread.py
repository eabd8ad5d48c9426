"""Why no form reads a row: what was seen in it, and what to do."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from treadle.data.sources.cells import is_blank, texts_of
from treadle.data.sources.columns import ANSWER_WORDS, PROBLEM_NAMES, THOUGHT_NAMES, similar_column
from treadle.data.sources.math.solutions import column_in_steps
from treadle.data.sources.messages import as_dict, as_list, role_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.files.shapes import ROW_COLUMNS

_TAG = re.compile(r"<(?:\|?[A-Za-z_]\w{1,30}\|?)(?:=[^<>\n]{0,60})?>")
_LOOKED_AT = 50  # messages
_SHOWN = 6
_ACTS = ("tool_calls", "function_call", "tool_use", "function", "actions")
_ACTING_PARTS = (
    "tool_use",
    "tool_result",
    "tool_call",
    "function_call",
    "tool-call",
    "computer_call",
    "image",
    "image_url",
)
_ACTING_TAG = re.compile(r"tool|function|action|execute|command|invoke|code", re.IGNORECASE)


def why_unread(data: dict[str, Any]) -> Rejected:
    """The reason for a row that no form recognises, with what was seen: columns, or a chat's roles, parts and tags."""
    columns = f"columns {', '.join(map(str, data)) or 'none'}"
    for name, cell in data.items():
        messages = as_list(cell)
        if messages and all(isinstance(m, dict) for m in messages[:_LOOKED_AT]) and _has_roles(messages):
            return chat_unread(str(name), messages)
    problem = next((name for name in PROBLEM_NAMES if not is_blank(data.get(name))), None)
    thought = next((name for name in THOUGHT_NAMES if texts_of(data.get(name))), None)
    if problem and thought:
        detail = f"{columns}: a problem and a thought, but no solution; if {thought!r} is the solution, use --columns"
        return Rejected(DropReason.NO_TRAJECTORY, f"{detail} 'problem={problem},solution={thought}'")
    if problem is None and (nested := _row_inside(data)):
        return Rejected(DropReason.UNKNOWN_FORM, f"{columns}; {nested}")
    if problem or any(texts_of(cell) for cell in data.values()):
        return Rejected(DropReason.UNKNOWN_FORM, f"{columns}; {_columns_to_name(data, problem)}")
    return Rejected(DropReason.UNKNOWN_FORM, columns)


def _row_inside(data: dict[str, Any]) -> str | None:
    """What is said of a column that holds an object with the columns of a row; `None` where none does."""
    for name, cell in data.items():
        if (inner := as_dict(cell)) and not ROW_COLUMNS.isdisjoint(str(key).lower() for key in inner):
            path = f".{name}" if str(name).isidentifier() else f"'.[\"{name}\"]'"
            advice = f"if these are the row, take them out: jq -c {path} FILE > rows.jsonl"
            return f"column {name} is an object with {', '.join(map(str, inner))}; {advice}"
    return None


def _columns_to_name(data: dict[str, Any], problem: str | None) -> str:
    """The `--columns` that may be meant, as far as names and contents tell."""
    others = {name: cell for name, cell in data.items() if isinstance(name, str) and texts_of(cell)}
    listed = next((name for name, cell in others.items() if isinstance(cell, list) and len(cell) > 1), None)
    column = listed or column_in_steps(data)
    others.pop(column, None)
    problem = problem or similar_column(others, (*PROBLEM_NAMES, "task"))
    answer = similar_column({name: data[name] for name in data if name not in (problem, column)}, ANSWER_WORDS)
    said = "if one holds a solution"
    if column:
        said = f"{column!r} {'is a list of texts' if listed else 'looks like a solution in steps'}"
    names = f"problem={problem or 'NAME'},solution={column or 'NAME'}" + (f",answer={answer}" if answer else "")
    return f"{said}: use {'--format step-list ' if listed else ''}--columns '{names}'"


def _has_roles(messages: list[Any]) -> bool:
    return any("role" in m or "from" in m or "type" in m for m in messages[:3])


def chat_unread(column: str, messages: list[Any]) -> Rejected:
    """The reason for a chat that no form recognises, with its roles and the parts, tags and fields of its messages."""
    looked_at = messages[:_LOOKED_AT]
    roles = Counter(str(m.get("role") or m.get("from") or m.get("type")) for m in looked_at)
    turns = sum(role_of(m) == "assistant" for m in looked_at)
    parts, tags, fields = _seen(looked_at)
    seen = [f"column {column}: {len(messages)} messages", "roles " + _listed(roles)]
    seen += [
        f"{what} {_listed(found)}" for what, found in (("parts", parts), ("tags", tags), ("fields", fields)) if found
    ]
    acts = any(kind in parts for kind in _ACTING_PARTS) or bool(fields) or any(map(_ACTING_TAG.search, tags))
    unknown = any(role_of(m) is None for m in looked_at)
    if turns and not acts and not unknown:
        what = "a chat without any action" if turns > 1 else "one answer without any action or solution in steps"
        advice = "bring agents' runs with their calls and results, solutions with one question and one answer a row"
        return Rejected(DropReason.NO_ACTIONS, f"{'; '.join(seen)}: {what}; {advice}")
    advice = "name a form with --format, or convert its calls to OpenAI's tool_calls with a tool message each"
    return Rejected(DropReason.UNKNOWN_FORM, f"{'; '.join(seen)}; {advice}")


def _seen(messages: list[Any]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    parts: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    for message in messages:
        fields.update(key for key in _ACTS if message.get(key))
        content = next((message[key] for key in ("content", "value", "text") if message.get(key) is not None), "")
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict):
                parts[str(part.get("type"))] += 1
                part = part.get("text")
            if isinstance(part, str) and role_of(message) == "assistant":
                tags.update(_TAG.findall(part[:20_000]))
    return parts, tags, fields


def _listed(found: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in found.most_common(_SHOWN))
