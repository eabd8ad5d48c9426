"""Form `langchain`: messages and agent logs as LangChain and LangGraph write them.

Messages are `{"type": "ai", "content": ...}` (a state of LangGraph), `{"type": "ai", "data": {...}}`
(`messages_to_dict`) or `{"lc": 1, "id": [..., "AIMessage"], "kwargs": {...}}` (`dumps`), in a column of the row or of
its state (`values`, `output`, `outputs`, `state`, `result`). Calls are `tool_calls` of `name`, `args` and `id`, else
those of `additional_kwargs`. They are read as `agents.tool_calls` reads OpenAI's.

An agent executor's result is `input`, `intermediate_steps` of pairs of action and observation, and `output`. The
thought is the action's `log` up to the line that names the action. Also ToolAlpaca's rows, whose actions are lists.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render, with_tools
from treadle.data.sources.agents.tool_calls import calls_of, turn_of_calls
from treadle.data.sources.agents.turns import Turn, assemble, beside, refused_turn, turn_of
from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import as_dict, as_list, split
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_STATES = ("values", "output", "outputs", "state", "result", "channel_values")
_COLUMNS = ("messages", "chat_history", "history", "conversation", "trajectory")
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}
_THOUGHT_PARTS = ("thinking", "reasoning")
_CALL_PARTS = ("tool_use", "tool_call", "function_call", "server_tool_use", "input_json_delta", "redacted_thinking")
_LOG_ACTION = re.compile(r"^\s*(?:Action\s*(?:\d+\s*)?:|Invoking: )", re.MULTILINE)


def _kind(raw: Any) -> str | None:
    """`human`, `ai` and their like, if `raw` is a message of LangChain."""
    if not isinstance(raw, dict) or "role" in raw:
        return None
    if isinstance(raw.get("kwargs"), dict) and isinstance(raw.get("id"), list) and raw["id"]:
        kind = str(raw["id"][-1])
    elif isinstance(raw.get("type"), str) and ("content" in raw or isinstance(raw.get("data"), dict)):
        kind = raw["type"]
    else:
        return None
    kind = kind.lower().removesuffix("chunk").removesuffix("message")
    if kind == "chat":
        role = _fields(raw).get("role")
        kind = {"user": "human", "assistant": "ai"}.get(role, role) if isinstance(role, str) else kind
    return kind if kind in _ROLES or kind == "remove" else None


def _fields(raw: dict[str, Any]) -> dict[str, Any]:
    for key in ("kwargs", "data"):
        if isinstance(raw.get(key), dict):
            return raw[key]
    return raw


def _messages(data: dict[str, Any]) -> list[Any] | None:
    for holder in (data, *(as_dict(data.get(name)) for name in _STATES if name in data)):
        for column in _COLUMNS:
            messages = as_list(holder.get(column)) if column in holder else None
            if messages and _kind(messages[0]):
                return messages
    return None


def matches(row: Row) -> bool:
    return _intermediate(row.data) is not None or _messages(row.data) is not None


def _intermediate(data: dict[str, Any]) -> list[Any] | None:
    for holder in (data, as_dict(data.get("output")), as_dict(data.get("outputs"))):
        steps = as_list(holder.get("intermediate_steps")) if "intermediate_steps" in holder else None
        if steps and isinstance(steps[0], list) and len(steps[0]) == 2:
            return steps
    return None


def _converted(raw: Any, index: int) -> dict[str, Any] | None:
    """A message with OpenAI's keys; `None` for one that only removes others."""
    kind = _kind(raw)
    if kind is None:
        found = as_dict(raw).get("type") or ", ".join(map(str, as_dict(raw))) or type(raw).__name__
        raise Rejected(DropReason.MALFORMED, f"message {index} is no message of LangChain's: found {found}")
    if kind == "remove":
        return None
    fields = _fields(raw)
    message = {"role": _ROLES[kind], "content": fields.get("content"), "tool_call_id": fields.get("tool_call_id")}
    reasoning = as_dict(fields.get("additional_kwargs")).get("reasoning_content")
    if isinstance(message["content"], list):
        parts = message["content"]
        kinds = [part.get("type") if isinstance(part, dict) else "text" for part in parts]
        thinking = [p.get(k) for p, k in zip(parts, kinds, strict=True) if k in _THOUGHT_PARTS]
        reasoning = reasoning or "\n\n".join(t for t in thinking if isinstance(t, str)) or None
        dropped = (*_THOUGHT_PARTS, *_CALL_PARTS)
        message["content"] = [p for p, k in zip(parts, kinds, strict=True) if k not in dropped]
    if kind == "ai":
        extra = as_dict(fields.get("additional_kwargs"))
        calls = as_list(fields.get("tool_calls")) or as_list(extra.get("tool_calls"))
        calls = calls or ([extra["function_call"]] if extra.get("function_call") else None)
        message |= {"tool_calls": calls, "reasoning_content": reasoning}
        message["invalid_tool_calls"] = as_list(fields.get("invalid_tool_calls"))
    return message


