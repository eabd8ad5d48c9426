"""What became of each row that was read: kept, or dropped for a named reason. Nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

EXAMPLES_KEPT = 3


class DropReason(StrEnum):
    """Why a row gave no trajectory."""

    EMPTY_PROBLEM = "empty_problem"
    EMPTY_SOLUTION = "empty_solution"
    NO_NUMBERED_STEPS = "no_numbered_steps"
    UNTITLED_STEPS = "untitled_steps"
    STARTS_AFTER_ONE = "starts_after_one"
    NUMBERING_GAP = "numbering_gap"
    NUMBERING_RESTARTS = "numbering_restarts"
    MARKED_AS_FAILED = "marked_as_failed"
    DUPLICATE_ID = "duplicate_id"
    TOO_FEW_STEPS = "too_few_steps"

    @property
    def explanation(self) -> str:
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    DropReason.EMPTY_PROBLEM: "the problem column is empty",
    DropReason.EMPTY_SOLUTION: "the solution column is empty",
    DropReason.NO_NUMBERED_STEPS: "no line starts a numbered step",
    DropReason.UNTITLED_STEPS: "a plain numbered list without titles (keep with --untitled keep)",
    DropReason.STARTS_AFTER_ONE: "the first numbered step is not number 1",
    DropReason.NUMBERING_GAP: "a step number is skipped or repeated",
    DropReason.NUMBERING_RESTARTS: "numbering starts again at 1 on the same level, so the steps are ambiguous",
    DropReason.MARKED_AS_FAILED: "the source marks the solution as failed (keep with --keep-unverified)",
    DropReason.DUPLICATE_ID: "an earlier row has the same id",
    DropReason.TOO_FEW_STEPS: "no step is left to train on with this setting of targets",
}


@dataclass
class ReadReport:
    """Counts of one pass; `read == kept + sum(dropped.values())` when the pass is over.

    Args:
        examples: For each reason the first rows that it dropped, as `(where, beginning of the text)`.
    """

    read: int = 0
    kept: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    examples: dict[DropReason, list[tuple[str, str]]] = field(default_factory=dict)

    def drop(self, reason: DropReason, where: str, text: str) -> None:
        self.dropped[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_KEPT:
            examples.append((where, " ".join(text.split())[:160]))
