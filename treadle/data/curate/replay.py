"""Trajectories played again by their domain's own code: what is recorded has to be what the environment answers.

Of a domain with an environment every action is carried out again, from the trajectory's `meta["setup"]`, and what was
not recorded is filled in. Then the domain's verdict is asked. What differs, fails or is wrong is dropped, with its
reason. Trajectories of domains without code of their own stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from treadle.data.sources.reading import Outcome
from treadle.data.sources.report import DropReason
from treadle.domains.digest import has_code
from treadle.domains.domain import Attempt, Domain, Task
from treadle.domains.hosting import UnsetTask, host_of
from treadle.domains.observed import Observed
from treadle.domains.registry import find
from treadle.domains.setups import SETUP
from treadle.domains.worker import LONGEST
from treadle.files.encodings import encodable
from treadle.files.rows import Rejected
from treadle.scoring.answers import last_boxed
from treadle.scoring.grading import Verdict
from treadle.scoring.verdicts import Judged, judge_attempts, kind_of
from treadle.trajectory import Step, Trajectory

ENVIRONMENT, VERDICT = "environment", "judged by the domain"
"""Topics under which reports count what became of trajectories."""
REPLAYED = "replayed: every recorded observation is the environment's"
FILLED = "replayed, with observations that were not recorded filled in"
NOT_REPLAYED = "not as recorded"
_SHOWN = 80


def replayed(outcome: Outcome, keep_unverified: bool = False) -> Outcome:
    """What becomes of a row's trajectory when it is played again and judged.

    Args:
        keep_unverified: Keep trajectories whose verdict is wrong, marked so, where the source says nothing of success.

    Raises:
        DomainError: There is no such domain, or its code does not work.
    """
    trajectory = outcome.trajectory
    if trajectory is None or not trajectory.steps or not has_code(domain := find(trajectory.domain)):
        return outcome
    notes = list(outcome.notes)
    try:
        if domain.environment is not None:
            played = _played(trajectory, domain)
            notes.append((ENVIRONMENT, REPLAYED if played == trajectory else FILLED))
            trajectory = played
        trajectory, verdict = _judged(trajectory, keep_unverified)
        notes += [(VERDICT, str(verdict))] if verdict else []
    except Rejected as rejected:
        topic = (VERDICT, str(Verdict.WRONG)) if rejected.reason in _OF_VERDICT else (ENVIRONMENT, NOT_REPLAYED)
        return outcome._replace(trajectory=None, reason=rejected.reason, detail=rejected.detail, notes=(*notes, topic))
    return outcome._replace(trajectory=trajectory, notes=tuple(notes))


_OF_VERDICT = (DropReason.VERDICT_WRONG, DropReason.MARKED_OTHERWISE)


def _played(trajectory: Trajectory, domain: Domain) -> Trajectory:
    """The trajectory with all observations.

    Raises:
        Rejected: One that is recorded is not the environment's, or that takes no such task or action, or answers
            otherwise when it is asked again.
    """
    actions = [step.action for step in trajectory.steps]
    try:
        answers = host_of(domain).replay(_task(trajectory), actions)
    except UnsetTask as error:
        raise Rejected(DropReason.REPLAY_FAILED, str(error)) from None
    steps = [_observed(*pair) for pair in enumerate(zip(trajectory.steps, answers, strict=False), 1)]
    if len(steps) < len(trajectory.steps):
        said = f"step {len(steps)} of {len(trajectory.steps)} ends the episode ({_begin(answers[-1].observation)})"
        raise Rejected(DropReason.REPLAY_DIFFERS, said)
    if (said := host_of(domain).unlike(_task(trajectory), actions, answers)) is not None:
        raise Rejected(DropReason.REPLAY_DIFFERS, said)
    return replace(trajectory, steps=tuple(steps))


def _observed(number: int, pair: tuple[Step, Observed]) -> Step:
    step, answer = pair
    if answer.fault:
        raise Rejected(DropReason.REPLAY_FAILED, f"step {number}, {_begin(step.action)}: {answer.observation}")
    if step.observation is None:
        return replace(step, observation=answer.observation)
    recorded = encodable(step.observation)
    if recorded[:LONGEST].strip() != answer.observation[:LONGEST].strip():  # more of it does not come here
        expected, found = _begin(recorded), _begin(answer.observation)
        raise Rejected(DropReason.REPLAY_DIFFERS, f"step {number}: recorded {expected}, the environment says {found}")
    return step


def _begin(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _judged(trajectory: Trajectory, keep_unverified: bool) -> tuple[Trajectory, Verdict | None]:
    """The trajectory with what its verdict says of success, and the verdict; `None` where nothing is asked."""
    if trajectory.verified is False or find(trajectory.domain).verdict is None:
        return trajectory, None
    actions = tuple(step.action for step in trajectory.steps)
    observations = tuple(step.observation or "" for step in trajectory.steps)
    attempt = Attempt(actions, observations, last_boxed(actions[-1]), "\n".join(actions))
    (grade,) = judge_attempts([Judged(trajectory.domain, kind_of(trajectory.domain), _task(trajectory), attempt)])
    if grade.verdict is Verdict.WRONG:
        if trajectory.verified:
            raise Rejected(DropReason.MARKED_OTHERWISE, grade.why)
        if not keep_unverified:
            raise Rejected(DropReason.VERDICT_WRONG, grade.why)
        return replace(trajectory, verified=False), grade.verdict
    if grade.verdict is Verdict.RIGHT and trajectory.verified is None:
        trajectory = replace(trajectory, verified=True)
    return trajectory, grade.verdict


def _task(trajectory: Trajectory) -> Task:
    return Task(trajectory.id, trajectory.problem, trajectory.answer or "", trajectory.meta.get(SETUP))


def replay_sentence(notes: dict[str, dict[str, int]]) -> str | None:
    """How many trajectories were replayed, in a sentence; `None` where no domain has an environment."""
    if not (found := notes.get(ENVIRONMENT)):
        return None
    again, filled = found.get(REPLAYED, 0) + found.get(FILLED, 0), found.get(FILLED, 0)
    said = f"environment: {again:,} of {sum(found.values()):,} trajectories replayed"
    return f"{said}, {filled:,} of them with observations filled in" if filled else said
