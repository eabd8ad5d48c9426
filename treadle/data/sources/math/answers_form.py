"""The form `answers`: a problem and its final answer without a solution, as data sets for RLVR have them.

There is no step to learn from, so that the row is dropped, unless `--answers-only` asks for problems and answers: then
rows of all forms are read by `only_answer`, and their solutions are left out.
"""

from __future__ import annotations

from typing import Any

from treadle.data.sources.cells import first_text, is_blank
from treadle.data.sources.columns import CHATS, PROBLEM_NAMES, with_usual_names
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.math import step_lists
from treadle.data.sources.math.generations import Found, opened, right_ones
from treadle.data.sources.math.problem import problem_text
from treadle.data.sources.math.reference import math_trajectory, reference_answer, said_answer
from treadle.data.sources.math.solutions import candidates, column_in_steps
from treadle.data.sources.messages import as_list, role_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.scoring.answers import boxes
from treadle.trajectory import Trajectory


def matches(row: Row) -> bool:
    named = any(not is_blank(row.data.get(name)) for name in PROBLEM_NAMES) or _is_asked(row.data)
    return named and bool(reference_answer(row.data, ""))


def _is_asked(data: dict[str, Any]) -> bool:
    """Whether the row has a chat in which nothing was answered."""
    messages = next((found for name in CHATS if (found := as_list(data.get(name)))), [])
    last = messages[-1] if messages else None
    return isinstance(last, dict) and (role_of(last) == "user" or is_blank(last.get("content") or last.get("value")))


def read(row: Row, options: ReadOptions) -> Trajectory:
    advice = "for RLVR and evaluation: treadle prepare --answers-only"
    if (column := column_in_steps(row.data)) is not None:
        problem = first_text(row.data, PROBLEM_NAMES) or "NAME"
        advice += f"; if {column!r} is the solution: --columns 'problem={problem},solution={column}'"
    columns = ", ".join(map(str, row.data))
    raise Rejected(DropReason.NO_TRAJECTORY, f"a problem and its answer, but no solution; {advice} (columns {columns})")


def only_answer(row: Row, options: ReadOptions) -> Trajectory:
    """Problem and answer of a row, without steps. Without a reference the answer is that of its solution.

    Raises:
        Rejected: One of the two is missing.
    """
    columns = options.columns
    if columns is None and step_lists.matches(row):  # where the problem may stand in one text with the steps
        read = step_lists.read(row, options)
        problem, answer = read.problem, read.answer
    else:
        data = row.data
        if columns is None and (renamed := with_usual_names(data)) is not None:
            row, data = row._replace(data=renamed), renamed
        found = candidates(data)
        asked = next((text.problem for text in found if text.problem), "")
        named = any(not is_blank(data.get(name)) for name in PROBLEM_NAMES)
        asked = asked if not columns and not named else ""
        problem = asked or problem_text(row, columns.problem if columns else None)
        answer = reference_answer(data, "", columns) or _own_answer(data, found, options)
    if not answer:
        detail = f"found none in the columns {', '.join(map(str, row.data))}"
        detail += "; name it with --columns problem=NAME,solution=NAME,answer=NAME"
        raise Rejected(DropReason.NO_ANSWER, detail)
    return math_trajectory(row, problem, (), columns=columns, answer=answer)


def _own_answer(data: dict[str, Any], found: list[Found], options: ReadOptions) -> str | None:
    """The answer of the first solution that has one; of several generations only of those that are right."""
    try:
        right = right_ones(opened(data), [text for text in found if text.of > 1], options.success_at)
    except Rejected:
        right = []
    for text in [*(text for text in found if text.of == 1), *right]:
        answer = boxes(text.text)[-1] if boxes(text.text) else said_answer(text.text)
        if answer:
            return answer
    return None


FORM = Form(
    name="answers",
    description="a problem and its answer without a solution (verl, RLVR sets): for prepare --answers-only",
    matches=matches,
    read=read,
)
