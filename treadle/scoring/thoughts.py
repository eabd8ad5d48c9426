"""Where a thought begins and ends in what a model writes.

`ThoughtTags` names the two tags, and what the prompt has already done with the first block: chat templates of reasoning
models open it at the end of the prompt, so that a completion begins inside the thought, or put an empty one there, so
that nothing is left to think. It is resolved once for a tokenizer (`treadle.chat.thoughts`); the default is the paper's
format, in which the model writes both tags itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from treadle.errors import RecipeError


class Block(StrEnum):
    """What the prompt has done with the first think block before the completion begins."""

    NONE = "none"
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True)
class ThoughtTags:
    """The tags around a thought.

    Args:
        open, close: As text.
        block: What the prompt holds of the first block.

    Raises:
        ValueError: A tag is empty, has white space around it, or contains the other.
    """

    open: str = "<think>"
    close: str = "</think>"
    block: Block = Block.NONE

    def __post_init__(self) -> None:
        object.__setattr__(self, "block", Block(self.block))
        for tag in (self.open, self.close):
            if not isinstance(tag, str) or not tag or tag != tag.strip():
                raise ValueError(f"thought_tags: found {tag!r}; expected a text without white space around it")
            if any("\ud800" <= character <= "\udfff" for character in tag):  # which no tokenizer takes
                raise ValueError(f"thought_tags: found {tag!r}; expected characters, not halves of them (surrogates)")
        if self.open in self.close or self.close in self.open:
            raise ValueError(f"thought_tags: {self.open!r}, {self.close!r}: expected two, neither within the other")

    @property
    def pair(self) -> tuple[str, str]:
        return self.open, self.close

    @property
    def can_think(self) -> bool:
        """Whether a completion can hold the paper's format: not where the prompt has closed the block."""
        return self.block is not Block.CLOSED

    @property
    def pattern(self) -> re.Pattern[str]:
        """A block with its thought as the group; one that is not closed runs to the end."""
        return _pattern(*self.pair)

    def after(self, prompt: str) -> ThoughtTags:
        """These tags where a completion follows `prompt`, a prompt's text: its end opens a block, closes an empty one,
        or does neither."""
        end = prompt.rstrip()
        if end.endswith(self.open):
            return replace(self, block=Block.OPENED)
        inside = end.removesuffix(self.close)
        is_empty = inside != end and inside.rstrip().endswith(self.open)
        return replace(self, block=Block.CLOSED if is_empty else Block.NONE)

    def of_prompt(self, prompt: Any) -> ThoughtTags:
        """These tags for one row. A prompt that is text is not rendered by a chat template and says itself what it
        holds of the block. One whose last message is an assistant's is continued there, after a block that the template
        opens; one that the template closes stays closed."""
        if isinstance(prompt, str):
            return self.after(prompt)
        if self.block is Block.OPENED and prompt and prompt[-1].get("role") == "assistant":
            return self.after(prompt[-1]["content"])
        return self

    def written(self, thought: str | None, action: str, first: bool = True) -> str:
        """A step as the model is to write it.

        Args:
            thought: `None` or empty for none.
            first: Whether the completion begins with it, so that it continues what the prompt holds of the block.
        """
        if first and self.block is Block.OPENED:
            return f"{thought or ''}{self.close}{action}"
        return f"{self.open}{thought}{self.close}{action}" if thought else action

    def restored(self, text: str) -> str:
        """`text` with the opening tag that the prompt holds, or that is missing before a closing one."""
        if self.block is Block.OPENED:
            return text if text.lstrip().startswith(self.open) else self.open + text
        close = text.find(self.close)
        return self.open + text if close >= 0 and self.open not in text[:close] else text

    def to_json(self) -> list[str]:
        """The tags, as a list; what the prompt does with them belongs to its template."""
        return list(self.pair)

    @classmethod
    def from_json(cls, value: Any) -> ThoughtTags:
        """From what `to_json` gave.

        Raises:
            ValueError: It is no pair of tags.
        """
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError(f'thought_tags: found {value!r}; expected two texts, such as ["<think>", "</think>"]')
        return cls(*value)


@cache
def _pattern(opening: str, closing: str) -> re.Pattern[str]:
    # Runs of characters that cannot begin the closing tag are taken at once: several times quicker than one by one.
    first, close = re.escape(closing[0]), re.escape(closing)
    return re.compile(f"{re.escape(opening)}((?:[^{first}]++|(?!{close}){first})*+)(?:{close}|\\Z)")


PLAIN = ThoughtTags()
"""The paper's format: the model writes `<think>` and `</think>`."""


def tags_of_pair(pair: Sequence[str] | None) -> ThoughtTags:
    """The tags of a setting; `None` for the paper's.

    Raises:
        RecipeError: It is no pair of tags.
    """
    try:
        return PLAIN if pair is None else ThoughtTags.from_json(pair)
    except ValueError as error:
        raise RecipeError(str(error)) from None


TagsOfRows = ThoughtTags | Sequence[ThoughtTags]
"""Of all rows, or of each."""


def tags_of_rows(tags: TagsOfRows, rows: int) -> list[ThoughtTags]:
    """Those of each row."""
    return [tags] * rows if isinstance(tags, ThoughtTags) else list(tags)


def blocks(text: str, tags: ThoughtTags = PLAIN) -> list[tuple[int, int]]:
    """Where the think blocks of `text` stand, tags included: an unclosed one runs to the end, an unopened one began
    with the text."""
    whole = tags.restored(text)
    shift = len(whole) - len(text)
    return [(max(0, found.start() - shift), found.end() - shift) for found in tags.pattern.finditer(whole)]


def thoughts(text: str, tags: ThoughtTags = PLAIN) -> list[str]:
    """Contents of the `blocks` of `text`."""
    return [thought.strip() for thought in tags.pattern.findall(tags.restored(text))]


def without_thoughts(text: str, tags: ThoughtTags = PLAIN) -> str:
    """What stands outside of think blocks, with a line break for each block."""
    return tags.pattern.sub("\n", tags.restored(text))
