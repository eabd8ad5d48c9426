"""Form `fenced`: chat in which every turn of the assistant holds a command between lines of three backticks.

So comes the `ticks` split of SWE-smith, and whatever else lets a model act by plain text. The action is the text inside
the fence, without the white space around it; the prose before the fence is the thought, what follows the fence stays in
`Step.after`. Fences are read as `agents.fences` says, also where a few turns act in another way
(`agents.acting`).

SWE-agent takes the last of several blocks for the action and the others for prose. Here it is not known whose rule
holds, so the action is the block that has the label which turns with a single block have; if it is not exactly one, the
row is dropped.

A chat with a person about code looks alike. Whether the blocks were carried out, `agents.executed` tells
by what answered them; where they were not, the row is dropped. One question with one answer is not of this form,
because nothing answers the block.
"""

from __future__ import annotations

from itertools import pairwise

from treadle.data.sources.agents.acting import read_chat
from treadle.data.sources.agents.fences import Block, blocks, step_of
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import conversation_of, peek
from treadle.files.rows import Row
from treadle.trajectory import Trajectory

__all__ = ["FORM", "Block", "blocks", "matches", "read", "step_of"]


def matches(row: Row) -> bool:
    return any(
        first.role == "assistant"
        and then.role in ("user", "tool")
        and "```" in first.text
        and bool(blocks(without_thought(first.text)))
        for first, then in pairwise(peek(row.data))
    )


def read(row: Row, options: ReadOptions) -> Trajectory:
    return read_chat(row, conversation_of(row.data))


FORM = Form(
    name="fenced",
    description="chat messages with one fenced command a turn (SWE-smith's ticks, any agent that acts by text)",
    matches=matches,
    read=read,
)
