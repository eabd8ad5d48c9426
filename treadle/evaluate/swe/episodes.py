"""What a mode is: a generator that asks for texts and ends with what is handed in.

A mode yields lists of `Ask` and is sent the `Answer`s in the same order; it returns an `Outcome`. It knows nothing of
back ends, batches and journals: `treadle.evaluate.swe.waves` plays many episodes side by side, so that the questions
of a wave are one batch, and gives an episode that is continued the answers that it had.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from treadle.evaluate.records import Generation, Sampling
from treadle.evaluate.swe.records import Verdict
from treadle.scoring.completion import Completion, FormatFault, parse_completion
from treadle.scoring.thoughts import ThoughtTags
from treadle.trajectory import Message


@dataclass(frozen=True)
class Ask:
    """A text that is asked for.

    Args:
        place: Names it within the episode, such as `repair/0` or `step/3`.
        sampling: How it is decoded.
    """

    place: str
    prompt: list[Message]
    sampling: Sampling


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    Args:
        generation: As the back end gave it.
        parsed: Thought and action, or the fault of the format.
        thought_tokens: Of the generation's tokens.
        too_long: The prompt left no room for an answer, and there is none.
    """

    generation: Generation
    parsed: Completion | FormatFault
    thought_tokens: int = 0
    too_long: bool = False


@dataclass
class Outcome:
    """What an episode ends with.

    Args:
        patch: A unified diff; empty where there is none.
        fault: Why there is none, a value of `Verdict`.
        reason: A line about it.
        figures: What the summary counts: `found` and `gold` files, `edits`, `edit_faults`, `tolerant`, `stop` ...
        steps: Of an agent, one record each, as steps.jsonl has them.
    """

    patch: str = ""
    fault: str = ""
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


Episode = Generator[list[Ask], list[Answer], Outcome]


def answer_of(generation: Generation, tags: ThoughtTags, thought_tokens: int = 0) -> Answer:
    """A generation with its think blocks parted off, as everywhere in evaluation."""
    if too_long(generation):
        return Answer(generation, FormatFault.EMPTY_ACTION, too_long=True)
    cut = generation.truncated
    parsed = parse_completion(generation.text, truncated=cut, think_tags="optional", thought_tags=tags)
    return Answer(generation, parsed, thought_tokens)


def too_long(generation: Generation) -> bool:
    """Whether a back end gave no text because the prompt is too long for the model."""
    error = (generation.error or "").lower()
    if error.startswith("status "):
        words = ("status 413", "context length", "context window", "too long", "longer than")
        return any(word in error for word in words)
    return "leaves no room" in error


def too_long_outcome(reason: str, **figures: Any) -> Outcome:
    """The outcome of an episode whose prompt does not fit."""
    return Outcome(fault=Verdict.CONTEXT_TOO_LONG, reason=reason[:300], figures=figures)
