"""Form `tau-bench`: conversations of an agent with a simulated user and tools (tau-bench's `traj`, tau2's simulations).

Whatever the agent does is an action there: a call of a tool, or words to the user, which tau-bench itself has as its
action `respond` with the argument `content`. So every turn is a step; the user's reply, like a tool's result, is the
observation. The problem is the user's first message. What the agent said before it (tau2's greeting) is the preamble.

In tau-bench only the first call of a turn is carried out; tau2 carries out all. Turns in text (`Action:` and an object
with `name` and `arguments`) are calls too, and text that is none is a response, as tau-bench reads it. In tau2 the
simulated user has tools of its own, which the agent does not see: their calls and results are left out and counted in
`meta["passed"]`.
"""

from __future__ import annotations

import json
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render, with_tools
from treadle.data.sources.agents.text_calls import named
from treadle.data.sources.agents.tool_calls import calls_of, turn_of_calls
from treadle.data.sources.agents.turns import Turn, assemble, beside, turn_of
from treadle.data.sources.agents.turns_to_steps import HOW_TO_RESPOND, RESPOND
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import Exchange, as_dict, as_list, role_of, split
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_MARK = "Action:"


def matches(row: Row) -> bool:
    data = row.data
    column = "traj" if data.get("traj") else "messages"
    if column == "messages" and not ({"reward_info", "termination_reason"} & data.keys() and "task_id" in data):
        return False
    messages = as_list(data.get(column))
    return bool(messages) and isinstance(messages[0], dict) and "role" in messages[0]


def _step_in_text(text: str, where: str) -> Step:
    """The step of a turn in text: the call after the last `Action:`, else words to the user."""
    start = text.rfind(_MARK)
    if start >= 0:
        begin = start + len(_MARK)
        written = text[begin:].strip()
        try:
            name, arguments = named(json.loads(written), where)
        except (ValueError, RecursionError, Rejected):
            pass
        else:
            thought = text[:start].rstrip()
            begin = text.index(written, begin)
            return Step(
                render(name, arguments),
                thought=thought or None,
                before=text[len(thought) : begin],
                after=text[begin + len(written) :],
                call=written,
            )
    if not text.strip():
        raise Rejected(DropReason.EMPTY_ACTION, f"{where} has neither a call nor words to the user")
    return Step(render(RESPOND, {"content": text}), call=as_json({"name": RESPOND, "arguments": {"content": text}}))


def _turn(exchange: Exchange, first_only: bool) -> Turn:
    calls = calls_of(exchange.message.raw, exchange.where)
    if not calls:
        return turn_of(exchange, [_step_in_text(exchange.message.text, exchange.where)])
    if first_only and len(calls) > 1 and sum(answer.role == "tool" for answer in exchange.answers) <= 1:
        turn = turn_of(exchange, [])
        call = calls[0]
        turn.steps = [beside(exchange.message.text, render(*read_call(call, exchange.where)), as_json(call))]
        return turn
    return turn_of_calls(exchange, calls)


def _seen(messages: list[Any]) -> tuple[list[Any], int]:
    """The messages that the agent sees, calls and results in OpenAI's shape, and how many it does not see."""
    seen, hidden = [], 0
    for raw in messages:
        if not isinstance(raw, dict):
            seen.append(raw)
            continue
        role = role_of(raw)
        if raw.get("requestor") == "user" or (role == "user" and raw.get("tool_calls") and not raw.get("content")):
            hidden += 1
            continue
        several = as_list(raw.get("tool_messages"))  # tau2's results of parallel calls
        for message in several if role == "tool" and several else [raw]:
            if isinstance(message, dict) and role == "tool" and not message.get("tool_call_id"):
                message = {**message, "tool_call_id": message.get("id")}
            seen.append(message)
    return seen, hidden


def read(row: Row, options: ReadOptions) -> Trajectory:
    data = row.data
    first_only = bool(data.get("traj"))
    messages, hidden = _seen(as_list(data.get("traj") or data.get("messages")) or [])
    start = next((k for k, raw in enumerate(messages) if isinstance(raw, dict) and role_of(raw) == "user"), 0)
    greeting = [raw for raw in messages[:start] if isinstance(raw, dict) and role_of(raw) == "assistant"]
    conversation = split([raw for raw in messages if not any(raw is said for said in greeting)])
    turns = [_turn(exchange, first_only) for exchange in conversation.exchanges]
    info = as_dict(data.get("info"))
    meta = {
        "preamble": "\n\n".join(raw["content"] for raw in greeting if isinstance(raw.get("content"), str)) or None,
        "task": as_dict(info.get("task")) or None,
        "passed": {"messages of the user's own tools": hidden} if hidden else None,
    }
    reward = data.get("reward")
    reward = as_dict(data.get("reward_info")).get("reward") if reward is None else reward
    names = [str(data[key]) for key in ("task_id", "trial") if isinstance(data.get(key), int | str)]
    known = {**data, "reward": reward, "info": {}, "traj_id": data.get("id") or ".".join([row.source, *names])}
    system = with_tools(conversation.system, data.get("tools") or info.get("tools"))
    if any(step.action.startswith(f"<function={RESPOND}>") for turn in turns for step in turn.steps):
        system = f"{system}\n\n{HOW_TO_RESPOND}" if system else HOW_TO_RESPOND
    return assemble(row._replace(data=known), conversation.problem, turns, system, meta=conversation.meta | meta)


FORM = Form(
    name="tau-bench",
    description="an agent with a simulated user and tools (tau-bench's traj, tau2's simulations)",
    matches=matches,
    read=read,
)
