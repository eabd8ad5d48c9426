"""Form `chat`: chats that no other form takes, to say what was seen in them.

They hold no action: no call, no `<function=...>` block, no block of code that something answered.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import chat, peek
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_TAG = re.compile(r"<[|/]?([A-Za-z_][\w:-]{1,30})[^<>\n]{0,40}>")
_SHOWN = 5


def matches(row: Row) -> bool:
    return chat(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    if chat(row.data) is None:
        raise Rejected(DropReason.MISSING_COLUMN, "no list of messages")
    raise Rejected(DropReason.NO_ACTIONS, _seen(row.data))


def _seen(data: dict[str, Any]) -> str:
    roles: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    for message in peek(data):
        roles[str(message.raw.get("role") or message.raw.get("from"))] += 1
        content = message.raw.get("content", message.raw.get("value"))
        for part in content if isinstance(content, list) else ():
            kinds[str(part.get("type")) if isinstance(part, dict) else type(part).__name__] += 1
        if not message.role or message.role == "assistant":
            tags.update(set(_TAG.findall(message.text[:20_000])))
    text = f"a chat of {sum(roles.values())} messages ({_listed(roles)})"
    text += f", content of type {_listed(kinds)}" if kinds else ""
    text += f", tags {', '.join(tag for tag, _ in tags.most_common(_SHOWN))}" if tags else ", no tags"
    return f"{text}; no turn of the assistant holds a call or a command that something answered"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common(_SHOWN))


FORM = Form(
    name="chat",
    description="chats without any action, which are dropped with what was seen",
    matches=matches,
    read=read,
)
