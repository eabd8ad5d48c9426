"""The first half of a round: the student's attempts, and what of them is kept as its own expert trajectories.

attempts.jsonl, helped.jsonl    journals of the two waves, see `attempts.py`
trajectories.jsonl              what is kept, in treadle's own form with where it comes from in `meta`
rejected.jsonl                  every other attempt, with its reason
harvest.json                    counts and diversity; its presence says that the half is done
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from treadle.data.curate.duplicates import content_hash, duplicates, signature
from treadle.data.prompts import Asking, solve_prompt, step_prompt
from treadle.evaluate.backends import Backend
from treadle.evaluate.records import Problem, Sample
from treadle.evaluate.store import write_json, write_lines
from treadle.teacher.asking import prompt_digest
from treadle.teacher.bootstrap.attempts import first_steps, hinted, sampled
from treadle.teacher.bootstrap.candidates import Candidate, candidate_of, draft_of, row_of
from treadle.teacher.bootstrap.diversity import distinct_share, run_entropy
from treadle.teacher.bootstrap.schema import Bootstrap
from treadle.teacher.bootstrap.sets import Sets
from treadle.teacher.checks import Check, Fault, Reason
from treadle.teacher.checks.text import Language, Length, Repetition
from treadle.teacher.drafts import Draft, Origin
from treadle.teacher.kept import REJECTED, TRAJECTORIES, rejected_row
from treadle.trajectory import Step, Trajectory

HARVEST = "harvest.json"
_HINT = re.compile(r"\b(?:hint(?:s|ed)?|(?:given|provided|known) (?:final )?answer)\b", re.IGNORECASE)


class NoHint(Check):
    """The text does not speak of the hint that it was given."""

    name = "no_hint"

    def __call__(self, draft: Draft) -> Fault | None:
        found = _HINT.search(draft.text) or _HINT.search(draft.thought)
        return found and Fault(Reason.HINT, f"it says {found[0]!r}")


@dataclass
class Wave:
    """One wave of attempts.

    Args:
        problems: As they are asked; `originals` as they are kept.
        given: First steps that attempts begin with.
        help: What it is helped with; empty for nothing.
    """

    problems: list[Problem]
    originals: dict[str, Problem]
    given: dict[str, tuple[Step, ...]]
    help: str = ""


def harvest(
    backend: Backend, model: str, rounds: Bootstrap, sets: Sets, number: int, seed: int, folder: Path,
    before: Sequence[Trajectory], solved: set[str],
) -> dict[str, Any]:  # fmt: skip
    """Sample, check and keep; writes the files and returns the content of harvest.json.

    Args:
        number: Of the round, from 1.
        seed: Of its samples.
        before: What earlier rounds kept.
        solved: Ids of problems that earlier rounds solved without help.
    """
    problems = list(sets.problems.problems)
    settings = rounds.sampling(seed, sets.problems.name)
    wave = Wave(problems, {p.id: p for p in problems}, {})
    samples, failed = sampled(backend, problems, settings, folder / "attempts.jsonl", grader=rounds.grader)
    taken = _take(backend, model, rounds, wave, samples, number)
    right = [sample for sample in samples if sample.right]
    alone = {sample.key.problem for sample in right}
    asked = len(problems) * rounds.samples
    helped = _helped(rounds, sets, alone)
    if helped.problems:
        more = replace(settings, seed=seed + 1)
        again, lost = sampled(
            backend, helped.problems, more, folder / "helped.jsonl", helped.given, grader=rounds.grader
        )
        taken += _take(backend, model, rounds, helped, again, number)
        asked += len(helped.problems) * rounds.samples
        failed = dict(Counter(failed) + Counter(lost))
    kept, rejected = _distinct(taken, before, rounds)
    write_lines(folder / REJECTED, (rejected_row(draft, fault) for draft, fault in rejected))
    write_lines(folder / TRAJECTORIES, map(row_of, kept))
    texts = [sample.text for sample in right]
    report = {
        "asked": asked,
        "kept": len(kept),
        "rejected": dict(Counter(str(fault.reason) for _, fault in rejected).most_common()),
        "failed": failed,
        "helped": {"problems": len(helped.problems), "kept": sum("help" in c.trajectory.meta for c in kept)},
        "right": len(right),
        "samples": len(samples),
        "solved": sorted(alone),
        "ever_solved": len(solved | alone),
        "distinct": distinct_share((sample.key.problem, sample.text) for sample in right),
        "entropy": run_entropy(texts),
        "tokens": sum(sample.n_tokens for sample in samples),
    }
    write_json(folder / HARVEST, report)
    return report


def _helped(rounds: Bootstrap, sets: Sets, alone: set[str]) -> Wave:
    """The wave with help, over the problems that were not solved without."""
    left = [problem for problem in sets.problems.problems if problem.id not in alone]
    if rounds.help == "answer":
        return Wave([hinted(p) for p in left], {p.id: p for p in left}, {}, "answer")
    if rounds.help == "prefix":
        left = [problem for problem in left if problem.id in sets.experts]
        given = {p.id: first_steps(sets.experts[p.id], rounds.prefix) for p in left}
        return Wave(left, {p.id: p for p in left}, given, "prefix")
    return Wave([], {}, {})


Taken = list[Candidate | tuple[Draft, Fault]]


def _take(backend: Backend, model: str, rounds: Bootstrap, wave: Wave, samples: Sequence[Sample], number: int) -> Taken:
    """Each attempt as a candidate, or what is wrong with it."""
    tags = backend.thought_tags
    asking = replace(backend.asking, tags=tags.pair)
    checks = [*_checks(rounds), *([NoHint()] if wave.help == "answer" else [])]
    prompts = {p.id: _prompt_digest(p, wave.given.get(p.id, ()), rounds.mode, asking) for p in wave.problems}
    found: Taken = []
    for sample in samples:
        problem = wave.originals[sample.key.problem]
        origin = Origin(
            kind="bootstrap",
            model=model,
            prompt_sha256=prompts[problem.id],
            sample=sample.key.index + (rounds.samples if wave.help else 0),
            round=number,
        )
        draft, given = draft_of(sample, problem, origin, tags), len(wave.given.get(problem.id, ()))
        taken = candidate_of(sample, draft, problem, tags, checks, given)
        if isinstance(taken, Candidate) and wave.help:
            meta = {**taken.trajectory.meta, "help": wave.help}
            taken = replace(taken, trajectory=replace(taken.trajectory, meta=meta))
        found.append(taken)
    return found


def _checks(rounds: Bootstrap) -> list[Check]:
    checks: list[Check] = [Length(rounds.min_characters, rounds.max_characters or 10**9)]
    if rounds.language is not None:
        checks.append(Language(rounds.language))
    if rounds.repetition is not None:
        checks.append(Repetition(rounds.repetition))
    return checks


def _distinct(
    taken: Taken, before: Sequence[Trajectory], rounds: Bootstrap
) -> tuple[list[Candidate], list[tuple[Draft, Fault]]]:
    """What is like nothing before it, and of each problem no more than `keep`; and all the rest with its reason."""
    rejected = [found for found in taken if not isinstance(found, Candidate)]
    candidates = [found for found in taken if isinstance(found, Candidate)]
    alike = _alike([*before, *(c.trajectory for c in candidates)], rounds.near_threshold)
    counts = Counter(str(t.meta["origin"]["problem_id"]) for t in before)
    kept = []
    for place, candidate in enumerate(candidates, len(before)):
        draft = candidate.draft
        if place in alike:
            reason, earlier = alike[place]
            rejected.append((draft, Fault(reason, f"like {earlier}")))
            continue
        draft = draft.passed("duplicates")
        if counts[draft.problem_id] >= rounds.keep:
            rejected.append((draft, Fault(Reason.OVER_CAP, f"{rounds.keep} of its problem are there")))
            continue
        counts[draft.problem_id] += 1
        kept.append(replace(candidate, draft=draft))
    return kept, rejected


def _alike(trajectories: Sequence[Trajectory], threshold: float | None) -> dict[int, tuple[Reason, str]]:
    """Of each trajectory that is like an earlier one, how, and the id of that one."""
    # Near duplicates are of one problem: chains of unlike problems may be alike as texts and are none.
    exact, near = duplicates(
        {row: content_hash(trajectory) for row, trajectory in enumerate(trajectories)},
        lambda rows: np.stack([signature(trajectories[row]) for row in rows]),
        threshold,
        [trajectory.problem for trajectory in trajectories],
    )
    found = {row: (Reason.EXACT_DUPLICATE, trajectories[earlier].id) for row, earlier in exact}
    return found | {row: (Reason.NEAR_DUPLICATE, trajectories[earlier].id) for row, earlier in near}


def _prompt_digest(problem: Problem, given: Iterable[Step], mode: str, asking: Asking) -> str:
    """Of the first prompt of an attempt."""
    if mode == "whole":
        return prompt_digest(solve_prompt(problem.domain, problem.problem, asking))
    return prompt_digest(step_prompt(problem.domain, problem.problem, list(given), asking=asking))
