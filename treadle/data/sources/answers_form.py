"""The form `answers`: a problem and its final answer without a solution, as data sets for RLVR have them.

There is no step to learn from, so that the row is dropped, unless `--answers-only` asks for problems and answers: then
rows of all forms are read by `only_answer`, and their solutions are left out.
"""

from __future__ import annotations

from treadle.data.sources.columns import PROBLEM_NAMES, is_blank
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.reference import math_trajectory, problem_text, reference_answer
from treadle.data.sources.report import DropReason
from treadle.data.sources.solutions import candidates
from treadle.files.rows import Rejected, Row
from treadle.scoring.answers import boxes
from treadle.trajectory import Trajectory


def matches(row: Row) -> bool:
    return any(not is_blank(row.data.get(name)) for name in PROBLEM_NAMES) and bool(reference_answer(row.data, ""))


def read(row: Row, options: ReadOptions) -> Trajectory:
    raise Rejected(
        DropReason.NO_TRAJECTORY,
        f"a problem and its answer, but no solution (columns {', '.join(map(str, row.data))}); "
        "for RLVR and evaluation: treadle prepare --answers-only",
    )


def only_answer(row: Row, options: ReadOptions) -> Trajectory:
    """Problem and answer of a row, without steps. Without a reference the answer is the last box of a solution.

    Raises:
        Rejected: One of the two is missing.
    """
    columns = options.columns
    found = candidates(row.data)
    asked = next((text.problem for text in found if text.problem), "")
    named = any(not is_blank(row.data.get(name)) for name in PROBLEM_NAMES)
    problem = asked if asked and not columns and not named else problem_text(row, columns.problem if columns else None)
    answer = reference_answer(row.data, "", columns)
    own = [box for text in found for box in boxes(text.text)[-1:]]
    answer = answer or (own[0] if own else None)
    if not answer:
        detail = (
            f"columns {', '.join(map(str, row.data))}; name it with --columns problem=NAME,solution=NAME,answer=NAME"
        )
        raise Rejected(DropReason.NO_ANSWER, detail)
    return math_trajectory(row, problem, (), columns=columns, answer=answer)


FORM = Form(
    name="answers",
    description="a problem and its answer without a solution (verl, RLVR sets): for prepare --answers-only",
    matches=matches,
    read=read,
)