def _openai(call: Any) -> Any:
    if isinstance(call, dict) and "args" in call and "arguments" not in call and "function" not in call:
        return {"name": call.get("name"), "arguments": call["args"], "id": call.get("id")}
    return call


def read(row: Row, options: ReadOptions) -> Trajectory:
    if (steps := _intermediate(row.data)) is not None:
        return _read_executor(row, steps)
    messages = _messages(row.data)
    if messages is None:
        raise Rejected(DropReason.MISSING_COLUMN, "neither messages of LangChain's nor intermediate_steps")
    converted = [message for k, raw in enumerate(messages) if (message := _converted(raw, k)) is not None]
    conversation = split(converted)
    turns = []
    for exchange in conversation.exchanges:
        own = calls_of(exchange.message.raw, exchange.where)
        if not own:
            invalid = exchange.message.raw.get("invalid_tool_calls")  # whose arguments LangChain could not parse
            turns.append(refused_turn(exchange) if invalid else turn_of(exchange, []))
            continue
        turn = turn_of_calls(exchange, [_openai(call) for call in own])
        turn.steps = [replace(step, call=as_json(call)) for step, call in zip(turn.steps, own, strict=True)]
        turns.append(turn)
    return assemble(
        row,
        conversation.problem,
        turns,
        with_tools(conversation.system, row.data.get("tools")),
        meta=conversation.meta,
    )


def _action(raw: Any, where: str) -> tuple[str, dict[str, Any], str]:
    """Tool, arguments and log of an action."""
    if isinstance(raw, list) and len(raw) in (2, 3):  # ToolAlpaca
        raw = dict(zip(("tool", "tool_input", "log"), raw, strict=False))
    if isinstance(raw, str):
        detail = f"{where}: an action as Python's text, {raw[:60]!r}; write it with dumps of langchain_core.load"
        raise Rejected(DropReason.MALFORMED, detail)
    fields = _fields(expect(raw, dict, where))
    given, log = fields.get("tool_input"), fields.get("log")
    if isinstance(given, str):
        parsed = as_dict(given)
        given = parsed or ({"input": given} if given.strip() not in ("", "{}") else {})
    name, arguments = read_call({"name": fields.get("tool"), "arguments": given}, where)
    return name, arguments, log if isinstance(log, str) else ""


def _read_executor(row: Row, steps: list[Any]) -> Trajectory:
    turns = []
    for number, pair in enumerate(steps, 1):
        where = f"intermediate step {number}"
        if not isinstance(pair, list) or len(pair) != 2:
            raise Rejected(DropReason.MALFORMED, f"{where} is no pair of action and observation")
        name, arguments, log = _action(pair[0], where)
        begin = _LOG_ACTION.search(log)
        said = log[: begin.start()] if begin else ""
        observation = pair[1] if isinstance(pair[1], str) else as_json(pair[1], ensure_ascii=False)
        turns.append(Turn(said, [beside(said, render(name, arguments), as_json(pair[0]))], [[observation]]))
    holder = next((h for h in (row.data, *(as_dict(row.data.get(n)) for n in _STATES)) if "input" in h), row.data)
    question = as_dict(holder.get("input")).get("input", holder.get("input"))
    if not isinstance(question, str) and (column := first_text(row.data, PROBLEM_NAMES)):
        question = row.data[column]
    final = as_dict(row.data.get("output")).get("output", row.data.get("output"))
    meta = {"epilogue": final if isinstance(final, str) and final else None}
    return assemble(row, question if isinstance(question, str) else "", turns, meta=meta)


FORM = Form(
    name="langchain",
    description="messages of LangChain and LangGraph, or an agent executor's intermediate_steps",
    matches=matches,
    read=read,
)
