"""Form `chat`: chats that no other form takes, to say what was seen in them.

They hold no action: no call, no `<function=...>` block, no block of code that something answered.
"""

from __future__ import annotations

from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import chat
from treadle.data.sources.report import DropReason
from treadle.data.sources.unread import chat_unread
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory


def matches(row: Row) -> bool:
    return chat(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    messages = chat(row.data)
    if messages is None:
        raise Rejected(DropReason.MISSING_COLUMN, "no list of messages")
    raise chat_unread("messages", [message for message in messages if isinstance(message, dict)])


FORM = Form(
    name="chat",
    description="chats without any action, which are dropped with what was seen",
    matches=matches,
    read=read,
)
