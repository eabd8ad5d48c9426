"""The form of a solution: whole, in numbered and titled steps that `treadle prepare` reads."""

from __future__ import annotations

from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.teacher.checks import Check, Fault, Reason
from treadle.teacher.checks.reading import trajectory_of
from treadle.teacher.drafts import Draft

_SHOWN = 80
_LIKE = "expected steps such as '1. **Title:** work', numbered 1, 2, 3 ..."
_REASONS = {
    DropReason.EMPTY_SOLUTION: Reason.EMPTY,
    DropReason.NO_NUMBERED_STEPS: Reason.NO_STEPS,
    DropReason.UNTITLED_STEPS: Reason.UNTITLED,
    DropReason.STARTS_AFTER_ONE: Reason.NUMBERING,
    DropReason.NUMBERING_GAP: Reason.NUMBERING,
    DropReason.NUMBERING_RESTARTS: Reason.NUMBERING,
}


class Form(Check):
    """Whole, not empty, in at least so many numbered steps, each with a title.

    Args:
        min_steps: Fewer make no solution in steps.
    """

    name = "form"

    def __init__(self, min_steps: int = 2) -> None:
        self.min_steps = min_steps

    def __call__(self, draft: Draft) -> Fault | None:
        if draft.ending == "cut_off":
            return Fault(Reason.CUT_OFF, f"it was cut off after {draft.n_tokens:,} tokens; be briefer")
        if draft.ending == "open_thought":
            return Fault(Reason.OPEN_THOUGHT, "the thought was never closed, so there is no solution")
        if not draft.text.strip():
            return Fault(Reason.EMPTY, "nothing stands outside of the thoughts")
        found = trajectory_of(draft)
        if isinstance(found, Rejected):
            return _not_read(found)
        if len(found.steps) < self.min_steps:
            return Fault(
                Reason.FEW_STEPS, f"found {len(found.steps)} numbered steps, expected {self.min_steps} or more"
            )
        untitled = next((k for k, step in enumerate(found.steps, 1) if not step.title), None)
        if untitled is not None:
            begins = found.steps[untitled - 1].action.split("\n", 1)[0][:_SHOWN]
            return Fault(Reason.UNTITLED, f"step {untitled} has no title in bold ({begins!r}); {_LIKE}")
        return None


def _not_read(rejected: Rejected) -> Fault:
    reason = _REASONS.get(rejected.reason, Reason.UNREADABLE)
    if reason is Reason.UNREADABLE:
        return Fault(reason, " ".join(f"{rejected.reason}: {rejected.detail}".split())[:300])
    return Fault(reason, f"{rejected.reason.explanation}; {_LIKE}")
