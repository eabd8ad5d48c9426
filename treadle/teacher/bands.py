"""How often a student solves a problem, and in which band of pass rates the problem lies.

hard        none of k samples is right: for an expert's solutions, and so for SRL
learnable   some are right and some are not: where outcome rewards (RLVR) have a signal

A problem of which the back end did not give all samples lies in no band.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

from treadle.evaluate.records import Problem, Sample
from treadle.scoring.grading import Verdict
from treadle.statistics.estimates import Estimate, wilson

Band = Literal["hard", "learnable"]
BANDS: tuple[Band, ...] = get_args(Band)


class Place(StrEnum):
    """Where a problem lies; the members' values are names of files."""

    EASY = "easy"
    BAND = "band"
    UNSOLVED = "unsolved"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Rate:
    """A student's pass rate at one problem.

    Args:
        id: Of the problem.
        right, samples: Right ones of those that were graded.
        undecided: Of the wrong ones those that no rule of the grader decides, or a domain's verdict cannot score.
        wanted: Samples that were asked for.
    """

    id: str
    right: int
    samples: int
    undecided: int
    wanted: int

    @property
    def estimate(self) -> Estimate | None:
        """The rate with its 95% interval, `None` without a sample."""
        return wilson(self.right, self.samples) if self.samples else None

    def place(self, band: Band) -> Place:
        """Where the problem lies if `band` is wanted."""
        if self.samples < self.wanted:
            return Place.INCOMPLETE
        if band == "hard":
            return Place.EASY if self.right else Place.BAND
        return Place.UNSOLVED if not self.right else Place.EASY if self.right == self.samples else Place.BAND

    def record(self, band: Band) -> dict[str, Any]:
        """A line of rates.jsonl."""
        value, low, high = (round(figure, 4) for figure in self.estimate) if self.estimate else (None, None, None)
        return {
            "id": self.id,
            "right": self.right,
            "samples": self.samples,
            "undecided": self.undecided,
            "rate": value,
            "low": low,
            "high": high,
            "place": str(self.place(band)),
        }


def pass_rates(problems: Sequence[Problem], samples: Iterable[Sample], wanted: int) -> list[Rate]:
    """Each problem's pass rate, in the order of `problems`.

    Args:
        samples: The sampled attempts at them that came to an end, graded.
        wanted: How many there should be of each.
    """
    verdicts: defaultdict[str, list[Verdict | None]] = defaultdict(list)
    for sample in samples:
        if sample.key.decoding == "sampled":
            verdicts[sample.key.problem].append(sample.verdict)
    return [
        Rate(
            problem.id,
            right=sum(verdict is Verdict.RIGHT for verdict in found),
            samples=len(found),
            undecided=sum(verdict in (Verdict.UNDECIDED, Verdict.UNSCORABLE) for verdict in found),
            wanted=wanted,
        )
        for problem in problems
        for found in [verdicts[problem.id]]
    ]
