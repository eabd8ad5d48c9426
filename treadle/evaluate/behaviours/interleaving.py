"""Think blocks between parts of the visible solution: found by where the blocks stand, not by what they say.

A block is `<think>...</think>`, or what the run's tags are. One that is not closed runs to the end; a closing tag
without an opening one before it ends a block that began with the text. A solution is interleaved if at least one block
has something visible before it and after it. What counts as visible is a letter or a digit; white space and markup
alone are not a part of a solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from treadle.evaluate.behaviours.detection import Detection
from treadle.evaluate.behaviours.rules import Behaviour
from treadle.scoring.thoughts import PLAIN, ThoughtTags
from treadle.scoring.thoughts import blocks as blocks_of


@dataclass(frozen=True)
class Layout:
    """Where the think blocks of a text stand.

    Args:
        text: The text.
        blocks: For each block where it begins and ends, tags included.
    """

    text: str
    blocks: tuple[tuple[int, int], ...]

    @property
    def visible(self) -> tuple[str, ...]:
        """The text before, between and behind the blocks: one part more than there are blocks."""
        edges = [0, *(edge for block in self.blocks for edge in block), len(self.text)]
        return tuple(self.text[low:high] for low, high in list(pairwise(edges))[::2])


def layout(text: str, thought_tags: ThoughtTags = PLAIN) -> Layout:
    """Find the think blocks of `text`."""
    return Layout(text, tuple(blocks_of(text, thought_tags)))


def detect_interleaving(text: str, thought_tags: ThoughtTags = PLAIN) -> list[Detection]:
    """The blocks of `text` that stand between two visible parts.

    Returns:
        A detection for each, whose span is the block in `text` and whose position is the share of the visible
        characters that stand before it.
    """
    found = layout(text, thought_tags)
    said = [any(c.isalnum() for c in part) for part in found.visible]
    lengths = [len(part) for part in found.visible]
    return [
        Detection(
            Behaviour.INTERLEAVING,
            "block between parts",
            start,
            end,
            sum(lengths[: number + 1]) / sum(lengths),
            thought_tags.open,
        )
        for number, (start, end) in enumerate(found.blocks)
        if any(said[: number + 1]) and any(said[number + 1 :])
    ]
