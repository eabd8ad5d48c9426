"""Read a model's output: a thought and an action, or the way in which the format was broken.

The paper's format is a monologue in `<think> </think>` followed by the action and nothing else; a broken
format earns the reward -1 (paper section 3). A bad rollout is data, so a fault is a value, not an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

OPEN, CLOSE = "<think>", "</think>"
THOUGHT = re.compile(r"<think>(.*?)(?:</think>|$)", re.DOTALL)

ThinkTags = Literal["strict", "lenient", "optional"]


class FormatFault(StrEnum):
    """Why a completion has no action that can be scored. The first that applies, in this order."""

    TRUNCATED = "truncated"
    NO_THINK_BLOCK = "no_think_block"
    SEVERAL_THINK_BLOCKS = "several_think_blocks"
    TEXT_BEFORE_THINK = "text_before_think"
    EMPTY_THOUGHT = "empty_thought"
    EMPTY_ACTION = "empty_action"


@dataclass(frozen=True)
class Completion:
    """A well-formed output. Both parts are stripped of surrounding white space."""

    thought: str
    action: str


def parse_completion(
    text: str, *, truncated: bool = False, think_tags: ThinkTags = "strict"
) -> Completion | FormatFault:
    """Split `text` into thought and action.

    Args:
        text: The decoded completion, without end-of-sequence tokens.
        truncated: The token limit cut the completion off, so that its action cannot be complete.
        think_tags: `"strict"` wants exactly one non-empty block, at the beginning. `"lenient"` allows an
            empty thought, text before the block and a missing `<think>`, as chat templates that open the
            block in the prompt give it. `"optional"` also takes text without any block as an action.

    Returns:
        A `Completion`, or the first `FormatFault` that applies.

    Raises:
        ValueError: `think_tags` is none of the three.
    """
    if think_tags not in ("strict", "lenient", "optional"):
        raise ValueError(f"think_tags={think_tags!r}: expected 'strict', 'lenient' or 'optional'")
    strict = think_tags == "strict"
    if truncated:
        return FormatFault.TRUNCATED
    opened, closed = text.count(OPEN), text.count(CLOSE)
    if opened == closed == 0 and think_tags == "optional":
        return Completion("", text.strip()) if text.strip() else FormatFault.EMPTY_ACTION
    if opened > 1 or closed > 1:
        return FormatFault.SEVERAL_THINK_BLOCKS
    if closed == 0 or (opened == 0 and strict) or (opened and text.index(OPEN) > text.index(CLOSE)):
        return FormatFault.NO_THINK_BLOCK
    head, action = text.split(CLOSE)
    before, thought = head.split(OPEN) if opened else ("", head)
    if strict and before.strip():
        return FormatFault.TEXT_BEFORE_THINK
    if strict and not thought.strip():
        return FormatFault.EMPTY_THOUGHT
    if not action.strip():
        return FormatFault.EMPTY_ACTION
    return Completion(thought.strip(), action.strip())


def thoughts(text: str) -> list[str]:
    """Contents of all think blocks of `text`; an unclosed one runs to the end."""
    return [thought.strip() for thought in THOUGHT.findall(text)]
