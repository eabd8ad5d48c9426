r"""Solve problems with a model in two ways, and grade the final answers.

- *whole*: one generation for the whole solution, think blocks wherever the model likes (paper section 4.1). The final
  answer is `treadle.scoring.answers.final_answer` of the text.
- *loop*: the think-act loop. The model gives one step at a time and sees the problem and its own earlier actions,
  never its thoughts, exactly as SRL trains it. It ends with the first step that has a `\boxed{}`, with a step that
  repeats the one before, at the limit of steps, with a step that breaks the format, or with one that is cut off.

What counts as the answer is said by the rules of `treadle.scoring.extraction`. The strict figure takes boxes alone, the
lenient one also what a text states without one; of the loop the last that any of its steps states. A step such as "The
answer is 24." does not end the loop: what a model is asked must not depend on how its answers are read, so that one
journal gives both figures and the rule can be changed without a model.

Evaluation grades answers, not format: a step without a think block still counts as an action. Format faults are
counted instead: of a whole solution, that it was cut off, that a think block is not closed or was never opened, or
that there is nothing outside of its thoughts.

An attempt is a function of its generations, so that attempts are made from a journal as they are from a model. All
attempts take a step before any takes the next, for the sake of batches: a server waits for the longest of each round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from treadle.data.prompts import Asking, solve_prompt, step_prompt
from treadle.domains.domain import Attempt, Task
from treadle.evaluate.records import Decoding, Generation, Key, Mode, Problem, Request, Sample, Stop
from treadle.evaluate.settings import EvaluateSettings, seed_of
from treadle.evaluate.turns import WHOLE, Turn, Turns
from treadle.scoring.answers import final_answer, last_boxed
from treadle.scoring.completion import Completion, FormatFault, parse_completion
from treadle.scoring.extraction import Extraction, extract
from treadle.scoring.grading import Grader, GraderName
from treadle.scoring.thoughts import PLAIN, ThoughtTags, thoughts, without_thoughts
from treadle.scoring.verdicts import Judged, judge_attempts
from treadle.trajectory import Step

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend

Answering = Callable[[str], str | None]


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
) -> list[Sample]:
    """All attempts at `problems`, not graded yet; what `turns` holds already is not generated again.

    Args:
        turns: Receives each generation as it finishes.
        answering: Takes the final answer from a whole solution; by default `final_answer`.
        progress: Whether to show on the terminal how far it is.
        begun: The attempts where they do not begin with nothing, such as with an expert's first steps; by default those
            of `begin`.

    Returns:
        The attempts of the first problem, then of the next. `stop` is `None` for those that the back end left
        unfinished, see `turns.failed`.
    """
    samples = begin(problems, mode, decoding, settings) if begun is None else begun
    sources = {(p.benchmark, p.id): p for p in problems}
    sampling, asking = settings.sampling(mode, decoding), replace(backend.asking, tags=settings.thought_tags.pair)
    tried: set[Key] = set()
    while True:
        places = []
        for sample in samples:
            step = advance(sample, turns, settings, answering)
            if step is not None and sample.key not in tried:
                places.append((sample, step))
        if not places:
            return samples
        requests = [
            Request(
                _prompt(sources[s.key.benchmark, s.key.problem], s, step, asking), seed_of(settings.seed, s.key, step)
            )
            for s, step in places
        ]
        title = f"{mode}, {decoding}" + (f", step {min(step for _, step in places)}" if mode == "loop" else "")
        with tqdm(total=len(requests), desc=title, disable=None if progress else True) as bar:
            for i, generation in backend.generate(requests, sampling):
                sample, step = places[i]
                turns.put(sample.key, step, requests[i], _turn(backend, generation, mode, settings.thought_tags))
                bar.update()
        tried |= {sample.key for sample, step in places if turns.get(sample.key, step) is None}


def begin(problems: Sequence[Problem], mode: Mode, decoding: Decoding, settings: EvaluateSettings) -> list[Sample]:
    """The attempts of a mode and decoding before anything was generated."""
    return [
        Sample(Key(p.benchmark, p.id, mode, decoding, index), p.answer)
        for p in problems
        for index in range(settings.attempts(p.benchmark, decoding))
    ]


def advance(sample: Sample, turns: Turns, settings: EvaluateSettings, answering: Answering | None = None) -> int | None:
    """Take what was generated for an attempt, in place.

    Returns:
        The step that has to be generated next, `None` if the attempt is at its end.
    """
    while sample.stop is None:
        step = WHOLE if sample.key.mode == "whole" else len(sample.steps) + 1
        turn = turns.get(sample.key, step)
        if turn is None:
            return step
        sample.n_tokens += turn.generation.n_tokens
        sample.thought_tokens += turn.thought_tokens
        sample.text += ("\n" if step > 1 else "") + turn.generation.text
        if step == WHOLE:
            _take_solution(sample, turn.generation, settings.thought_tags, answering)
        else:
            _take_step(sample, turn.generation, settings.thought_tags, settings.max_steps)
    return None


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
    task = Task(problem.id, problem.problem, sample.reference, problem.setup)
    whole = sample.key.mode == "whole"
    text = without_thoughts(sample.text, tags).strip() if whole else "\n".join(sample.steps)
    return Judged(problem.domain, problem.kind, task, Attempt(tuple(sample.steps), answer=answer, text=text), whole)


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


def _prompt(problem: Problem, sample: Sample, step: int, asking: Asking) -> list[dict[str, str]]:
    if step == WHOLE:
        return solve_prompt(problem.domain, problem.problem, asking)
    return step_prompt(problem.domain, problem.problem, [Step(action) for action in sample.steps], asking=asking)


def _turn(backend: Backend, generation: Generation, mode: Mode, tags: ThoughtTags) -> Turn:
    found = _thoughts(generation, mode, tags)
    return Turn(generation, sum(backend.count_tokens(found)) if found else 0)


def _parsed(generation: Generation, tags: ThoughtTags) -> Completion | FormatFault:
    return parse_completion(generation.text, truncated=generation.truncated, think_tags="optional", thought_tags=tags)


def _thoughts(generation: Generation, mode: Mode, tags: ThoughtTags) -> list[str]:
    """Of a step that has the format the thought that the reward's parser finds, else all think blocks."""
    if mode == "loop":
        parsed = _parsed(generation, tags)
        if not isinstance(parsed, FormatFault):
            return [parsed.thought] if parsed.thought else []
    return [thought for thought in thoughts(generation.text, tags) if thought]


