"""What became of every sample of every task: the rows that are written, and the counts.

The counts add up: samples = kept + rejected by reason + failed by reason. What failed says nothing about the teacher,
and the same command tries it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from treadle.errors import Explained
from treadle.evaluate.swe.experts import task_of
from treadle.statistics.estimates import wilson
from treadle.teacher.checks import Fault
from treadle.teacher.checks.duplicates import Duplicates
from treadle.teacher.checks.resolved import NAME, NoVerdict, unresolved
from treadle.teacher.tasks.attempts import Attempt
from treadle.teacher.tasks.rows import origin_of, read_back, row_of
from treadle.trajectory import Trajectory


def acts_alone(trajectory: Trajectory) -> Trajectory:
    """What near duplicates are compared by: what is told with every task is longer than many an episode's actions, and
    would make all episodes of a task alike."""
    return replace(trajectory, problem="")


class TaskOutcomes:
    """The samples of a run after all checks: resolved, readable, no duplicate.

    Args:
        attempts: All samples, in order.
        model: Its name, for `Origin`.
        duplicates: Compares the samples of a task with one another and with what is there, by `acts_alone`; `None`
            compares nothing.
    """

    def __init__(self, attempts: Sequence[Attempt], model: str, duplicates: Duplicates | None) -> None:
        self.attempts, self.model = attempts, model
        self.checks = (NAME, *([duplicates.name] if duplicates else []))
        self._rows: dict[int, dict[str, Any]] = {}
        self._faults: dict[int, Fault] = {}
        read: dict[int, Trajectory] = {}
        for place, attempt in enumerate(attempts):
            if not attempt.judged:
                continue
            found = self._found(place, attempt)
            if isinstance(found, Fault):
                self._faults[place] = found
            else:
                read[place] = found
        if duplicates:
            self._compare(read, duplicates)

    def _found(self, place: int, attempt: Attempt) -> Trajectory | Fault:
        outcome, graded = attempt.outcome, attempt.graded
        assert outcome is not None
        assert graded is not None
        if fault := unresolved(graded, outcome.figures["stop"]):
            return fault
        self._rows[place] = row_of(attempt, outcome, self.model, self.checks)
        return read_back(self._rows[place], outcome)

    def _compare(self, read: dict[int, Trajectory], duplicates: Duplicates) -> None:
        """Near duplicates are of one task."""
        names = {attempt.id: attempt.task.instance_id for attempt in self.attempts}
        tasks = set(names.values())
        named = [(self.attempts[place].id, trajectory) for place, trajectory in read.items()]
        found = duplicates.among(named, lambda name: names.get(name) or task_of(name, tasks))
        self._faults |= {place: fault for place, fault in zip(read, found, strict=True) if fault is not None}

    def _kept(self) -> list[int]:
        return [place for place in self._rows if place not in self._faults]

    def kept_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of trajectories.jsonl."""
        for place in self._kept():
            yield self._rows[place]

    def rejected_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of rejected.jsonl: every sample that is not kept."""
        for place, attempt in enumerate(self.attempts):
            outcome, graded = attempt.outcome, attempt.graded
            if not attempt.judged:
                yield {"id": attempt.id, "reason": str(failure(attempt)), "detail": graded.reason if graded else ""}
            elif fault := self._faults.get(place):
                passed = (NAME,) if place in self._rows else ()
                yield {
                    "id": attempt.id,
                    "reason": str(fault.reason),
                    "detail": fault.detail,
                    "verdict": str(graded.verdict),
                    "exit_status": outcome.figures["stop"],
                    "patch": outcome.patch,
                    "n_steps": len(outcome.steps),
                    "n_tokens": outcome.tokens,
                    "origin": origin_of(attempt, self.model, passed),
                }

    def counts(self) -> dict[str, Any]:
        """`samples`, `problems`, `tokens` and `episodes` of report.json."""
        kept = self._kept()
        tasks = {attempt.task.instance_id for attempt in self.attempts}
        solved = {self.attempts[place].task.instance_id for place in kept}
        rejected = Counter(str(fault.reason) for fault in self._faults.values())
        failed = Counter(str(failure(attempt)) for attempt in self.attempts if not attempt.judged)
        played = [attempt.outcome for attempt in self.attempts if attempt.outcome is not None]
        return {
            "samples": {
                "all": len(self.attempts),
                "kept": len(kept),
                "rejected": dict(rejected.most_common()),
                "failed": dict(failed.most_common()),
                "not_asked": 0,
            },
            "problems": {
                "all": len(tasks),
                "with_a_solution": len(solved),
                "share": wilson(len(solved), len(tasks))._asdict(),
            },
            "tokens": {"prompt": None, "completion": sum(outcome.tokens for outcome in played)},
            "episodes": {
                "steps": sum(len(outcome.steps) for outcome in played),
                "kept_that_ended": dict(Counter(self._rows[place]["exit_status"] for place in kept).most_common()),
                "faulty_steps_left_out": sum(self._rows[place]["faulty_steps"] for place in kept),
            },
        }


def failure(attempt: Attempt) -> Explained:
    """Why there is nothing to judge a sample by."""
    return NoVerdict.NO_REPLY if attempt.graded is None else NoVerdict.ENVIRONMENT
