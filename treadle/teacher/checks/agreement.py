"""Agreement among samples: what most of a problem's samples answer is kept, where nobody knows the right answer.

Self-consistency (Wang et al. 2022, arXiv 2203.11171) as a filter. Answers are put together by
`treadle.scoring.grading.canonical`, the classes by which evaluation counts votes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from treadle.scoring.grading import canonical
from treadle.teacher.checks import Fault, Reason, SetCheck
from treadle.teacher.checks.answer import answer_of
from treadle.teacher.drafts import Draft


class Agreement(SetCheck):
    """At least two samples of a problem, and a share of all that were asked for it, give the draft's answer.

    Args:
        share: Of the samples of a problem, above 0.
        samples: That each problem has, those included that gave no answer.
        verified: Look at drafts with a reference, too; else these pass.
    """

    name = "agreement"

    def __init__(self, share: float, samples: int, verified: bool = True) -> None:
        self.share, self.samples, self.verified = share, samples, verified

    def faults(self, drafts: Iterable[Draft]) -> list[Fault | None]:
        """What is wrong with each; where two answers have as many votes, neither is kept."""
        found = [(draft.problem_id, vote(draft), bool(draft.answer)) for draft in drafts]
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for problem, answer, _ in found:
            if answer is not None:
                votes[problem][answer] += 1
        return [
            None if known and not self.verified else self._fault(answer, votes[problem])
            for problem, answer, known in found
        ]

    def _fault(self, answer: str | None, votes: Counter[str]) -> Fault | None:
        if answer is None:
            return Fault(Reason.NO_ANSWER, "it votes for no answer")
        count = votes[answer]
        other = max((number for name, number in votes.items() if name != answer), default=0)
        if count >= max(2, self.share * self.samples) and count > other:
            return None
        return Fault(
            Reason.MINORITY,
            f"{count} of {self.samples} samples give its answer, {other} another; expected more than any other, 2 or "
            f"more and a share of {self.share:g}",
        )


def vote(draft: Draft) -> str | None:
    """The class of answers that a draft votes for."""
    answer = answer_of(draft)
    return canonical(answer) if answer else None