def _take_solution(sample: Sample, generation: Generation, tags: ThoughtTags, answering: Answering | None) -> None:
    sample.thoughts = _thoughts(generation, "whole", tags)
    sample.answer = answering(generation.text) if answering else final_answer(generation.text, thought_tags=tags)
    sample.stop = Stop.TRUNCATED if generation.truncated else Stop.ENDED
    text = tags.restored(generation.text)
    if generation.truncated:
        sample.fault = FormatFault.TRUNCATED
    elif text.count(tags.open) != text.count(tags.close):
        sample.fault = FormatFault.NO_THINK_BLOCK
    elif not without_thoughts(text, tags).strip():
        sample.fault = FormatFault.EMPTY_ACTION


def _take_step(sample: Sample, generation: Generation, tags: ThoughtTags, max_steps: int) -> None:
    parsed = _parsed(generation, tags)
    if isinstance(parsed, FormatFault):
        sample.thoughts += _thoughts(generation, "loop", tags)
        sample.stop = Stop.TRUNCATED if parsed is FormatFault.TRUNCATED else Stop.FORMAT_FAULT
        sample.fault = parsed
        return
    if sample.steps and parsed.action == sample.steps[-1]:
        sample.stop = Stop.REPEATED
    sample.steps.append(parsed.action)
    sample.thoughts.append(parsed.thought)
    sample.answer = last_boxed(parsed.action)
    if sample.answer is not None:
        sample.stop = Stop.ANSWERED
    elif sample.stop is None and len(sample.steps) >= max_steps:
        sample.stop = Stop.STEP_LIMIT
