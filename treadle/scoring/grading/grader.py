"""The grader: rules first, then worker processes for what needs computer algebra."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from treadle.domains.verdict_words import KINDS, SAME, Verdict
from treadle.processes import PATIENCE, Pool
from treadle.scoring.answers import plainly_equal
from treadle.scoring.grading.rules import decide
from treadle.scoring.grading.verdicts import GRADERS, Finding, Grade, GraderName
from treadle.scoring.grading.workers import Worker

MATH_VERIFY = "math-verify"  # the mode of a worker that asks that library alone


class Grader:
    """A pool of grading processes, started when first needed. Safe to use from any thread.

    Args:
        workers: Number of processes; the default is one for each processor, at most four.
        seconds: Limit of processor time for one answer.
    """

    def __init__(self, workers: int | None = None, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self._pool = Pool(Worker, workers)
        atexit.register(self.close)

    def judge(
        self,
        answers: Sequence[str | None],
        references: Sequence[str],
        kinds: Sequence[str] | str = "math",
        grader: GraderName = "treadle",
    ) -> list[Grade]:
        """Judge each answer against its reference by the rules of its kind, and say which rule decided.

        Args:
            answers: N answers; `None` stands for an output without one.
            references: N references.
            kinds: One of `KINDS` for all, or N of them; see `treadle.scoring.grading`.
            grader: Whose verdict: `treadle`, or `math_verify` for that library alone, which knows no kinds.

        Returns:
            N grades in the order of `answers`.

        Raises:
            ValueError: The numbers differ, or a kind or the grader is unknown.
        """
        kinds = [kinds] * len(answers) if isinstance(kinds, str) else list(kinds)
        if grader not in GRADERS:
            raise ValueError(f"grader {grader!r}: expected one of {', '.join(GRADERS)}")
        if len(kinds) != len(answers):
            raise ValueError(f"{len(answers)} answers and {len(kinds)} kinds: expected one for each")
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise ValueError(f"kind {unknown[0]!r}: expected one of {', '.join(KINDS)}")
        if grader == "math_verify":
            return self._judge_all([MATH_VERIFY] * len(answers), answers, references, _plainly)
        return self._judge_all(kinds, answers, references, decide)

    def _judge_all(
        self,
        modes: Sequence[str],
        answers: Sequence[str | None],
        references: Sequence[str],
        rule: Callable[[str, str, str], Finding | None],
    ) -> list[Grade]:
        if len(answers) != len(references):
            raise ValueError(f"{len(answers)} answers for {len(references)} references: expected one for each")
        triples = list(zip(modes, answers, references, strict=True))
        # Samples of one problem often agree: each different pair is judged once.
        judged = {triple: self._without_worker(*triple, rule) for triple in dict.fromkeys(triples)}
        waiting = [triple for triple, grade in judged.items() if grade is None]
        if waiting:
            with ThreadPoolExecutor(self._pool.size) as threads:
                judged.update(zip(waiting, threads.map(lambda triple: self._ask(*triple), waiting), strict=True))
        return [judged[triple] for triple in triples]

    @staticmethod
    def _without_worker(
        mode: str, answer: str | None, reference: str, rule: Callable[[str, str, str], Finding | None]
    ) -> Grade | None:
        if answer is None:
            return Grade(Verdict.NO_ANSWER, "no answer")
        finding = rule(answer, reference, mode)
        return None if finding is None else _as_grade(finding)

    def _ask(self, mode: str, answer: str, reference: str) -> Grade:
        try:
            finding = self._pool.ask(lambda worker: worker.judge(mode, answer, reference, self.seconds, PATIENCE))
        except TimeoutError:
            return Grade(Verdict.HUNG, f"longer than {self.seconds:g} s")
        except EOFError:
            return Grade(Verdict.CRASHED, "the grading process died twice")
        return _as_grade(finding)

    def processes(self) -> list[int]:
        """The ids of the processes that run."""
        return [worker.pid for worker in self._pool.started]

    def close(self) -> None:
        """Stop all processes."""
        self._pool.close()


def _plainly(answer: str, reference: str, mode: str) -> Finding | None:
    equal = plainly_equal(answer, reference)
    return None if equal is None else Finding(equal, "plainly")


def _as_grade(finding: Finding) -> Grade:
    return Grade(SAME[finding.same], finding.why)


@cache
def default_grader() -> Grader:
    """The grader that rewards and evaluation share."""
    return Grader()
