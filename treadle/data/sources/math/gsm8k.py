"""The form `gsm8k`: grade-school problems whose answer has one calculation a line and ends with `#### 72`.

The action is the line as written, with its annotations (`48/2 = <<48/2=24>>24`). The last line is the epilogue and
gives the final answer; MetaMath repeats it below, `The answer is: 72`. `meta["preamble"]`, the steps' texts and
`meta["epilogue"]` together are the answer's column byte for byte. Blank lines belong to the line before. The answer
stands in `answer`, in another column of solutions or in a chat of two turns.

The socratic edition asks a question before each calculation, `How many in May? ** 48/2 = <<48/2=24>>24`: the question
is the step's title, and the action is the calculation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import CHATS, PROBLEM_NAMES, SOLUTION_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.math.generations import Found
from treadle.data.sources.math.problem import problem_text
from treadle.data.sources.math.reference import final_answer, flag, math_trajectory, reference_answer
from treadle.data.sources.math.solutions import candidates
from treadle.data.sources.math.step_text import step_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

MARK = "####"
_REPEATED = re.compile(r"\s*the answer is\b", re.IGNORECASE)  # MetaMath
_LAST = 400  # characters in which the last lines stand
_SHORT = 100  # characters; a longer text in a further column may be another solution, and the row another form
# A question, or words before words: `2 ** 3` and `the side ** 2` are powers.
_SOCRATIC = re.compile(r"(?P<title>\S(?:.*?\?|.*?[^\W\d_]{2}[.:]?(?=\s+\*\*\s+[^\W\d])))\s+\*\*\s+(?=\S)")


def matches(row: Row) -> bool:
    return _found(row.data) is not None


def _found(data: dict[str, Any]) -> Found | None:
    """The answer that ends with a line `#### ...`, if no other column may hold a solution."""
    problem, answer = first_text(data, PROBLEM_NAMES), data.get("answer")
    if problem and isinstance(answer, str) and _ends_with_mark(answer):
        others = {name: value for name, value in data.items() if name not in (problem, "answer")}
        if not any(isinstance(text, str) and _may_be_solution(name, text) for name, text in others.items()):
            return Found("answer", answer)
        return None
    if not any(_has_mark(data.get(name)) for name in (*SOLUTION_NAMES, *CHATS)):
        return None
    found = candidates(data)
    marked = [text for text in found if _ends_with_mark(text.text) and not text.has_thought and text.of == 1]
    different = {text.text.strip() for text in marked}
    others = [text for text in found if text.text.strip() not in different and len(text.text) > _SHORT]
    return marked[0] if len(different) == 1 and not others else None


def _has_mark(cell: Any) -> bool:
    if isinstance(cell, str):
        return MARK in cell
    last = cell[-1] if isinstance(cell, list) and cell else None
    return any(isinstance(text, str) and MARK in text for text in (last.values() if isinstance(last, dict) else ()))


def _ends_with_mark(text: str) -> bool:
    """Whether the last line, but for one that repeats the answer in words, is `#### ` with an answer."""
    lines = [line.strip() for line in text.rstrip()[-_LAST:].split("\n") if line.strip()]
    if len(lines) > 1 and _REPEATED.match(lines[-1]):
        lines.pop()
    return bool(lines) and lines[-1].startswith(MARK) and len(lines[-1]) <= _SHORT


def _may_be_solution(column: str, text: str) -> bool:
    return len(text) > _SHORT or "</think>" in text or (column in SOLUTION_NAMES and bool(text.strip()))


def read(row: Row, options: ReadOptions) -> Trajectory:
    columns = options.columns
    found = None if columns else _found(row.data)
    column = columns.solution if columns else found.column if found else "answer"
    if column not in row.data:
        raise Rejected(DropReason.MISSING_COLUMN, f"no column {column!r}; found {', '.join(map(str, row.data))}")
    text = found.text if found else expect(row.data[column] or "", str, f"column {column!r}")
    asked = found.problem if found and not first_text(row.data, PROBLEM_NAMES) else ""
    problem = asked or problem_text(row, columns.problem if columns else None)
    if not text.strip():
        raise Rejected(DropReason.EMPTY_SOLUTION, f"column {column!r}")
    lines = text.splitlines(keepends=True)
    marked = [k for k, line in enumerate(lines) if line.lstrip().startswith(MARK)]
    if len(marked) != 1 or any(line.strip() and not _REPEATED.match(line) for line in lines[marked[0] + 1 :]):
        detail = f"{len(marked)} lines begin with {MARK}, expected one, and that the last"
        raise Rejected(DropReason.MALFORMED, detail)
    steps: list[str] = []
    preamble = ""
    for line in lines[: marked[0]]:
        if line.strip():
            steps.append(line)
        elif steps:
            steps[-1] += line
        else:
            preamble += line
    if not steps:
        raise Rejected(DropReason.NO_TRAJECTORY, text.strip()[:200])
    return math_trajectory(
        row,
        problem,
        _steps(steps),
        columns=columns,
        preamble=preamble,
        epilogue="".join(lines[marked[0] :]),
        own=final_answer(lines[marked[0]]),
        reference=reference_answer(row.data, column, columns),
        verified=flag(row.data, columns.verified if columns else None),
    )


def _steps(lines: list[str]) -> list[Step]:
    """Each line as a step; where most lines ask a question before ` ** `, that is the title."""
    steps = [step_of(line) for line in lines]
    found = [_SOCRATIC.match(step.action) for step in steps]
    if sum(match is not None for match in found) * 2 <= len(steps):
        return steps
    return [_answered(step, match) if match else step for step, match in zip(steps, found, strict=True)]


def _answered(step: Step, match: re.Match[str]) -> Step:
    asked, action = step.action[: match.end()], step.action[match.end() :]
    return replace(step, action=action, title=match["title"], before=step.before + asked)


FORM = Form(
    name="gsm8k",
    description="one calculation a line, the last line `#### answer`",
    matches=matches,
    read=read,
)
