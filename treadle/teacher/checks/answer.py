"""The final answer: that there is one, and that the grader of training and evaluation calls it right.

Only what is called right passes. Wrong, undecided and not scorable are three reasons, because they call for three
things: more samples, a look at the reference, another reference. What is said to a teacher that is asked again does not
give the reference away.
"""

from __future__ import annotations

from treadle.scoring.extraction import extract
from treadle.scoring.grading import Grader, GraderName, Verdict, default_grader
from treadle.scoring.references import unreadable
from treadle.teacher.checks import Check, Fault, Reason
from treadle.teacher.drafts import Draft

_SHOWN = 80


class Boxed(Check):
    r"""The text gives a final answer in a `\boxed{}`: all that can be asked of a solution without a reference."""

    name = "boxed"

    def applies(self, draft: Draft) -> bool:
        return not draft.answer and draft.original is None

    def __call__(self, draft: Draft) -> Fault | None:
        if answer_of(draft):
            return None
        return Fault(Reason.NO_ANSWER, r"there is no final answer in a \boxed{}")


class RightAnswer(Check):
    """The final answer is the reference.

    Args:
        grader: Judges; by default the one that rewards and evaluation share.
        name_of_grader: By which rules.
        unverified: Leave drafts without a reference alone; without, they do not pass.
    """

    name = "answer"

    def __init__(
        self, grader: Grader | None = None, name_of_grader: GraderName = "treadle", unverified: bool = False
    ) -> None:
        self._grader, self._by, self._unverified = grader or default_grader(), name_of_grader, unverified

    def applies(self, draft: Draft) -> bool:
        return bool(draft.answer) or not self._unverified

    def __call__(self, draft: Draft) -> Fault | None:
        if not draft.answer:
            return Fault(Reason.UNSCORABLE, "there is no reference answer")
        if why := unreadable(draft.answer, draft.kind):
            return Fault(Reason.UNSCORABLE, f"no grader reads the reference: {why}")
        answer = answer_of(draft)
        if not answer:
            return Fault(Reason.NO_ANSWER, r"there is no final answer in a \boxed{}")
        (grade,) = self._grader.judge([answer], [draft.answer], draft.kind, self._by)
        if grade.verdict is Verdict.RIGHT:
            return None
        shown = answer if len(answer) <= _SHOWN else f"{answer[:_SHOWN]}..."
        if grade.verdict is Verdict.WRONG:
            return Fault(Reason.WRONG, f"the final answer {shown} is not right")
        if grade.verdict is Verdict.UNDECIDED:
            return Fault(
                Reason.UNDECIDED, f"whether the final answer {shown} is right cannot be told; write it more simply"
            )
        return Fault(Reason.UNSCORABLE, f"the final answer {shown} could not be judged ({grade.why})")


def answer_of(draft: Draft) -> str | None:
    """The final answer that a draft gives in its last box; boxes one after another where the reference has parts."""
    return extract(draft.text, "boxed", draft.kind, reference=draft.answer or None)
