r"""What the math forms have in common: the reference answer of a row, what it says about success, the trajectory.

A solution is verified when the row says so. Where the row says nothing but has a reference answer in a column of its
own, the solution's last `\boxed{}` is compared with it, see `treadle.data.sources.answer_check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.data.sources.answer_check import LONGEST, is_right
from treadle.data.sources.columns import ANSWER_NAMES, PROBLEM_NAMES, Columns, first_text, one_text
from treadle.data.sources.form import expect
from treadle.data.sources.messages import as_dict, as_list, role_of
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import find_mark, math_flags
from treadle.files.rows import Rejected, Row
from treadle.scoring.answers import boxes
from treadle.trajectory import Step, Trajectory

_JUDGEMENTS = {1: True, 2: False}  # of `eval_result`; 0 stands for "the question lacks a condition"
_OPTIONS = ("choices", "options")


def math_trajectory(
    row: Row,
    problem: str,
    steps: Sequence[Step],
    *,
    columns: Columns | None = None,
    preamble: str = "",
    epilogue: str = "",
    own: str | None = None,
    answer: str | None = None,
    reference: str | None = None,
    verified: bool | None = None,
) -> Trajectory:
    r"""The trajectory of a math row; `preamble`, the steps' texts and `epilogue` together are its solution.

    Args:
        own: The solution's final answer as its form marks it, for solutions without a `\boxed{}`.
        answer: The answer, where it is compared with nothing.
        reference: The answer that the row gives beside the solution. Without it the answer is the solution's own.
        verified: What the row says about success. `None` asks for a comparison with the reference.
    """
    found = boxes("\n".join([*(step.action for step in steps), epilogue])) or ([own] if own else [])
    meta: dict[str, Any] = {"source": row.where, "preamble": preamble, "epilogue": epilogue}
    if verified is None and reference is not None:
        verified = is_right(found, reference)
        meta["answer_check"] = {True: "right", False: "wrong", None: "undecided"}[verified] if found else "none"
        if verified is False and any(name in row.data for name in _OPTIONS):
            verified = None  # the reference may be the number of an option
            meta["answer_check"] = "undecided"
        if verified is False:
            meta["final_answer"] = found[-1]
    if answer is None:
        answer = reference if reference is not None else ((found[-1] or None) if found else None)
    return Trajectory(
        id=row.id(columns.id if columns else None, *([] if columns else ("id", "uuid", "unique_id"))),
        problem=problem,
        steps=tuple(steps),
        answer=answer,
        domain="math",
        verified=verified,
        meta=meta,
    )


def problem_text(row: Row, column: str | None = None) -> str:
    """The problem in `column`, by default in the first column with one of the usual names.

    Raises:
        Rejected: There is no such column, or it is empty or holds no text.
    """
    if column is None and not (column := first_text(row.data, PROBLEM_NAMES)):
        column = next((name for name in PROBLEM_NAMES if name in row.data), None)
    if column is None or column not in row.data:
        found = ", ".join(map(str, row.data))
        raise Rejected(DropReason.MISSING_COLUMN, f"no column {column or ' or '.join(PROBLEM_NAMES)}; found {found}")
    cell = one_text(row.data[column])
    if (messages := as_list(cell)) and all(isinstance(m, dict) and role_of(m) for m in messages):
        asked = [m.get("content") or m.get("value") for m in messages if role_of(m) == "user"]
        cell = "\n\n".join(text for text in asked if isinstance(text, str))
    problem = expect(cell or "", str, f"column {column!r}").strip()
    given = row.data.get("input")
    if column == "instruction" and isinstance(given, str) and given.strip():
        problem = f"{problem}\n\n{given.strip()}"  # as Alpaca's prompt joins them
    if not problem:
        raise Rejected(DropReason.EMPTY_PROBLEM, f"column {column!r}")
    return problem


def flag(data: dict[str, Any], column: str | None = None) -> bool | None:
    """What a math row says about success; `None` where it says nothing.

    Looked at are `column` and the usual names. `target`, `success` and `completed`, flags of agent rows, are left
    out: here they are names of answers and of generations that came to an end.
    """
    if (mark := find_mark(data, math_flags(column))) is not None and mark.success is not None:
        return mark.success
    judgement = data.get("eval_result")
    if isinstance(judgement, bool):
        return judgement
    return _JUDGEMENTS.get(judgement) if isinstance(judgement, int) else None


def reference_answer(data: dict[str, Any], solution: str, columns: Columns | None = None) -> str | None:
    r"""The answer that a row gives beside the solution in column `solution`.

    It stands in the column that the user named, else in one of the usual names, else in the last `\boxed{}` of a
    reference solution (column `solution`).
    """
    if columns and "answer" not in columns.optional:
        names: tuple[str, ...] = (columns.answer,) if columns.answer else ()
    else:
        names = ANSWER_NAMES
    for name in names:
        if name != solution and (answer := final_answer(data.get(name))) is not None:
            return answer
    if names is ANSWER_NAMES and (answer := _nested_answer(data)) is not None:
        return answer
    other = one_text(data.get("solution"))
    if names is ANSWER_NAMES and solution != "solution" and isinstance(other, str) and (found := boxes(other)):
        return found[-1] or None
    return None


_NESTED = (
    ("reward_model", ("ground_truth", "answer")),  # verl
    ("verification_info", ("ground_truth", "answer")),
    ("extra_info", ("answer", "ground_truth")),
    ("metadata", ("answer", "ground_truth", "final_answer")),
)


def _nested_answer(data: dict[str, Any]) -> str | None:
    """The answer in an object that tools for RL keep beside the problem, also where that is JSON text."""
    for name, keys in _NESTED:
        inner = as_dict(data.get(name))
        for key in keys:
            if (answer := final_answer(inner.get(key))) is not None:
                return answer
    return None


def final_answer(cell: Any) -> str | None:
    r"""The final answer in an answer column: what follows GSM8K's `####`, or the last `\boxed{}`, or the cell itself.

    A text of more than 300 characters without such a mark is a solution and not an answer.
    """
    if isinstance(cell, list) and len(cell) == 1:
        cell = cell[0]
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    text = str(cell).strip()
    last_line = text[text.rfind("\n") + 1 :]
    if last_line.startswith("####"):
        return last_line.lstrip("#").strip() or None
    if found := boxes(text):
        return found[-1] or None
    return text if 0 < len(text) <= LONGEST else None
