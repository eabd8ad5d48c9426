"""Form `tool-calls`: OpenAI-style chat messages in which the assistant's turns have `tool_calls`.

So come SWE-Gym's OpenHands rows, SWE-rebench's, the `tool` split of SWE-smith, and completion logs of OpenHands with
native calls. Also the older `function_call`, one a turn.

The action is the call as `treadle.data.sources.calls` renders it; `Step.call` has the source's own. The turn's text is
the thought. Where a turn has several calls, each is a step, if each has its own tool message (by `tool_call_id`); the
thought belongs to the first. Else it is open which of them were carried out, and the row is dropped. The system text
has the row's `tools` after the system message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from treadle.data.sources.calls import as_json, read_call, render, with_tools
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import Exchange, Message, as_dict, conversation_of, peek
from treadle.data.sources.report import DropReason
from treadle.data.sources.turns import Turn, assemble, beside, reasoning_of, turn_of
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LOOKED_AT = 40  # messages, in which the first call stands or none does
_MOCKED = ("raw_messages", "fncall_messages")  # OpenHands' logs have them where calls were sent as text


def has_calls(raw: dict[str, Any]) -> bool:
    return bool(raw.get("tool_calls")) or bool(raw.get("function_call"))


def calls_of(raw: dict[str, Any], where: str) -> list[Any]:
    """The calls of an assistant's message.

    Raises:
        Rejected: `tool_calls` is no list.
    """
    if raw.get("tool_calls"):
        return expect(raw["tool_calls"], list, f"tool_calls of {where}")
    return [raw["function_call"]] if raw.get("function_call") else []


def turn_of_calls(
    exchange: Exchange, calls: Sequence[Any], action: Callable[[str, dict[str, Any]], str] = render
) -> Turn:
    """The turn of a message with calls, a step for each.

    Args:
        action: What the environment consumes, from a call's name and arguments.

    Raises:
        Rejected: A call is broken, or it is open which of several were carried out.
    """
    where = exchange.where
    answers = _answers(calls, exchange.answers, where)
    text = exchange.message.text
    said = [text] + [""] * (len(calls) - 1)
    steps = [
        beside(prose, action(*read_call(call, where)), as_json(call)) for prose, call in zip(said, calls, strict=True)
    ]
    return Turn(text, steps, answers, reasoning_of(exchange.message.raw))


def _answers(calls: Sequence[Any], answers: Sequence[Message], where: str) -> list[list[str]]:
    """The texts that answered each call. What answers none of several by its id follows the last of them."""
    if len(calls) == 1:
        return [[answer.text for answer in answers]]
    place = {
        call["id"]: k for k, call in enumerate(calls) if isinstance(call, dict) and isinstance(call.get("id"), str)
    }
    texts: list[list[str]] = [[] for _ in calls]
    answered = set()
    for answer in answers:
        k = next((place[i] for i in _ids(answer.raw) if i in place), None)
        answered.add(k)
        texts[len(calls) - 1 if k is None else k].append(answer.text)
    if not answered.issuperset(range(len(calls))):
        found = len(answered - {None})
        raise Rejected(
            DropReason.SEVERAL_ACTIONS, f"{where} has {len(calls)} calls, of which {found} have a result of their own"
        )
    return texts


def _ids(raw: dict[str, Any]) -> list[str]:
    several = raw.get("tool_call_ids")  # SWE-agent's
    ids = [raw.get("tool_call_id"), *(several if isinstance(several, list) else ())]
    return [i for i in ids if isinstance(i, str)]


def matches(row: Row) -> bool:
    assistant = [m.raw for m in islice(peek(row.data), _LOOKED_AT) if m.role == "assistant"]
    if len(assistant) == 1 and any(row.data.get(name) for name in _MOCKED):
        return False
    return any(has_calls(raw) for raw in assistant)


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = conversation_of(row.data)
    turns = []
    for exchange in conversation.exchanges:
        if calls := calls_of(exchange.message.raw, exchange.where):
            turns.append(turn_of_calls(exchange, calls))
        else:
            turns.append(turn_of(exchange, []))
    tools = row.data.get("tools") or as_dict(row.data.get("kwargs")).get("tools")
    system = with_tools(conversation.system, tools)
    return assemble(row, conversation.problem, turns, system, meta=conversation.meta)


FORM = Form(
    name="tool-calls",
    description="chat messages with tool_calls (OpenAI, SWE-Gym, SWE-rebench, OpenHands logs)",
    matches=matches,
    read=read,
)
