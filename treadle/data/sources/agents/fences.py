"""Blocks between lines of three backticks, which are the actions of agents that act by plain text.

Fences are read as SWE-agent reads them: a fence stands at the start of a line with nothing but a label after it; a
fence without label closes the block that was opened last, one with a label opens a block, also inside another, and only
the outermost blocks count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from treadle.data.sources.agents.turn import sliced
from treadle.trajectory import Step

_FENCE = re.compile(r"^```(\S*)[^\S\n]*$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: where its opening line, its content and its closing line begin."""

    label: str
    start: int
    content: int
    close: int


def blocks(text: str) -> list[Block]:
    """The outermost fenced blocks of a text."""
    found: list[Block] = []
    first, depth = None, 0
    for fence in _FENCE.finditer(text):
        if not depth:
            first, depth = fence, 1
        elif fence[1]:
            depth += 1
        else:
            depth -= 1
            if not depth:
                found.append(Block(first[1], first.start(), first.end() + 1, fence.start()))
    return found


def step_of(text: str, block: Block, where: str) -> Step:
    return sliced(text, block.start, block.content, block.close, where)
