"""From a student's attempt to a trajectory of its own, or why it is none.

Steps are those that the student wrote: in the loop one by one, in a whole solution each think block with what follows
it, where thoughts alternate with steps, and else the numbered steps of what stands outside of thoughts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

from treadle.data.sources.native import to_row
from treadle.domains.setups import SETUP
from treadle.evaluate.records import Problem, Sample, Stop
from treadle.files.rows import Rejected
from treadle.scoring.grading import Verdict
from treadle.scoring.thoughts import ThoughtTags, without_thoughts
from treadle.teacher.checks import Check, Fault, Reason, first_fault
from treadle.teacher.checks.form import Form
from treadle.teacher.checks.reading import trajectory_of
from treadle.teacher.drafts import Draft, Origin
from treadle.trajectory import Step, Trajectory

_VERDICTS = {
    Verdict.WRONG: Reason.WRONG,
    Verdict.NO_ANSWER: Reason.NO_ANSWER,
    Verdict.UNDECIDED: Reason.UNDECIDED,
    Verdict.HUNG: Reason.UNSCORABLE,
    Verdict.CRASHED: Reason.UNSCORABLE,
    Verdict.UNSCORABLE: Reason.UNSCORABLE,
}


@dataclass(frozen=True)
class Candidate:
    """A student's own solution.

    Args:
        draft: Its text, and where it comes from.
        trajectory: The same in steps, as `treadle prepare` will read it.
    """

    draft: Draft
    trajectory: Trajectory


def draft_of(sample: Sample, problem: Problem, origin: Origin, tags: ThoughtTags) -> Draft:
    """An attempt as a draft.

    Args:
        problem: As it is kept, without a hint.
    """
    whole = sample.key.mode == "whole"
    text = without_thoughts(sample.text, tags).strip() if whole else "\n".join(sample.steps)
    return Draft(
        problem_id=problem.id,
        problem=problem.problem,
        answer=problem.answer,
        thought="\n".join(filter(None, sample.thoughts)),
        text=text,
        n_tokens=sample.n_tokens,
        origin=origin,
        kind=problem.kind,
        ending="cut_off" if sample.stop is Stop.TRUNCATED else "complete",
    )


def candidate_of(
    sample: Sample, draft: Draft, problem: Problem, tags: ThoughtTags, checks: Sequence[Check] = (), given: int = 0
) -> Candidate | tuple[Draft, Fault]:
    """The trajectory of an attempt that is right, passes all checks and is in steps.

    Args:
        draft: The attempt's, see `draft_of`.
        problem: As it is kept, without a hint.
        checks: Of its text.
        given: The first steps that are an expert's and not the student's.

    Returns:
        What it gives, or the draft with the checks that it passed and what is wrong with it.
    """
    if sample.stop is Stop.TRUNCATED:
        return draft, Fault(Reason.CUT_OFF, f"it was cut off after {sample.n_tokens:,} tokens")
    if sample.verdict is not Verdict.RIGHT:
        reason = _VERDICTS.get(sample.verdict, Reason.UNSCORABLE)
        return draft, Fault(reason, f"answer {sample.answer!r:.80}: {sample.why}" if sample.answer else "")
    draft = draft.passed("answer")
    steps = _steps(sample, draft, tags)
    if isinstance(steps, Fault):
        return draft, steps
    draft, fault = first_fault(draft.passed("form"), checks)
    if fault is not None:
        return draft, fault
    meta = {"given_steps": given} if given else {}
    if problem.setup is not None:
        meta[SETUP] = problem.setup
    trajectory = Trajectory(
        id=draft.id,
        problem=draft.problem,
        steps=steps,
        answer=draft.answer or None,
        domain=problem.domain,
        verified=True,
        meta=meta,
    )
    return Candidate(draft, trajectory)


def row_of(candidate: Candidate) -> dict[str, Any]:
    """A row of trajectories.jsonl, in treadle's own form, with where it comes from."""
    draft = candidate.draft
    origin = {**draft.origin.record(), "problem_id": draft.problem_id}
    return to_row(replace(candidate.trajectory, meta={**candidate.trajectory.meta, "origin": origin}))


def _steps(sample: Sample, draft: Draft, tags: ThoughtTags) -> tuple[Step, ...] | Fault:
    if not draft.text:
        return Fault(Reason.EMPTY)
    if sample.key.mode == "loop":
        observed = chain(sample.observations, repeat(None))  # without an environment there are none
        parts = zip(sample.steps, sample.thoughts, observed, strict=False)  # a broken format left a thought alone
        return tuple(Step(action, thought=thought or None, observation=seen) for action, thought, seen in parts)
    alternating = _alternating(sample.text, tags)
    if alternating is not None:
        return alternating
    found = Form()(draft)
    if found is not None:
        return found
    trajectory = trajectory_of(draft)
    if isinstance(trajectory, Rejected):  # which the check of the form has refused
        return Fault(Reason.UNREADABLE, str(trajectory))
    first, *others = trajectory.steps
    return (replace(first, thought=draft.thought or None), *others)


def _alternating(text: str, tags: ThoughtTags) -> tuple[Step, ...] | None:
    """Two or more thoughts, each with a step behind it, and nothing before the first; `None` for anything else."""
    before, *parts = tags.pattern.split(tags.restored(text))
    thoughts, actions = parts[::2], [action.strip() for action in parts[1::2]]
    if before.strip() or len(actions) < 2 or not all(actions):
        return None
    return tuple(
        Step(action, thought=thought.strip() or None) for action, thought in zip(actions, thoughts, strict=True)
    )
