"""Read a model's output: a thought and an action, or the way in which the format was broken.

The paper's format is a monologue in `<think> </think>` followed by the action and nothing else; a broken
format earns the reward -1 (paper section 3). A bad rollout is data, so a fault is a value, not an exception.
Other tags, and what a chat template has done with them in the prompt, are `treadle.scoring.thoughts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags

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
    text: str, *, truncated: bool = False, think_tags: ThinkTags = "strict", thought_tags: ThoughtTags = PLAIN
) -> Completion | FormatFault:
    """Split `text` into thought and action.

    Args:
        text: The decoded completion, without end-of-sequence tokens.
        truncated: The token limit cut the completion off, so that its action cannot be complete.
        think_tags: `"strict"` wants exactly one non-empty block, at the beginning. `"lenient"` allows an
            empty thought, text before the block and a missing or repeated opening tag. `"optional"` also takes text
            without any block as an action.
        thought_tags: The tags. Where the prompt has opened the block, the text begins with the thought, and an opening
            tag in it is one too many. Where the prompt has closed it, nothing can be asked of the thought: the text is
            the action.

    Returns:
        A `Completion`, or the first `FormatFault` that applies.

    Raises:
        ValueError: `think_tags` is none of the three.
    """
    if think_tags not in ("strict", "lenient", "optional"):
        raise ValueError(f"think_tags={think_tags!r}: expected 'strict', 'lenient' or 'optional'")
    strict, block = think_tags == "strict", thought_tags.block
    opening, closing = thought_tags.pair
    if truncated:
        return FormatFault.TRUNCATED
    if block is Block.OPENED:
        text = opening + text if strict else thought_tags.restored(text)
    opened, closed = text.count(opening), text.count(closing)
    if opened == closed == 0 and (think_tags == "optional" or block is Block.CLOSED):
        return Completion("", text.strip()) if text.strip() else FormatFault.EMPTY_ACTION
    if opened > 1 or closed > 1 or (block is Block.CLOSED and strict):
        return FormatFault.SEVERAL_THINK_BLOCKS
    if closed == 0 or (opened == 0 and strict) or (opened and text.index(opening) > text.index(closing)):
        return FormatFault.NO_THINK_BLOCK
    head, action = text.split(closing)
    before, thought = head.split(opening) if opened else ("", head)
    if strict and before.strip():
        return FormatFault.TEXT_BEFORE_THINK
    if strict and not thought.strip():
        return FormatFault.EMPTY_THOUGHT
    if not action.strip():
        return FormatFault.EMPTY_ACTION
    return Completion(thought.strip(), action.strip())
