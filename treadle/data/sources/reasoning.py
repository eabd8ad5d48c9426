"""The form `reasoning`: output of a reasoning model, `reasoning</think>answer`, with or without the opening tag.

It stands in a text column, which is found by its content, or in the one answer of a chat. The reasoning is the first
step's thought, the answer is cut into its numbered steps. `meta["preamble"]`, the steps' texts and `meta["epilogue"]`
together are the output byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from treadle.data.sources.columns import PROBLEM_NAMES, SOLUTION_NAMES, first_text
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.numbered_form import CLOSING, read_numbered, solve
from treadle.data.sources.reference import problem_text
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory


class _Chat(NamedTuple):
    """A chat of one question and one answer; empty are a question and a system text that it lacks."""

    system: str
    question: str
    answer: str


def matches(row: Row) -> bool:
    return bool(_outputs(row.data)) or _chat(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    if options.columns is not None:
        return read_numbered(row, options.columns, options.untitled, options.segment)
    if _outputs(row.data):
        column = _output_column(row.data)
        return solve(
            row, problem_text(row), row.data[column], column, untitled=options.untitled, segment=options.segment
        )
    chat = _chat(row.data)
    if chat is None:
        raise Rejected(DropReason.MISSING_COLUMN, f"no column or chat holds {CLOSING}")
    has_problem = first_text(row.data, PROBLEM_NAMES) or not chat.question.strip()
    problem = problem_text(row) if has_problem else chat.question.strip()
    trajectory = solve(row, problem, chat.answer, "messages", untitled=options.untitled, segment=options.segment)
    return replace(trajectory, meta={**trajectory.meta, "system": chat.system}) if chat.system else trajectory


def _outputs(data: dict[str, Any]) -> list[str]:
    texts = {name: value for name, value in data.items() if isinstance(value, str) and name not in PROBLEM_NAMES}
    return [name for name, text in texts.items() if CLOSING in text]


def _output_column(data: dict[str, Any]) -> str:
    """The column to read: one with a usual name, else the only one, else the only one that names the problem's column.

    A file with outputs for several versions of a problem names them after it: `deepseek-reasoner (question)`.
    """
    found = _outputs(data)
    candidates = [name for name in SOLUTION_NAMES if name in found] or found
    problem = first_text(data, PROBLEM_NAMES)
    if len(candidates) > 1 and problem:
        names_problem = re.compile(rf"(?<!\w){re.escape(problem)}(?!\w)")
        candidates = [name for name in candidates if names_problem.search(name)]
    if len(candidates) != 1:
        detail = (
            f"several columns hold {CLOSING}: {', '.join(found)}; name one with --columns problem=NAME,solution=NAME"
        )
        raise Rejected(DropReason.MALFORMED, detail)
    return candidates[0]


def _chat(data: dict[str, Any]) -> _Chat | None:
    """The chat in `messages`, if it is a question and an answer with reasoning and nothing else but a system text."""
    messages = data.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= 3:
        return None
    if not all(isinstance(m, dict) and isinstance(m.get("content"), str) and not m.get("tool_calls") for m in messages):
        return None
    contents = {m.get("role"): m["content"] for m in messages if isinstance(m.get("role"), str)}
    turns = [m.get("role") for m in messages if m.get("role") != "system"]
    if turns not in (["user", "assistant"], ["assistant"]) or CLOSING not in contents["assistant"]:
        return None
    return _Chat(contents.get("system", ""), contents.get("user", ""), contents["assistant"])


FORM = Form(
    name="reasoning",
    description="output of a reasoning model: thoughts, `</think>`, an answer in numbered steps",
    matches=matches,
    read=read,
)
