"""A round's attempts: sampled through evaluation's own solving, kept in a journal, and graded.

A second wave helps with problems of which no sample was right: the reference stands below the problem as a hint, or an
expert's first steps are given as the student's own. Hints are in prompts alone; what is kept of a helped attempt has
the problem as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from treadle.errors import Interrupted, ModelError
from treadle.evaluate.backends import Backend
from treadle.evaluate.observations import Observations
from treadle.evaluate.records import Problem, Sample
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.solving import begin, judge, solve
from treadle.evaluate.store import Journal
from treadle.evaluate.turns import Turns
from treadle.scoring.grading import GraderName
from treadle.trajectory import Step, Trajectory

HINT = "(Hint: the final answer is {answer}. Work towards it without mentioning the hint.)"


def sampled(
    backend: Backend,
    problems: Sequence[Problem],
    settings: EvaluateSettings,
    journal: Path,
    given: Mapping[str, Sequence[Step]] | None = None,
    grader: GraderName = "treadle",
) -> tuple[list[Sample], dict[str, int]]:
    """All attempts at `problems`, graded; what the journal holds is not generated again.

    Args:
        journal: Of generations; what environments answer has one beside it, `NAME-observations.jsonl`.
        given: An expert's first steps with which attempts begin, by the problem's id. An environment carries them out.

    Returns:
        The attempts that came to an end, and why the back end did not give the others, counted.

    Raises:
        ModelError: Nothing could be generated.
        Interrupted: Ctrl-C; what is in the journal is kept.
    """
    settings = replace(settings, thought_tags=backend.thought_tags)
    mode = settings.modes[0]
    beside = journal.with_stem(f"{journal.stem}-observations")
    with closing(Journal(journal)) as file, closing(Observations(problems, beside)) as observations:
        turns = Turns(file)
        begun = _with_steps(begin(problems, mode, "sampled", settings), given or {})
        kept = f"what was generated is in {journal}, the same command goes on from there"
        try:
            samples = solve(
                backend,
                problems,
                mode,
                "sampled",
                settings,
                turns,
                progress=True,
                begun=begun,
                observations=observations,
            )
        except KeyboardInterrupt:
            raise Interrupted(f"stopped; {kept}") from None
        except ModelError as error:
            raise ModelError(f"{error}; {kept}") from error
        failed = dict(Counter(turns.failed.values()))
    ended = [sample for sample in samples if sample.stop is not None]
    if not ended and samples:
        raise ModelError(f"none of {len(samples):,} attempts could be generated: {next(iter(failed))}")
    judge(ended, problems, settings=settings, name=grader)
    return ended, failed


def hinted(problem: Problem) -> Problem:
    """The problem with its reference below, as a hint."""
    return replace(problem, problem=f"{problem.problem}\n\n{HINT.format(answer=problem.answer)}")


def first_steps(trajectory: Trajectory, share: float) -> tuple[Step, ...]:
    """The expert's first steps: of two steps or more at least one, and never all."""
    count = len(trajectory.steps)
    return trajectory.steps[: min(count - 1, max(1, int(share * count)))] if count > 1 else ()


def _with_steps(samples: list[Sample], given: Mapping[str, Sequence[Step]]) -> list[Sample]:
    for sample in samples:
        steps = given.get(sample.key.problem, ())
        sample.steps = [step.action for step in steps]
        sample.thoughts = [step.thought or "" for step in steps]
        sample.text = "\n".join(sample.steps)
    return samples
