"""Form `swe-agent`: SWE-agent's `.traj` documents, and rows of nebius' data set of its runs.

A document has a `trajectory` of `{action, observation, thought, response}` or, if it is for demonstration, only a
`history` of messages with `thought` and `action`. The action is the field `action`, without the white space around it,
whichever parser made it of the response: a fenced block, `<command>` tags, a function call. The observation is the
field `observation` verbatim; without `trajectory` it is the next message, which also has the lines about the open file
that the model saw. System text and problem come from the history; a demonstration is kept apart (see `messages`).

Where the action is a piece of the response, the step is cut out of it; else `Step.call` has the call: the history's
`tool_calls` where it has them, else `{"action": ...}`. A last entry without action, with which SWE-agent notes why it
stopped, is the epilogue.

Nebius rows are the messages of such runs (`trajectory` with roles `ai`, `user`, `system` and text under `text`). Their
turns are prose and fenced block; as in SWE-agent, the last block is the action.

The documents do not name their repository. It is taken from the id of the task in `replay_config`, or from a file that
is named after its task, as SWE-agent does.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from treadle.data.sources.agents import fences
from treadle.data.sources.agents.calls import as_json
from treadle.data.sources.agents.harness import is_refusal
from treadle.data.sources.agents.turn import unspoken
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.agents.turns import Turn, assemble, reasoning_of, turn_of
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import Conversation, Exchange, as_dict, as_list, split
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_WORD = r"[A-Za-z0-9.]+(?:[_-][A-Za-z0-9.]+)*"
_TASK = re.compile(rf"{_WORD}__{_WORD}(?:-\d+|\.[0-9a-f]{{8}}\.\S+)")  # SWE-bench's ids and SWE-smith's
_MARKUP = re.compile(r"\s*(?:```\S*[^\S\n]*\n|<[^<>\s]*>)?\s*")
_LONGEST_MARKUP = 100


def located(response: str, thought: str, action: str, call: Any) -> Step:
    """The step of a response whose thought and action SWE-agent has parsed.

    Args:
        action: Not blank.
        call: What stands for the call where the action is not a piece of the response.
    """
    core = action.strip()
    prose = _common(response, thought)
    at = response.find(core, prose, prose + _LONGEST_MARKUP + len(core))
    while at >= 0:
        if _MARKUP.fullmatch(response, prose, at):
            kept = response[:prose].rstrip()
            return Step(core, thought=kept or None, before=response[len(kept) : at], after=response[at + len(core) :])
        at = response.find(core, at + 1, prose + _LONGEST_MARKUP + len(core))
    if response[:prose].strip() != thought.strip():
        prose = len(response)
    kept = response[:prose].rstrip()
    return Step(
        core, thought=kept or None, before=response[len(kept) : prose], after=response[prose:], call=as_json(call)
    )


def _common(response: str, thought: str) -> int:
    """Where the thought ends in the response. Parsers may strip it, or join to it what comes after the action."""
    if response.startswith(thought):
        return len(thought)
    start = len(response) - len(response.lstrip())
    thought = thought.lstrip()
    if response.startswith(thought, start):
        return start + len(thought)
    low, high = 0, min(len(thought), len(response) - start)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if response.startswith(thought[:middle], start) else (low, middle - 1)
    return start + low if low else 0


def _turn(entry: dict[str, Any], number: int, of: int, answers: list[str], tool_calls: Any) -> Turn:
    """The turn of an entry of `trajectory`, or of one of `history` under the same keys."""
    where = f"turn {number}"
    texts = {key: expect(entry.get(key), (str, type(None)), f"{key} of {where}") for key in ("response", "thought")}
    action = expect(entry.get("action"), str, f"action of {where}")
    thought = texts["thought"] or ""
    response = thought if texts["response"] is None else texts["response"]
    if not action.strip():
        refusal = bool(answers) and all(map(is_refusal, answers))
        if number < of and not refusal:
            raise Rejected(DropReason.EMPTY_ACTION, f"{where}: {response[:80]!r}")
        return Turn(response, [], [answers], reasoning_of(entry), "harness" if refusal else "user")
    calls = as_list(tool_calls) or []
    call = calls[0] if len(calls) == 1 else {"action": action, **({"tool_calls": calls} if calls else {})}
    return Turn(response, [located(response, thought, action, call)], [answers], reasoning_of(entry))


def _calls(trajectory: list[Any], conversation: Conversation) -> list[Any]:
    """The `tool_calls` of each entry, found in the history by the action; both have the same order, with gaps."""
    raws = [exchange.message.raw for exchange in conversation.exchanges]
    found, position = [], 0
    for entry in trajectory:
        near = range(position, min(position + 5, len(raws)))
        k = next((k for k in near if isinstance(entry, dict) and raws[k].get("action") == entry.get("action")), None)
        found.append(None if k is None else raws[k].get("tool_calls"))
        position = position if k is None else k + 1
    return found


def _read_trajectory(data: dict[str, Any]) -> tuple[Conversation, list[Turn]]:
    trajectory = as_list(data["trajectory"]) or []
    first = expect(trajectory[0], dict, "entry 0 of trajectory")
    conversation = split(as_list(data.get("history")) or as_list(first.get("query")) or [])
    turns = []
    for number, (entry, calls) in enumerate(zip(trajectory, _calls(trajectory, conversation), strict=True), 1):
        observation = expect(entry, dict, f"turn {number}").get("observation")
        expect(observation, (str, type(None)), f"observation of turn {number}")
        answers = [] if observation is None else [observation]
        turns.append(_turn(entry, number, len(trajectory), answers, entry.get("tool_calls") or calls))
    return conversation, turns


def _read_history(data: dict[str, Any]) -> tuple[Conversation, list[Turn]]:
    conversation = split(as_list(data.get("history")) or [])
    turns = []
    for exchange in conversation.exchanges:
        raw = exchange.message.raw
        entry = raw | {"response": exchange.message.text}
        answers = [answer.text for answer in exchange.answers]
        turns.append(_turn(entry, exchange.number, len(conversation.exchanges), answers, raw.get("tool_calls")))
    return conversation, turns


def _read_nebius(data: dict[str, Any]) -> tuple[Conversation, list[Turn]]:
    conversation = split(as_list(data["trajectory"]) or [])
    exchanges = conversation.exchanges
    return conversation, unspoken(exchanges, [_fenced_turn(exchange) for exchange in exchanges])


def _fenced_turn(exchange: Exchange) -> Turn:
    text = exchange.message.text
    found = fences.blocks(without_thought(text))[-1:]
    return turn_of(exchange, [fences.step_of(text, block, exchange.where) for block in found])


def _kind(data: dict[str, Any]) -> Any:
    """The function that reads a row, `None` if none does."""
    trajectory, history = as_list(data.get("trajectory")), as_list(data.get("history"))
    first = trajectory[0] if trajectory else None
    if isinstance(first, dict):
        if "action" in first and "observation" in first and ("response" in first or "thought" in first):
            return _read_trajectory
        if "role" in first and "text" in first:
            return _read_nebius
    entries = (entry for entry in islice(history or (), 40) if isinstance(entry, dict))
    turn = next((e for e in entries if e.get("role") == "assistant" and not e.get("is_demo")), {})
    return _read_history if "action" in turn and "content" in turn else None


def matches(row: Row) -> bool:
    return _kind(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    reader = _kind(row.data)
    if reader is None:
        raise Rejected(DropReason.MISSING_COLUMN, "no trajectory of actions and no history of messages with actions")
    conversation, turns = reader(row.data)
    config = as_dict(row.data.get("replay_config"))
    named = as_dict(config.get("problem_statement")).get("id")
    file = row.source.rpartition("/")[2]
    instance = named if isinstance(named, str) else file if _TASK.fullmatch(file) else None
    instance = row.data.get("instance_id") if isinstance(row.data.get("instance_id"), str) else instance
    return assemble(row, conversation.problem, turns, conversation.system, instance, conversation.meta)


FORM = Form(
    name="swe-agent",
    description="SWE-agent's .traj documents (every parser), nebius' rows of its runs",
    matches=matches,
    read=read,
)
