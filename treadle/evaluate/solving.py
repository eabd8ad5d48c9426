"""Solve problems with a model in two ways, and grade the final answers.

- *whole*: one generation for the whole solution, think blocks wherever the model likes (paper section 4.1).
- *loop*: the think-act loop. The model gives one step at a time and sees the problem and its own earlier
  actions, never its thoughts, exactly as SRL trains it.

Evaluation grades answers, not format: a step without a think block still counts as an action. Format faults
are counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.answers import last_boxed
from treadle.completion import FormatFault, parse_completion, thoughts
from treadle.evaluate.generation import generate
from treadle.grading import Verdict, default_grader
from treadle.prompts import solve_prompt, step_prompt
from treadle.trajectory import Step


@dataclass(frozen=True)
class Problem:
    """What is to be solved: the task, its reference answer and the family of its prompts."""

    id: str
    problem: str
    answer: str
    domain: str = "math"


class Stop(StrEnum):
    """Why an attempt ended."""

    ANSWERED = "answered"
    ENDED = "ended"
    TRUNCATED = "truncated"
    REPEATED = "repeated"
    STEP_LIMIT = "step_limit"
    FORMAT_FAULT = "format_fault"


@dataclass
class Attempt:
    """One attempt at one problem. Lengths are in tokens."""

    problem_id: str
    reference: str
    steps: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    text: str = ""
    n_tokens: int = 0
    stop: Stop | None = None
    fault: FormatFault | None = None
    answer: str | None = None
    verdict: Verdict | None = None

    @property
    def right(self) -> bool:
        return self.verdict is Verdict.RIGHT


def solve_whole(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    max_new_tokens: int,
    temperature: float = 0.0,
    batch_size: int = 128,
) -> list[Attempt]:
    """One graded attempt a problem, the whole solution in one generation."""
    prompts = [solve_prompt(p.domain, p.problem) for p in problems]
    attempts = []
    for problem, generation in zip(
        problems, generate(model, tokenizer, prompts, max_new_tokens, temperature, batch_size), strict=True
    ):
        attempts.append(
            Attempt(
                problem_id=problem.id,
                reference=problem.answer,
                thoughts=thoughts(generation.text),
                text=generation.text,
                n_tokens=generation.n_tokens,
                stop=Stop.TRUNCATED if generation.truncated else Stop.ENDED,
                answer=last_boxed(generation.text),
            )
        )
    return _grade(attempts)


def solve_in_loop(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    max_new_tokens: int,
    max_steps: int,
    temperature: float = 0.0,
    batch_size: int = 128,
) -> list[Attempt]:
    """One graded attempt a problem, one step at a time.

    Args:
        max_new_tokens: Limit of one step, thought included.
        max_steps: Steps after which an attempt without an answer is given up.
    """
    attempts = [Attempt(problem_id=p.id, reference=p.answer) for p in problems]
    for _ in range(max_steps):
        live = [i for i, attempt in enumerate(attempts) if attempt.stop is None]
        if not live:
            break
        prompts = [
            step_prompt(problems[i].domain, problems[i].problem, [Step(action) for action in attempts[i].steps])
            for i in live
        ]
        generations = generate(model, tokenizer, prompts, max_new_tokens, temperature, batch_size)
        for i, generation in zip(live, generations, strict=True):
            _take_step(attempts[i], generation.text, generation.n_tokens, generation.truncated)
    for attempt in attempts:
        attempt.stop = attempt.stop or Stop.STEP_LIMIT
    return _grade(attempts)


def _take_step(attempt: Attempt, text: str, n_tokens: int, truncated: bool) -> None:
    attempt.n_tokens += n_tokens
    attempt.text += ("\n" if attempt.text else "") + text
    parsed = parse_completion(text, truncated=truncated, think_tags="optional")
    if isinstance(parsed, FormatFault):
        attempt.stop = Stop.TRUNCATED if parsed is FormatFault.TRUNCATED else Stop.FORMAT_FAULT
        attempt.fault = parsed
        return
    if attempt.steps and parsed.action == attempt.steps[-1]:
        attempt.stop = Stop.REPEATED
    attempt.steps.append(parsed.action)
    attempt.thoughts.append(parsed.thought)
    attempt.answer = last_boxed(parsed.action)
    if attempt.answer is not None:
        attempt.stop = Stop.ANSWERED


def _grade(attempts: list[Attempt]) -> list[Attempt]:
    verdicts = default_grader().grade([a.answer for a in attempts], [a.reference for a in attempts])
    for attempt, verdict in zip(attempts, verdicts, strict=True):
        attempt.verdict = verdict
    return attempts
