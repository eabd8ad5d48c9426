"""Form `tagged-calls`: chat in which the assistant writes its calls between tags, as Hermes and Qwen do.

Known tags are `<tool_call>`, `<function_call>`, `<|tool_call|>` and their like, `<functioncall>` up to the end of the
turn or its end token (Glaive), `[TOOL_CALLS]` (Mistral) and `<|python_tag|>` (Llama 3). Between them stands JSON;
between `<tool_call>` also a `<function=...>` block (Qwen's coder models), which is the action as it stands, or GLM's
name with `<arg_key>` and `<arg_value>`. Each call is a step; several in one turn are paired in order with as many tool
messages or `<tool_response>` blocks. Words before a call are its thought, words after the last stay in `after`.

The marks of particular models and of CodeAct (`<execute>`) are in `agents.marked_calls`. A turn without a
call may be the answer that ends the run (`<solution>`).

Calls as code, `[get_weather(city="Bonn")]` (ToolACE, Llama's Python syntax), are one action a turn in the source's own
text, because one message answers the whole list.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from treadle.data.sources.agents import xml_calls
from treadle.data.sources.agents.answers import ending
from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.agents.harness import refused
from treadle.data.sources.agents.marked_calls import marked_calls, may_act
from treadle.data.sources.agents.text_calls import Piece, enclosed, pieces, turn_of_text_calls
from treadle.data.sources.agents.turn import unspoken
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.agents.turns import Turn, assemble, refused_turn, sliced, turn_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import Exchange, conversation_of, peek
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_TAGGED = re.compile(
    r"<(?P<tag>tool_calls?|function_calls?|TOOLCALL|\|tool_calls?\|)>(?P<body>\s*(?:[\[{]|<function=|[\w.-]+\s*<arg_key>)"
    r".*?)(?:</(?P=tag)>|<\|/tool_calls?\|>|\Z)"
    r"|<functioncall>(?P<rest>\s*\{.*?)(?:</functioncall>|<\|endoftext\|>|\Z)"
    r"|(?:\[TOOL_CALLS\]|<\|python_tag\|>)(?P<bare>\s*[\[{].*?)(?:<\|eo[mt]_id\|>|</s>|\Z)",
    re.DOTALL,
)
_MARKS = (
    "<tool_call",
    "<function_call",
    "<functioncall>",
    "<TOOLCALL>",
    "<|tool_call",
    "[TOOL_CALLS]",
    "<|python_tag|>",
)
_CODE = re.compile(r"\A\s*\[\s*[A-Za-z_][\w .:/&'-]*\(.*\)\s*\]\s*\Z", re.DOTALL)
_ARGUMENT = re.compile(r"<arg_key>([^<]*)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_THINKING = ("think", "scratch_pad")
_LOOKED_AT = 40


def _calls(text: str, where: str) -> list[Piece]:
    """The calls between tags; a tag inside the reasoning is a quotation.

    Raises:
        Rejected: A call is broken.
    """
    tagged = any(mark in text for mark in _MARKS)
    if not tagged and not may_act(text):
        return []
    spoken = text
    for start, end in (span for name in _THINKING for span in enclosed(text, name)):
        spoken = spoken[:start] + " " * (end - start) + spoken[end:]
    if found := marked_calls(spoken, where):
        return found
    for match in _TAGGED.finditer(spoken):
        start, end = match.span(next(name for name in ("body", "rest", "bare") if match[name] is not None))
        body = spoken[start:end]
        if body.lstrip().startswith("<function="):
            blocks = (block for block in xml_calls.blocks(text) if start <= block.start < end)
            found += [Piece(block.start, block.end, None, {}) for block in blocks]
        elif "<arg_key>" in body:
            start += len(body) - len(body.lstrip())
            name = body[: body.index("<arg_key>")].strip()
            found.append(Piece(start, start + len(body.strip()), name, dict(map(_argument, _ARGUMENT.finditer(body)))))
        else:
            found += pieces(text, start, end, where)
    return found


def _argument(match: re.Match[str]) -> tuple[str, Any]:
    try:
        return match[1].strip(), json.loads(match[2])
    except (ValueError, RecursionError):
        return match[1].strip(), match[2]


def matches(row: Row) -> bool:
    texts = (m.text for m in islice(peek(row.data), _LOOKED_AT) if m.role == "assistant")
    return any(
        (any(mark in text for mark in _MARKS) and _TAGGED.search(text))
        or ("<parameter=" not in text and may_act(text) and _is_marked(text))
        or (text[:80].lstrip()[:1] == "[" and _CODE.match(text))
        for text in texts
    )


def _is_marked(text: str) -> bool:
    try:
        return bool(marked_calls(text, ""))
    except Rejected:
        return True


def _turn(exchange: Exchange, opening: str) -> Turn:
    try:
        return _acted(exchange, opening)
    except Rejected:
        if refused(exchange.answers, in_doubt=True):
            return refused_turn(exchange)
        raise


def _acted(exchange: Exchange, opening: str) -> Turn:
    text = exchange.message.text
    if calls := _calls(text, exchange.where):
        return turn_of_text_calls(exchange, calls)
    if _CODE.match(text):
        return turn_of(exchange, [sliced(text, 0, 0, len(text), exchange.where)])
    step = xml_calls.step_of(text, exchange.where)
    if step is None and (found := ending(without_thought(text), opening)):
        step = sliced(text, *found, exchange.where)
    return turn_of(exchange, [step] if step else [])


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = conversation_of(row.data)
    opening = f"{conversation.system or ''}\n\n{conversation.problem}"
    turns = unspoken(conversation.exchanges, [_turn(exchange, opening) for exchange in conversation.exchanges])
    own = row.data.get("system")
    system = conversation.system or (own if isinstance(own, str) and own.strip() else None)
    if "<tools>" not in (system or "") and not any(_CODE.match(turn.text) for turn in turns):
        system = with_tools(system, row.data.get("tools"))
    return assemble(row, conversation.problem, turns, system, meta=conversation.meta)


FORM = Form(
    name="tagged-calls",
    description="chat with calls between tags (Hermes, Qwen, Glaive, Mistral), or as code (ToolACE)",
    matches=matches,
    read=read,
)
