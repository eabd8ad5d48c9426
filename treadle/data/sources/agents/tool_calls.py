"""Form `tool-calls`: OpenAI-style chat messages in which the assistant's turns have `tool_calls`.

So come SWE-Gym's OpenHands rows, SWE-rebench's, the `tool` split of SWE-smith, and completion logs of OpenHands with
native calls. Also the older `function_call`, one a turn.

The action is the call as `agents.calls` renders it; `Step.call` has the source's own. The turn's text is
the thought. Where a turn has several calls, each is a step, if each has its own result
(`agents.call_turns`); the thought belongs to the first. Else it is open which of them were carried out,
and the row is dropped. The system text has the row's `tools` after the system message. A turn that acts in another way
is read as `agents.acting` says.
"""

from __future__ import annotations

from itertools import islice

from treadle.data.sources.agents.acting import read_chat
from treadle.data.sources.agents.call_turns import calls_of, has_calls, turn_of_calls
from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import as_dict, conversation_of, peek
from treadle.files.rows import Row
from treadle.trajectory import Trajectory

__all__ = ["FORM", "calls_of", "has_calls", "matches", "read", "turn_of_calls"]

_LOOKED_AT = 40  # messages, in which the first call stands or none does
_MOCKED = ("raw_messages", "fncall_messages")  # OpenHands' logs have them where calls were sent as text


def matches(row: Row) -> bool:
    assistant = [m.raw for m in islice(peek(row.data), _LOOKED_AT) if m.role == "assistant"]
    if len(assistant) == 1 and any(row.data.get(name) for name in _MOCKED):
        return False
    return any(has_calls(raw) for raw in assistant)


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = conversation_of(row.data)
    tools = row.data.get("tools") or as_dict(row.data.get("kwargs")).get("tools")
    return read_chat(row, conversation, with_tools(conversation.system, tools))


FORM = Form(
    name="tool-calls",
    description="chat messages with tool_calls (OpenAI, SWE-Gym, SWE-rebench, OpenHands logs)",
    matches=matches,
    read=read,
)
