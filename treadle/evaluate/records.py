"""The nouns of evaluation: what is asked of a model, what it gave, and what that was worth.

A `Problem` is solved in a mode (the whole solution at once, or step by step) and a decoding (greedy, or sampled
several times). Each attempt is a `Sample`. What a back end is asked for is a `Request`, what it gives a `Generation`:
one for a whole solution, one for each step of the loop. A `StepSample` is one next step beside the expert's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from treadle.domains.domain import Task
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict
from treadle.trajectory import Message

Mode = Literal["whole", "loop"]
Decoding = Literal["greedy", "sampled"]


@dataclass(frozen=True)
class Problem:
    """What is to be solved.

    Args:
        id: Unique within its benchmark.
        problem: The task as the model sees it.
        answer: The reference.
        domain: Family of its prompt templates.
        kind: How answers are graded, see `treadle.scoring.grading`.
        benchmark: Name of the set it belongs to.
        setup: What the domain's own code needs, see `treadle.domains.domain.Task`; no model is shown it.
    """

    id: str
    problem: str
    answer: str
    domain: str = "math"
    kind: str = "math"
    benchmark: str = "problems"
    setup: Any = None

    @property
    def task(self) -> Task:
        """The problem as an environment and a verdict get it."""
        return Task(self.id, self.problem, self.answer, self.setup)


@dataclass(frozen=True)
class Sampling:
    """How to decode. Temperature 0 is greedy; above 0 the whole distribution is sampled unless cut by the others."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0


@dataclass(frozen=True)
class Request:
    """One text to generate. Requests with equal prompts are samples of one prompt and differ by their seed."""

    prompt: list[Message]
    seed: int = 0


class Finish(StrEnum):
    """Why a generation ended. `FAILED` is no generation: the back end gave none, see `Generation.error`."""

    STOP = "stop"
    LENGTH = "length"
    FAILED = "failed"


class Doubt(StrEnum):
    """What of a server's answer was not taken as it came; the members' values are names in results.json."""

    USAGE = "usage_not_believed"
    SURROGATES = "surrogates_replaced"


@dataclass(frozen=True)
class Generation:
    """One generated text, decoded without end marks, and its length in tokens with them.

    Args:
        doubts: `USAGE`: the server's count of tokens cannot be one of this text, and `n_tokens` is counted or estimated
            here. `SURROGATES`: halves of characters, which are no text, were replaced by U+FFFD.
        prompt_tokens, model: What a server says of the prompt's length and of its model; `None` where it does not.
    """

    text: str
    n_tokens: int
    finish: Finish
    error: str | None = None
    doubts: tuple[Doubt, ...] = ()
    prompt_tokens: int | None = field(default=None, compare=False)
    model: str | None = field(default=None, compare=False)

    @property
    def truncated(self) -> bool:
        return self.finish is Finish.LENGTH


class LeftOut(StrEnum):
    """Why a row of a set is not among its problems."""

    NO_ANSWER = "no_answer"
    DUPLICATE = "duplicate"
    OTHER_ANSWER = "duplicate_with_other_answer"
    NOT_COMPARABLE = "answer_not_comparable"
    SEVERAL_TURNS = "several_turns"
    IMAGE = "needs_an_image"
    UNREADABLE = "reference_not_readable"


class Stop(StrEnum):
    """Why an attempt ended. `FINISHED`: the environment said that the episode is over."""

    ANSWERED = "answered"
    FINISHED = "finished"
    ENDED = "ended"
    TRUNCATED = "truncated"
    REPEATED = "repeated"
    STEP_LIMIT = "step_limit"
    FORMAT_FAULT = "format_fault"


class Key(NamedTuple):
    """Names a sample within a run."""

    benchmark: str
    problem: str
    mode: Mode
    decoding: Decoding
    index: int


@dataclass(frozen=True)
class Placed:
    """What a line of a journal says of its place: a sample, and the step of it."""

    benchmark: str
    problem: str
    mode: Mode
    decoding: Decoding
    index: int
    step: int

    @property
    def key(self) -> Key:
        return Key(self.benchmark, self.problem, self.mode, self.decoding, self.index)


@dataclass
class Sample:
    """One attempt at one problem.

    Args:
        key: Which one.
        reference: The problem's answer.
        text: All that the model wrote; the steps of the loop joined by newlines.
        steps: Actions of the loop, in order; empty for a whole solution.
        observations: What the environment answered to each of them, where the domain has one. A step that ends the
            attempt by its box has none.
        thoughts: Contents of think blocks, in order.
        n_tokens: Length of everything generated.
        thought_tokens: Length of the thoughts alone.
        stop: Why it ended.
        fault: The format fault that ended the loop; of a whole solution, what its thoughts or its end lack.
        answer: What was taken as the final answer, by the rule that the run has (`treadle.scoring.extraction`).
        verdict, why: The grader's judgement and the rule that led to it.
        boxed, boxed_verdict: The same where only a box counts.
        lenient, lenient_verdict: The same where an answer need not be in a box.
    """

    key: Key
    reference: str
    text: str = ""
    steps: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    n_tokens: int = 0
    thought_tokens: int = 0
    stop: Stop | None = None
    fault: FormatFault | None = None
    answer: str | None = None
    verdict: Verdict | None = None
    why: str = ""
    boxed: str | None = None
    boxed_verdict: Verdict | None = None
    lenient: str | None = None
    lenient_verdict: Verdict | None = None

    @property
    def right(self) -> bool:
        return self.verdict is Verdict.RIGHT


@dataclass
class StepSample:
    """One next step that the model gave after the expert's own steps.

    Args:
        trajectory_id, step, n_steps: Which step, from 1, of how many.
        prompt, expert_action: What was asked, and the expert's step.
        text: What the model wrote.
        thought, action: Its parts; `action` is `None` for a format fault.
        similarity: The reward's, 0 for a format fault.
        exact: Whether the action is the expert's, letter for letter.
    """

    trajectory_id: str
    step: int
    n_steps: int
    prompt: list[Message]
    expert_action: str
    text: str
    thought: str
    action: str | None
    fault: FormatFault | None
    similarity: float
    exact: bool
    n_tokens: int
    thought_tokens: int
    meta: dict[str, Any] = field(default_factory=dict)
