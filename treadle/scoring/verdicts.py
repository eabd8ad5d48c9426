"""Whether attempts are right, each by its domain's verdict: treadle's grader, or code or a command of the domain's own.

This is the one place where that is told apart; rewards, evaluation and teaching ask here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from treadle.domains.domain import Attempt, Command, Domain, Graded, Hosted, Task
from treadle.domains.folder import FILE
from treadle.domains.hosting import Unsplit, host_of
from treadle.domains.registry import find
from treadle.errors import DomainError
from treadle.scoring.grading import Grade, Grader, GraderName, Verdict, default_grader


@dataclass(frozen=True)
class Judged:
    """An attempt that is to be judged.

    Args:
        domain: By name.
        kind: How the answer is graded, where the domain's verdict is by treadle's grader.
        task, attempt: What was to be done, and what was done.
        whole: Whether `attempt.text` is a whole solution, whose actions are still to be found by `Domain.split`.
    """

    domain: str
    kind: str
    task: Task
    attempt: Attempt
    whole: bool = False


def judge_attempts(judged: Sequence[Judged], grader: Grader | None = None, name: GraderName = "treadle") -> list[Grade]:
    """Judge attempts.

    Args:
        judged: N attempts, of any domains.
        grader: For those that treadle's grader judges; by default the shared one.
        name: Whose verdict it gives.

    Returns:
        N grades in their order.

    Raises:
        DomainError: A domain is not there, has no verdict, or its code does not do what it has to.
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(judged):
        rows[one.domain].append(row)
    own = {domain for domain in rows if _is_own(domain)}
    grades: dict[int, Grade] = {}
    graded = [row for row, one in enumerate(judged) if one.domain not in own]
    found = (grader or default_grader()).judge(
        [judged[row].attempt.answer for row in graded],
        [judged[row].task.answer for row in graded],
        [judged[row].kind for row in graded],
        name,
    )
    grades.update(zip(graded, found, strict=True))
    for domain in own:
        grades.update(zip(rows[domain], _by_own(find(domain), [judged[row] for row in rows[domain]]), strict=True))
    return [grades[row] for row in range(len(judged))]


def has_own_verdict(domain: str) -> bool:
    """Whether a domain is judged by code or a command of its own, which needs no reference answer."""
    return isinstance(find(domain).verdict, Hosted | Command)


def can_be_judged(domain: str, answered: bool) -> bool:
    """Whether attempts at a problem can be: somebody judges them, by a reference answer or without one."""
    verdict = find(domain).verdict
    return answered if isinstance(verdict, Graded) else verdict is not None


def kind_of(domain: str) -> str:
    """How answers of a domain are graded where nothing else is said."""
    verdict = find(domain).verdict
    return verdict.kind if isinstance(verdict, Graded) else "math"


def check_verdicts(domains: Iterable[str]) -> None:
    """Look at everything about some domains' verdicts that can be told before anything is generated.

    Raises:
        DomainError: A domain is not there or has no verdict, or its own code or command cannot be used.
    """
    for domain in dict.fromkeys(domains):
        if _is_own(domain):
            host_of(find(domain)).check()


def _is_own(domain: str) -> bool:
    """As `has_own_verdict`; raises `DomainError` where nobody can judge."""
    found = find(domain)
    if found.verdict is None:
        raise DomainError(
            f"domain {domain!r}: nobody can judge its attempts; give it a verdict in {found.folder / FILE}, such as "
            "verdict: math or verdict: judge.py:judge"
        )
    return has_own_verdict(domain)


def _by_own(domain: Domain, judged: Sequence[Judged]) -> list[Grade]:
    host = host_of(domain)
    texts = list(dict.fromkeys(one.attempt.text for one in judged if one.whole))

    def split(text: str) -> tuple[str, ...] | Unsplit:
        try:
            return host.actions(text)
        except Unsplit as fault:
            return fault

    with ThreadPoolExecutor() as threads:
        actions = dict(zip(texts, threads.map(split, texts), strict=True))
    attempts = [replace(one.attempt, actions=actions[one.attempt.text]) if one.whole else one.attempt for one in judged]
    whole = [n for n, attempt in enumerate(attempts) if not isinstance(attempt.actions, Unsplit)]
    found = dict(zip(whole, host.judge([(judged[n].task, attempts[n]) for n in whole]), strict=True))
    return [
        Grade(Verdict(found[n][0]), found[n][1]) if n in found else Grade(Verdict.CRASHED, f"split: {attempt.actions}")
        for n, attempt in enumerate(attempts)
    ]
