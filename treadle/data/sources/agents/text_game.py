"""Form `text-game`: a game's log in one text, where lines that begin with `> ` are what the player typed (ALFWorld).

A line `> think: ...` and its answer are the thought of the next command. The text before the first line with `> ` is
the problem; where examples stand before the task, it begins after `Here is the task`. What follows a command, up to the
next `> `, is its observation. Together with the marks in `before`, the pieces are the text.
"""

from __future__ import annotations

import re

from treadle.data.sources.agents.turns import Turn, assemble
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_COMMAND = re.compile(r"^> ?(?=\S)", re.MULTILINE)
_TASK = re.compile(r"your task is to", re.IGNORECASE)
_HERE = re.compile(r"here is the task[.:]?\s*", re.IGNORECASE)


def _column(row: Row) -> str | None:
    for name, value in row.data.items():
        if not isinstance(value, str) or "> " not in value or name in PROBLEM_NAMES[1:]:
            continue
        if _TASK.search(value) and len(_COMMAND.findall(value)) > 1:
            return name
    return None


def matches(row: Row) -> bool:
    return _column(row) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    column = _column(row)
    if column is None:
        raise Rejected(DropReason.MISSING_COLUMN, "no text with a task and lines that begin with '> '")
    text = row.data[column]
    here = list(_HERE.finditer(text))
    start = here[-1].end() if here else 0
    if len(_TASK.findall(text, start)) > 1:
        raise Rejected(DropReason.MALFORMED, f"column {column!r} holds several tasks; bring one a row")
    marks = list(_COMMAND.finditer(text, start))
    first = marks[0].start() if marks else len(text)
    steps: list[Step] = []
    position = first
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if text.startswith("think:", mark.end()):
            continue
        line = text.find("\n", mark.end())
        end = line if line >= 0 else len(text)
        action = text[mark.end() : end].rstrip()
        thought = text[position : mark.start()]
        kept = thought.rstrip()
        position = following.start() if following else len(text)
        steps.append(
            Step(
                action,
                thought=kept or None,
                before=thought[len(kept) :] + mark[0],
                after=text[mark.end() + len(action) : min(end + 1, len(text))],
                observation=text[end + 1 : position] or None,
            )
        )
    meta = {"preamble": text[:start] or None, "epilogue": text[position:] or None}
    turns = [Turn(step.text, [step], [[step.observation] if step.observation else []]) for step in steps]
    return assemble(row, text[start:first].rstrip(), turns, meta=meta)


FORM = Form(
    name="text-game",
    description="a game's log in one text, commands on lines that begin with '> ' (ALFWorld)",
    matches=matches,
    read=read,
)
