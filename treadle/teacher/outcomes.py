"""What became of every sample: checks that look at all drafts together, the rows that are written, and the counts.

The counts add up: samples = kept + rejected by reason + failed by reason + not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.evaluate.backends.http import Fault as ServerFault
from treadle.statistics.estimates import wilson
from treadle.teacher.checks import Fault, SetCheck
from treadle.teacher.checks.answer import RightAnswer
from treadle.teacher.drafts import Draft
from treadle.teacher.kept import kept_row, rejected_row
from treadle.teacher.rounds import State, Teacher, Work

REFUSED, OTHER = "refused", "other"
"""Why a back end gave no answer, besides `treadle.evaluate.backends.http.Fault`."""


class Outcomes:
    """The samples of a run after all checks.

    Args:
        teacher: Gives the drafts of the samples.
        works: All samples, in order.
        set_checks: Are made one after another, each of what those before it kept.
    """

    def __init__(self, teacher: Teacher, works: Sequence[Work], set_checks: Sequence[SetCheck] = ()) -> None:
        self._teacher, self.works = teacher, works
        self._late: dict[int, Fault] = {}
        self._passed: list[str] = []
        for check in set_checks:
            places = [place for place, work in enumerate(works) if self._is_kept(place, work)]
            found = check.faults(self._last(works[place]) for place in places)
            self._late |= {place: fault for place, fault in zip(places, found, strict=True) if fault is not None}
            self._passed.append(check.name)

    def _is_kept(self, place: int, work: Work) -> bool:
        return work.state is State.KEPT and place not in self._late

    def _last(self, work: Work) -> Draft:
        *_, (draft, _) = self._teacher.drafts(work)
        return draft

    def kept(self) -> Iterator[Draft]:
        """The drafts that are kept, in order."""
        for place, work in enumerate(self.works):
            if self._is_kept(place, work):
                yield self._last(work).passed(*self._passed)

    def kept_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of trajectories.jsonl."""
        for draft in self.kept():
            yield kept_row(draft, True if RightAnswer.name in draft.origin.checks else None)

    def rejected_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of rejected.jsonl: every draft that is not kept, and every sample that has none."""
        for place, work in enumerate(self.works):
            for number, (draft, fault) in enumerate(self._teacher.drafts(work), 1):
                fault = fault or self._late.get(place)
                if fault is not None:
                    yield rejected_row(draft, fault, asked_again=number < len(work.tries) or work.state is State.OPEN)
            if work.state is State.FAILED:
                name = f"{work.assignment.id}#{work.sample}"
                yield {"id": name, "reason": failure_of(work.error), "detail": work.error, "text": None}

    def counts(self) -> dict[str, Any]:
        """`samples`, `problems` and `tries` of report.json."""
        rejected, failed, again, attempts = Counter[str](), Counter[str](), Counter[str](), Counter[int]()
        kept_of: Counter[str] = Counter()
        left = 0
        for place, work in enumerate(self.works):
            again.update(str(one.fault.reason) for one in work.tries[:-1] if one.fault)
            if self._is_kept(place, work):
                attempts[len(work.tries)] += 1
                kept_of[work.assignment.id] += 1
            elif work.state is State.FAILED:
                failed[failure_of(work.error)] += 1
            elif work.state is State.OPEN:
                left += 1
            else:
                rejected[str((self._late.get(place) or work.tries[-1].fault).reason)] += 1
        problems = len({work.assignment.id for work in self.works})
        return {
            "samples": {
                "all": len(self.works),
                "kept": attempts.total(),
                "rejected": dict(rejected.most_common()),
                "failed": dict(failed.most_common()),
                "not_asked": left,
            },
            "problems": {
                "all": problems,
                "with_a_solution": len(kept_of),
                "share": wilson(len(kept_of), problems)._asdict(),
            },
            "tries": {
                "answered": sum(len(work.tries) for work in self.works),
                "kept_at_try": {str(number): count for number, count in sorted(attempts.items())},
                "asked_again_for": dict(again.most_common()),
            },
        }


def failure_of(error: str | None) -> str:
    """Why there is no answer, as it is counted."""
    begins = (error or "").partition(":")[0]
    if begins in list(ServerFault):
        return begins
    return REFUSED if begins.startswith("status ") else OTHER


def missing(counts: Mapping[str, Any]) -> int:
    """Samples that the same command would ask for again: those that failed and those not asked."""
    samples = counts["samples"]
    return sum(samples["failed"].values()) + samples["not_asked"]
