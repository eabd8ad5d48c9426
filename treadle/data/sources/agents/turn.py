"""`Turn`: what the assistant said and did between two answers, and how one is made of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from treadle.data.sources.agents.executed import is_output, reads_like_words
from treadle.data.sources.agents.harness import refused
from treadle.data.sources.content import thought_text
from treadle.data.sources.messages import Exchange
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

_REASONING = ("reasoning_content", "reasoning", "thinking", "thinking_blocks", "reasoning_details")
"""Where servers put it: DeepSeek and vLLM, OpenRouter, Ollama, LiteLLM."""


@dataclass
class Turn:
    """A turn of the assistant.

    Args:
        text: What it said, as the source has it.
        steps: What it did, without observations; empty if it did nothing.
        answers: For each step the texts that answered it. A turn without steps has one such list.
        reasoning: What the source has of the model's reasoning apart from `text`.
        answered_by: Who answered a turn without steps: somebody who speaks, a harness that found no action, or a tool,
            so that the turn did something. A text that only a harness says is told by itself.
        parts: Lengths of the texts that `text` was joined of, where there are several.
    """

    text: str
    steps: list[Step]
    answers: list[list[str]]
    reasoning: str | None = None
    answered_by: Literal["user", "harness", "tool"] = "user"
    parts: tuple[int, ...] = ()


def sliced(text: str, prose: int, start: int, end: int, where: str) -> Step:
    """The step whose action is `text[start:end]`, without the white space around it, and whose thought is the prose
    that ends at `prose`.

    Raises:
        Rejected: The action is empty.
    """
    action = text[start:end]
    start += len(action) - len(action.lstrip())
    action = action.strip()
    if not action:
        raise Rejected(DropReason.EMPTY_ACTION, f"{where}: {text[:80]!r}")
    thought = text[:prose].rstrip()
    return Step(action, thought=thought or None, before=text[len(thought) : start], after=text[start + len(action) :])


def beside(text: str, action: str, call: str) -> Step:
    """The step of a call that is no part of the turn's text."""
    thought = text.rstrip()
    return Step(action, thought=thought or None, before=text[len(thought) :], call=call)


def reasoning_of(raw: dict[str, Any]) -> str | None:
    """What a message has of the model's reasoning beside its text: a text, or a list of objects with texts."""
    found = (thought_text(raw[key]) for key in _REASONING if raw.get(key))
    return next((text for text in found if text), None)


def turn_of(exchange: Exchange, steps: list[Step]) -> Turn:
    """The turn of a message that acts by its text: whatever follows answers its one step, or the turn without one."""
    message, answers = exchange.message, exchange.answers
    if refused(answers, in_doubt=not steps):
        return refused_turn(exchange)
    by = "user"
    if not steps and any(answer.role == "tool" or is_output(answer.text) for answer in answers):
        by = "tool"
    return Turn(message.text, steps, [[a.text for a in answers]], reasoning_of(message.raw), by)


def refused_turn(exchange: Exchange) -> Turn:
    """The turn of a message that a harness did not carry out."""
    message = exchange.message
    return Turn(message.text, [], [[a.text for a in exchange.answers]], reasoning_of(message.raw), "harness")


def unspoken(exchanges: Sequence[Exchange], turns: Sequence[Turn]) -> list[Turn]:
    """The turns of an agent whose environment speaks as the user, where it does: what reads like a program's output is
    nobody's words, so that the turn did something in a way that was not understood."""
    pairs = list(zip(exchanges, turns, strict=True))
    if not any(turn.steps and e.answers and all(a.role == "user" for a in e.answers) for e, turn in pairs):
        return list(turns)
    return [
        replace(turn, answered_by="tool")
        if not turn.steps and turn.answered_by == "user" and not any(reads_like_words(a.text) for a in e.answers)
        else turn
        for e, turn in pairs
    ]
