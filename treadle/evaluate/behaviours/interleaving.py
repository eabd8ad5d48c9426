"""Think blocks between parts of the visible solution: found by where the blocks stand, not by what they say.

A block is `<think>...</think>`. One that is not closed runs to the end; a closing tag without an opening one before it
ends a block that began with the text, as chat templates that open the block in the prompt give it. A solution is
interleaved if at least one block has something visible before it and after it. What counts as visible is a letter or a
digit; white space and markup alone are not a part of a solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from treadle.evaluate.behaviours.detection import Detection
from treadle.evaluate.behaviours.rules import Behaviour
from treadle.scoring.completion import CLOSE, OPEN


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


def layout(text: str) -> Layout:
    """Find the think blocks of `text`."""
    blocks = []
    at = 0
    if CLOSE in text and text.find(CLOSE) < (text.find(OPEN) if OPEN in text else len(text)):
        at = text.find(CLOSE) + len(CLOSE)
        blocks.append((0, at))
    while (start := text.find(OPEN, at)) >= 0:
        close = text.find(CLOSE, start)
        at = close + len(CLOSE) if close >= 0 else len(text)
        blocks.append((start, at))
    return Layout(text, tuple(blocks))


def detect_interleaving(text: str) -> list[Detection]:
    """The blocks of `text` that stand between two visible parts.

    Returns:
        A detection for each, whose span is the block in `text` and whose position is the share of the visible
        characters that stand before it.
    """
    found = layout(text)
    said = [any(c.isalnum() for c in part) for part in found.visible]
    lengths = [len(part) for part in found.visible]
    return [
        Detection(
            Behaviour.INTERLEAVING,
            "block between parts",
            start,
            end,
            sum(lengths[: number + 1]) / sum(lengths),
            OPEN,
        )
        for number, (start, end) in enumerate(found.blocks)
        if any(said[: number + 1]) and any(said[number + 1 :])
    ]
