r"""Solve problems with a model in two ways, and grade the final answers.

- *whole*: one generation for the whole solution, think blocks wherever the model likes (paper section 4.1). The final
  answer is `treadle.scoring.answers.final_answer` of the text.
- *loop*: the think-act loop. The model gives one step at a time and sees the problem and its own earlier actions,
  never its thoughts, exactly as SRL trains it. It ends with the first step that has a `\boxed{}`, with a step that
  repeats the one before, at the limit of steps, with a step that breaks the format, or with one that is cut off.
  Where the domain has an environment, the model also sees what that answered to each action, the attempt ends when
  the environment says so, and a step repeats another only where the same was answered. Whether a box ends it is said
  by `Domain.ends`.

What counts as the answer is said by the rules of `treadle.scoring.extraction`. The strict figure takes boxes alone, the
lenient one also what a text states without one; of the loop the last that any of its steps states. A step such as "The
answer is 24." does not end the loop: what a model is asked must not depend on how its answers are read, so that one
journal gives both figures and the rule can be changed without a model.

Evaluation grades answers, not format: a step without a think block still counts as an action. Format faults are
counted instead: of a whole solution, that it was cut off, that a think block is not closed or was never opened, or
that there is nothing outside of its thoughts.

An attempt is a function of its generations and of what environments answered, so that attempts are made from journals
as they are from a model. All attempts take a step before any takes the next, for the sake of batches: a server waits
for the longest of each round, and environments are asked about all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from treadle.chat.progress import progress as showing
from treadle.data.prompts import Asking, solve_prompt, step_prompt
from treadle.domains.domain import Attempt
from treadle.evaluate.attempts import Answering, advance, thoughts_of
from treadle.evaluate.observations import Observations
from treadle.evaluate.records import Decoding, Generation, Key, Mode, Problem, Request, Sample, Stop
from treadle.evaluate.settings import EvaluateSettings, seed_of
from treadle.evaluate.turns import WHOLE, Turn, Turns
from treadle.legible import shortened
from treadle.scoring.extraction import Extraction, extract
from treadle.scoring.grading import Grader, GraderName
from treadle.scoring.thoughts import PLAIN, ThoughtTags, without_thoughts
from treadle.scoring.verdicts import Judged, judge_attempts
from treadle.trajectory import Step

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend


def solve(
    backend: Backend,
    problems: Sequence[Problem],
    mode: Mode,
    decoding: Decoding,
    settings: EvaluateSettings,
    turns: Turns,
    answering: Answering | None = None,
    progress: bool = False,
    begun: list[Sample] | None = None,
    observations: Observations | None = None,
) -> list[Sample]:
    """All attempts at `problems`, not graded yet; what `turns` holds already is not generated again.

    Args:
        turns: Receives each generation as it finishes.
        answering: Takes the final answer from a whole solution; by default `final_answer`.
        progress: Whether to say what is asked and how far it is.
        begun: The attempts where they do not begin with nothing, such as with an expert's first steps; by default those
            of `begin`.
        observations: Receives what environments answer; by default it is kept in memory alone.

    Returns:
        The attempts of the first problem, then of the next. `stop` is `None` for those that the back end left
        unfinished, see `turns.failed`.

    Raises:
        DomainError: A domain has no such prompt, or its environment does not work.
    """
    samples = begin(problems, mode, decoding, settings) if begun is None else begun
    observations = Observations(problems) if observations is None else observations
    sources = {(p.benchmark, p.id): p for p in problems}
    sampling, asking = settings.sampling(mode, decoding), replace(backend.asking, tags=settings.thought_tags.pair)
    tried: set[Key] = set()
    while True:
        places = next_steps([s for s in samples if s.key not in tried], turns, settings, answering, observations)
        if not places:
            return samples
        requests = [
            Request(
                _prompt(sources[s.key.benchmark, s.key.problem], s, step, asking, settings),
                seed_of(settings.seed, s.key, step),
            )
            for s, step in places
        ]
        title = f"{mode}, {decoding}" + (f", step {min(step for _, step in places)}" if mode == "loop" else "")
        with showing(title, len(requests), sampling.max_new_tokens, progress) as finished:
            for i, generation in backend.generate(requests, sampling):
                sample, step = places[i]
                turns.put(sample.key, step, requests[i], _turn(backend, generation, mode, settings.thought_tags))
                finished()
        tried |= {sample.key for sample, step in places if turns.get(sample.key, step) is None}


def begin(problems: Sequence[Problem], mode: Mode, decoding: Decoding, settings: EvaluateSettings) -> list[Sample]:
    """The attempts of a mode and decoding before anything was generated."""
    return [
        Sample(Key(p.benchmark, p.id, mode, decoding, index), p.answer)
        for p in problems
        for index in range(settings.attempts(p.benchmark, decoding))
    ]


def next_steps(
    samples: Sequence[Sample],
    turns: Turns,
    settings: EvaluateSettings,
    answering: Answering | None,
    observations: Observations,
) -> list[tuple[Sample, int]]:
    """Take what was generated for attempts and what their environments answer, which are asked where they were not yet.

    Returns:
        The attempts that are not at their end, each with the step that has to be generated next.
    """
    while True:
        found = [(sample, advance(sample, turns, settings, observations, answering)) for sample in samples]
        waiting = [sample for sample in samples if observations.awaited(sample)]
        if not waiting:
            return [(sample, step) for sample, step in found if step is not None]
        observations.answer(waiting)


def judge(
    samples: Sequence[Sample],
    problems: Sequence[Problem],
    grader: Grader | None = None,
    settings: EvaluateSettings | None = None,
    name: GraderName = "treadle",
) -> None:
    """Judge the attempts that are at their end, in place, each by its domain's verdict.

    Args:
        settings: Says what counts as an answer, and where thoughts are; without it `Sample.answer` as it is.
        grader, name: Of the domains that treadle's grader judges.

    Raises:
        DomainError: A domain has no verdict, or its code does not do what it has to.
    """
    sources = {(p.benchmark, p.id): p for p in problems}
    tags = settings.thought_tags if settings is not None else PLAIN
    ended = [s for s in samples if s.stop is not None]
    if settings is not None:
        for sample in ended:
            _read_answers(sample, sources[sample.key.benchmark, sample.key.problem].kind, settings)
    readings = [[s.answer for s in ended]]
    if settings is not None:  # graded together, since most are the same
        readings += [[s.boxed for s in ended], [s.lenient for s in ended]]
    judged = [
        _judged(sources[s.key.benchmark, s.key.problem], s, answer, tags)
        for reading in readings
        for s, answer in zip(ended, reading, strict=True)
    ]
    grades = judge_attempts(judged, grader, name)
    for place, sample in enumerate(ended):
        grade = grades[place]
        sample.verdict, sample.why = grade.verdict, grade.why
        if settings is not None:
            sample.boxed_verdict = grades[place + len(ended)].verdict
            sample.lenient_verdict = grades[place + 2 * len(ended)].verdict


def _judged(problem: Problem, sample: Sample, answer: str | None, tags: ThoughtTags) -> Judged:
    whole = sample.key.mode == "whole"
    text = without_thoughts(sample.text, tags).strip() if whole else "\n".join(sample.steps)
    attempt = Attempt(tuple(sample.steps), tuple(sample.observations), answer, text)
    return Judged(problem.domain, problem.kind, problem.task, attempt, whole)


def _read_answers(sample: Sample, kind: str, settings: EvaluateSettings) -> None:
    """The answers of an attempt by the rule of the run, by the strict rule and by the lenient one."""
    loop = sample.key.mode == "loop"
    tags, cut_off = settings.thought_tags, sample.stop is Stop.TRUNCATED

    def read(how: Extraction) -> str | None:
        if not loop:
            return extract(sample.text, how, kind, tags, cut_off, sample.reference)
        if how == "boxed":
            return sample.answer
        if how == "whole":
            return extract(sample.steps[-1], how, kind, tags) if sample.steps else None
        return extract("\n".join(sample.steps), how, kind, tags, cut_off, sample.reference)

    sample.boxed, sample.lenient = read("boxed"), read(settings.lenient)
    sample.answer = {"boxed": sample.boxed, settings.lenient: sample.lenient}.get(settings.extract) or (
        read("whole") if settings.extract == "whole" else None
    )


def _prompt(
    problem: Problem, sample: Sample, step: int, asking: Asking, settings: EvaluateSettings
) -> list[dict[str, str]]:
    if step == WHOLE:
        return solve_prompt(problem.domain, problem.problem, asking)
    previous = [
        Step(action, observation=seen and shortened(seen, settings.observation_chars))
        for action, seen in zip_longest(sample.steps, sample.observations)
    ]
    omitted = 0 if settings.context == "full" else max(0, len(previous) - settings.context)
    return step_prompt(problem.domain, problem.problem, previous[omitted:], omitted=omitted, asking=asking)


def _turn(backend: Backend, generation: Generation, mode: Mode, tags: ThoughtTags) -> Turn:
    found = thoughts_of(generation, mode, tags)
    return Turn(generation, sum(backend.count_tokens(found)) if found else 0)
