"""The form `gsm8k`: grade-school problems whose answer has one calculation a line and ends with `#### 72`.

The action is the line as written, with its annotations (`48/2 = <<48/2=24>>24`). The last line is the epilogue and
gives the final answer. `meta["preamble"]`, the steps' texts and `meta["epilogue"]` together are the answer column
byte for byte. Blank lines belong to the line before.

The socratic edition asks a question before each calculation, `How many in May? ** 48/2 = <<48/2=24>>24`: the question
is the step's title, and the action is the calculation.
"""

from __future__ import annotations

import re
from dataclasses import replace

from treadle.data.sources.columns import PROBLEM_NAMES, SOLUTION_NAMES, first_text
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.numbered import step_of
from treadle.data.sources.reference import final_answer, flag, math_trajectory, problem_text, reference_answer
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

MARK = "####"
_SHORT = 100  # characters; a longer text in a further column may be another solution, and the row another form
# A question, or words before words: `2 ** 3` and `the side ** 2` are powers.
_SOCRATIC = re.compile(r"(?P<title>\S(?:.*?\?|.*?[^\W\d_]{2}[.:]?(?=\s+\*\*\s+[^\W\d])))\s+\*\*\s+(?=\S)")


def matches(row: Row) -> bool:
    """Whether the answer ends with a line `#### ...` and no other column may hold a solution."""
    problem, answer = first_text(row.data, PROBLEM_NAMES), row.data.get("answer")
    if not problem or not isinstance(answer, str) or not _last_line(answer).startswith(MARK):
        return False
    others = {name: value for name, value in row.data.items() if name not in (problem, "answer")}
    return not any(isinstance(text, str) and _may_be_solution(name, text) for name, text in others.items())


def _may_be_solution(column: str, text: str) -> bool:
    return len(text) > _SHORT or "</think>" in text or (column in SOLUTION_NAMES and bool(text.strip()))


def _last_line(text: str) -> str:
    text = text.rstrip()
    return text[text.rfind("\n") + 1 :].lstrip()


def read(row: Row, options: ReadOptions) -> Trajectory:
    columns = options.columns
    problem = problem_text(row, columns.problem if columns else None)
    column = columns.solution if columns else "answer"
    if column not in row.data:
        raise Rejected(DropReason.MISSING_COLUMN, f"no column {column!r}; found {', '.join(map(str, row.data))}")
    text = expect(row.data[column] or "", str, f"column {column!r}")
    if not text.strip():
        raise Rejected(DropReason.EMPTY_SOLUTION, f"column {column!r}")
    lines = text.splitlines(keepends=True)
    marked = [k for k, line in enumerate(lines) if line.lstrip().startswith(MARK)]
    if len(marked) != 1 or any(line.strip() for line in lines[marked[0] + 1 :]):
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
