"""Form `dataclaw`: sessions of coding agents as DataClaw exports and shares them, one a row.

Messages have `role`, `content`, `thinking` and `tool_uses`, each `{"tool", "input", "output", "status"}`. The action is
the call, rendered as `agents.calls` does, its observation the text of `output`. Where the first task ends
says `agents.sessions`.

Older exports have neither outputs nor inputs as they were, but a line of text that sums an input up. No tool consumes
that, so such rows are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.dialogue import Entry, gather
from treadle.data.sources.agents.sessions import session_trajectory
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import as_dict, chat, role_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LOOKED_AT = 40


def _uses(message: Any) -> list[Any]:
    uses = message.get("tool_uses") if isinstance(message, dict) else None
    return uses if isinstance(uses, list) and all(isinstance(use, dict) and "tool" in use for use in uses) else []


def matches(row: Row) -> bool:
    return any(map(_uses, islice(chat(row.data) or (), _LOOKED_AT)))


def _entries(messages: list[Any]) -> Iterator[Entry]:
    for index, message in enumerate(messages):
        where = f"message {index}"
        role = role_of(expect(message, dict, where))
        if role is None:
            raise Rejected(DropReason.MALFORMED, f"{where} has the role {message.get('role')!r}")
        thinking, content = message.get("thinking"), message.get("content")
        if isinstance(thinking, str) and thinking.strip():
            yield Entry("thought", thinking)
        text = expect(content, (str, type(None)), f"content of {where}") or ""
        if text or role != "assistant":
            yield Entry("said" if role == "assistant" else role, text, message=index)
        for place, use in enumerate(_uses(message)):
            yield from _call(use, f"{index}.{place}", where)


def _call(use: dict[str, Any], key: str, where: str) -> Iterator[Entry]:
    arguments = as_dict(use.get("input")) or use.get("input")
    if isinstance(arguments, str) and arguments.strip():
        detail = (
            f"{where} has a call with its input summed up as text: {arguments[:60]!r}; export again with whole inputs"
        )
        raise Rejected(DropReason.NO_TRAJECTORY, f"{detail} and outputs")
    action = render(*read_call({"name": use["tool"], "arguments": arguments}, where))
    yield Entry("call", key=key, action=action, call=as_json(use))
    output = use.get("output")
    if isinstance(output, dict) and isinstance(output.get("text"), str):
        output = output["text"]
    if output is not None:
        yield Entry("result", output if isinstance(output, str) else as_json(output, ensure_ascii=False), key=key)


def read(row: Row, options: ReadOptions) -> Trajectory:
    messages = chat(row.data)
    if not messages:
        raise Rejected(DropReason.MISSING_COLUMN, "no list of messages")
    meta = {name: row.data.get(name) for name in ("project", "git_branch") if isinstance(row.data.get(name), str)}
    return session_trajectory(row, gather(_entries(messages)), row.data.get("session_id"), None, None, meta)


FORM = Form(
    name="dataclaw",
    description="sessions of coding agents as DataClaw exports them, one a row",
    matches=matches,
    read=read,
)
