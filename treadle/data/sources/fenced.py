"""Form `fenced`: chat in which every turn of the assistant holds a command between lines of three backticks.

So comes the `ticks` split of SWE-smith, and whatever else lets a model act by plain text. The action is the text inside
the fence, without the white space around it; the prose before the fence is the thought, what follows the fence stays in
`Step.after`.

Fences are read as SWE-agent reads them: a fence stands at the start of a line with nothing but a label after it; a
fence without label closes the block that was opened last, one with a label opens a block, also inside another, and only
the outermost blocks count. SWE-agent takes the last block for the action and the others for prose. Here it is not known
whose rule holds, so of several blocks the action is the one that has the label which turns with a single block have; if
it is not exactly one, the row is dropped.

Any chat of several turns in which the assistant always answers with a block of code is taken for this form; that its
blocks are commands is not checked. One question with one answer is not, because nothing answers the block.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import conversation_of, peek
from treadle.data.sources.report import DropReason
from treadle.data.sources.turns import assemble, sliced, turn_of
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

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


def matches(row: Row) -> bool:
    return any(
        first.role == "assistant" and then.role in ("user", "tool") and "```" in first.text and bool(blocks(first.text))
        for first, then in pairwise(peek(row.data))
    )


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = conversation_of(row.data)
    found = [blocks(exchange.message.text) for exchange in conversation.exchanges]
    labels = Counter(several[0].label for several in found if len(several) == 1)
    label = labels.most_common(1)[0][0] if labels else None
    turns = []
    for exchange, several in zip(conversation.exchanges, found, strict=True):
        text = exchange.message.text
        chosen = several if len(several) == 1 else [block for block in several if block.label == label]
        if several and len(chosen) != 1:
            raise Rejected(
                DropReason.SEVERAL_ACTIONS, f"{exchange.where} has {len(several)} fenced blocks: {text[:80]!r}"
            )
        turns.append(turn_of(exchange, [step_of(text, block, exchange.where) for block in chosen]))
    return assemble(row, conversation.problem, turns, conversation.system, meta=conversation.meta)


FORM = Form(
    name="fenced",
    description="chat messages with one fenced command a turn (SWE-smith's ticks, any agent that acts by text)",
    matches=matches,
    read=read,
)
