"""Form `anthropic`: chat messages whose content has parts `tool_use` and `tool_result`, as Anthropic's API takes them.

The rules and tools are the row's `system` (text or text parts) and `tools` (with `input_schema`), or system messages.
The row may also be a request with its response, as logs of the API have them: then the response's content is the last
turn. The action is the call as `agents.calls` renders it, `Step.call` the part; the thought is the text
before it, preceded by what `thinking` parts have. Each result is the observation of the call that it names,
wherever it stands; text beside results follows the last of them. How parts become turns, and what becomes of images,
says `agents.dialogue`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from treadle.data.sources.agents.anthropic_parts import entries_of, is_call, is_result, kind_of, parts_of
from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.agents.dialogue import Entry, gather, trajectory_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import JOIN, as_dict, as_list, chat, known_role
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LOOKED_AT = 40  # messages, in which the first call stands or none does


def _request(data: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row, with those of the request that it logs."""
    if "request" not in data:
        return data
    request = as_dict(data["request"])
    request = as_dict(request.get("body")) or request
    return {**data, **request} if as_list(request.get("messages")) else data


def _messages(data: dict[str, Any]) -> list[Any]:
    messages = chat({**data, "response": None, "raw_response": None} if "response" in data else data) or []
    response = as_dict(data.get("response"))
    response = as_dict(response.get("body")) or response
    if response.get("role") == "assistant" and isinstance(response.get("content"), list):
        return [*messages, response]
    return messages


def _acts(raw: Any) -> bool:
    content = raw.get("content") if isinstance(raw, dict) else None
    if isinstance(content, str) and not content.startswith("[{"):
        return False
    return isinstance(raw, dict) and any(is_call(part) or is_result(part) for part in parts_of(raw.get("content")))


def matches(row: Row) -> bool:
    return any(_acts(raw) for raw in islice(_messages(_request(row.data)), _LOOKED_AT))


def _entries(messages: list[Any]) -> Iterator[Entry]:
    for index, raw in enumerate(messages):
        where = f"message {index}"
        role = known_role(raw, where)
        content = next((raw[key] for key in ("content", "value", "text") if raw.get(key) is not None), None)
        yield from entries_of("user" if role == "tool" else role, content, where, index)


def described(tools: Any) -> list[Any]:
    """Tools that have a description or a schema; those of the server are known to the API by their names alone."""
    entries = [
        {k: v for k, v in tool.items() if v is not None} for tool in as_list(tools) or () if isinstance(tool, dict)
    ]
    entries = [tool["toolSpec"] if isinstance(tool.get("toolSpec"), dict) else tool for tool in entries]
    return [tool for tool in entries if {"description", "input_schema", "inputSchema", "function"} & tool.keys()]


def read(row: Row, options: ReadOptions) -> Trajectory:
    data = _request(row.data)
    messages = _messages(data)
    if not messages:
        raise Rejected(DropReason.MISSING_COLUMN, "no list of messages with content parts")
    dialogue = gather(_entries(messages))
    own = [
        part if isinstance(part, str) else part.get("text")
        for part in parts_of(data.get("system"))
        if kind_of(part) or isinstance(part, str)
    ]
    dialogue.system[:0] = [text for text in own if isinstance(text, str) and text]
    system = with_tools(JOIN.join(dialogue.system) or None, described(data.get("tools")))
    return trajectory_of(row, dialogue, system)


FORM = Form(
    name="anthropic",
    description="chat with content parts tool_use and tool_result (Anthropic, AI SDK, Converse)",
    matches=matches,
    read=read,
)
