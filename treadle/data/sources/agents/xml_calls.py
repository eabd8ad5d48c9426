"""Form `xml-calls`: chat messages in which the assistant's turns hold a call as `<function=...><parameter=...>`.

So come SWE-smith's trajectories, the paper's data set, and OpenHands' data for models without native calls. The action
is the block verbatim, the prose before it the thought, the observation the next message verbatim, with prefixes such as
`OBSERVATION:`. Where a block begins and ends, `agents.xml_blocks` says.

The model's answer in a completion log of OpenHands ends where a stop sequence cut it off; where it ends because of the
token limit its block is not taken to be complete. It may hold a native call, which `agents.calls`
renders. A turn that acts in yet another way is read as `agents.acting` says.
"""

from __future__ import annotations

from treadle.data.sources.agents.acting import read_chat
from treadle.data.sources.agents.call_turns import has_calls
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.agents.xml_blocks import FUNCTION, blocks, step_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import conversation_of, peek
from treadle.files.rows import Row
from treadle.trajectory import Trajectory

__all__ = ["FORM", "blocks", "matches", "read", "step_of"]


def matches(row: Row) -> bool:
    return any(m.role == "assistant" and (_calls_by_text(m.text) or has_calls(m.raw)) for m in peek(row.data))


def _calls_by_text(text: str) -> bool:
    return "<function=" in text and FUNCTION.search(without_thought(text)) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    return read_chat(row, conversation_of(row.data))


FORM = Form(
    name="xml-calls",
    description="chat messages with <function=...> blocks (SWE-smith, OpenHands without native calls)",
    matches=matches,
    read=read,
)
