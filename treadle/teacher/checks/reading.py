"""A draft as `treadle prepare` will read it: its trajectory, or why there is none."""

from __future__ import annotations

from functools import lru_cache

from treadle.data.sources.form import ReadOptions
from treadle.data.sources.registry import recognised
from treadle.data.sources.report import DropReason
from treadle.errors import TreadleError
from treadle.files.rows import Rejected, Row
from treadle.teacher.drafts import Draft
from treadle.trajectory import Trajectory

_FORMS = ("numbered", "reasoning")


def trajectory_of(draft: Draft) -> Trajectory | Rejected:
    """The trajectory that the row of a draft gives, as the reader of files makes it, or what that says against it.

    The answer is not compared here: `treadle.teacher.checks.answer` does that.
    """
    return _read(draft.problem, draft.text, draft.thought, draft.answer)


@lru_cache(maxsize=64)  # several checks of one draft follow each other
def _read(problem: str, text: str, thought: str, answer: str | None) -> Trajectory | Rejected:
    data = {"problem": problem, "solution": text, "thought": thought, "answer": answer, "verified": True}
    data = {name: value for name, value in data.items() if value not in (None, "")}
    row = Row(data, "draft", "draft", 1)
    try:
        if not text.strip():
            raise Rejected(DropReason.EMPTY_SOLUTION, "there is no solution")
        row, form = recognised(row)
        if form.name not in _FORMS:
            raise Rejected(DropReason.MALFORMED, f"it would be read as {form.name}, expected numbered steps")
        return form.read(row, ReadOptions())
    except Rejected as rejected:
        return rejected
    except (TreadleError, ValueError) as error:  # what a reader says against a text is said of the draft
        return Rejected(DropReason.FORM_FAILED, str(error))
