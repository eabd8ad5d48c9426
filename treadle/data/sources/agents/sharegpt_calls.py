"""Form `sharegpt-calls`: chat in which a call is a message of its own, with the role `function_call` or `tool_call`.

So LLaMA-Factory has tool use (`human`, `gpt`, `function_call`, `observation`; `tools` as JSON text and `system` as
columns), ms-swift (`tool_call`, `tool_response`), and collections of agents' runs in LLaMA-Factory's form, whose calls
are `<function=...>` blocks. The call is JSON: an object, a list of several, or several messages one after the other.

LLaMA-Factory's newer form has the same as parts of a message, `{"type": "tool_call", "value": ...}` beside `text` and
`reasoning`; the reasoning goes to `meta["reasoning"]`.

What the assistant said right before a call belongs to the same turn and is its thought. In the text of a turn, words
and calls of several messages follow each other as they are; `meta["content_parts"]` has the lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.agents.text_calls import Piece, pieces, turn_of_text_calls
from treadle.data.sources.agents.turns import Turn, assemble, turn_of
from treadle.data.sources.agents.xml_calls import step_of
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import Exchange, chat, peek, split
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_CALLS = ("function_call", "function-call", "tool_call", "tool-call")
_RESULTS = ("observation", "tool_response", "tool-response", "function_response", "function-response", "tool_result")
_TEXTS = ("value", "content", "text")
_LOOKED_AT = 40  # messages, in which the first call stands or none does


def _role(raw: Any) -> str:
    role = (raw.get("from") or raw.get("role")) if isinstance(raw, dict) else None
    return role.lower() if isinstance(role, str) else ""


def _parts(raw: Any) -> list[dict[str, Any]]:
    """The parts of a message of LLaMA-Factory's newer form, none of another."""
    content = raw.get("content") if isinstance(raw, dict) else None
    if not isinstance(content, list) or not all(
        isinstance(p, dict) and isinstance(p.get("value"), str) for p in content
    ):
        return []
    return content


def matches(row: Row) -> bool:
    return any(
        _role(message.raw) in _CALLS or any(part.get("type") == "tool_call" for part in _parts(message.raw))
        for message in islice(peek(row.data), _LOOKED_AT)
    )


def _expanded(messages: list[Any]) -> Iterator[Any]:
    """The messages, parts of the newer form as messages of the older."""
    for index, raw in enumerate(messages):
        if not (parts := _parts(raw)):
            yield raw
            continue
        if strange := [
            part.get("type") for part in parts if part.get("type") not in ("text", "reasoning", "tool_call")
        ]:
            raise Rejected(DropReason.MALFORMED, f"message {index} holds a part of type {strange[0]!r}, expected text")
        reasoning = "\n\n".join(part["value"] for part in parts if part["type"] == "reasoning")
        role = _role(raw)
        if role not in ("assistant", "gpt"):
            yield {"role": role, "content": "".join(part["value"] for part in parts)}
            continue
        yield {"role": role, "content": "", "reasoning_content": reasoning or None}
        for part in parts:
            if part["type"] != "reasoning":
                yield {"role": "function_call" if part["type"] == "tool_call" else role, "content": part["value"]}


def _merged(messages: list[Any]) -> list[Any]:
    """The messages with words and calls of a turn as parts of one message, which lists the indices of its calls."""
    merged: list[Any] = []
    for index, raw in enumerate(messages):
        role = _role(raw)
        if role not in (*_CALLS, "gpt", "assistant"):
            merged.append({**raw, "from": "tool", "role": "tool"} if role in _RESULTS else raw)
            continue
        text = next((raw[key] for key in _TEXTS if raw.get(key) is not None), "")
        text = expect(text, str, f"content of message {index}")
        if not (merged and isinstance(merged[-1], dict) and "call_parts" in merged[-1]):
            merged.append({**raw, "role": "assistant", "from": "gpt", "content": [], "call_parts": []})
        if role in _CALLS:
            merged[-1]["call_parts"].append(len(merged[-1]["content"]))
        merged[-1]["content"].append(text)
    return merged


def _turn(exchange: Exchange) -> Turn:
    message = exchange.message
    found: list[Piece] = []
    start = 0
    for k, part in enumerate(message.raw["content"]):
        if k in message.raw["call_parts"]:
            if (
                "<function=" in part
                and len(message.raw["call_parts"]) == 1
                and (step := step_of(message.text, exchange.where))
            ):
                return turn_of(exchange, [step])
            closing = part.rfind("</think>")
            begin = start + (closing + len("</think>") if closing >= 0 else 0)
            found += pieces(message.text, begin, start + len(part), exchange.where)
        start += len(part)
    return turn_of_text_calls(exchange, found) if found else turn_of(exchange, [])


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = split(_merged(list(_expanded(chat(row.data) or []))))
    turns = [_turn(exchange) for exchange in conversation.exchanges]
    own = row.data.get("system")
    system = conversation.system or (own if isinstance(own, str) and own.strip() else None)
    return assemble(row, conversation.problem, turns, with_tools(system, row.data.get("tools")), meta=conversation.meta)


FORM = Form(
    name="sharegpt-calls",
    description="chat with calls as messages of their own (LLaMA-Factory's function_call, ms-swift's tool_call)",
    matches=matches,
    read=read,
)
