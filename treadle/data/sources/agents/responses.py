"""Form `responses`: items of OpenAI's Responses API, whichever column they stand in.

They are under `input` and `output`, `input` and `response.output`, `responses_create_params.input` and
`response.output` (NeMo Gym), `request` and `response` (logs), or in one list under `items`, `messages`,
`conversation`, `history` or `trajectory`. A response within a list (`"object": "response"`) stands for its output. An
`input` that is text is the user's words; `instructions` and system or developer messages are the system text, `tools`
are added to it.

The action is the call as `agents.calls` renders it and `Step.call` the item, the thought is the text
before it, and `meta["reasoning"]` has what reasoning items say. What items are, knows
`agents.response_items`, how they become turns `agents.dialogue`. Terminus' calls of one
turn are one step, as in `agents.atif`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.agents.dialogue import TASKS, Spoken, gather, task_of, trajectory_of
from treadle.data.sources.agents.response_items import acts, entries_of, kind_of
from treadle.data.sources.agents.terminus import step_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import JOIN, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LISTS = ("items", "messages", "conversation", "conversations", "history", "trajectory")
_REQUESTS = ("responses_create_params", "request", "body")
_COLUMNS = {*_LISTS, *_REQUESTS, "input", "output", "response"}
_TASKS = (
    *TASKS,
    *("responses_create_params.metadata.problem_statement", "instance_config.problem_info.problem_statement"),
)
_TERMINUS = {"<function=bash_command", "<function=mark_task_complete"}
_LOOKED_AT = 40  # items, in which the first call stands or none does


def _request(data: dict[str, Any]) -> dict[str, Any]:
    found = next((as_dict(data[name]) for name in _REQUESTS if as_dict(data.get(name))), {})
    found = as_dict(found.get("body")) or found
    return found if "input" in found else data


def items_of(data: dict[str, Any]) -> list[Any]:
    """The items of a row, in order; none if it has no list of them."""
    for column in _LISTS:
        items = as_list(data.get(column)) or []
        if any(acts(item) for item in flat(items[:_LOOKED_AT])):
            return flat(items)
    given = _request(data).get("input")
    opening = [{"role": "user", "content": given}] if _is_words(given) else as_list(given) or []
    response = as_dict(data.get("response"))
    response = as_dict(response.get("body")) or response
    output = as_list(data.get("output")) or as_list(response.get("output")) or []
    return flat([*opening, *output])


def _is_words(given: Any) -> bool:
    return isinstance(given, str) and bool(given.strip()) and as_list(given) is None


def flat(items: list[Any]) -> list[Any]:
    """Items with each response replaced by its output."""
    found: list[Any] = []
    for item in items:
        whole = isinstance(item, dict) and item.get("object") == "response"
        found += (as_list(item.get("output")) or []) if whole else [item]
    return found


def _of_terminus(turn: Spoken) -> Spoken:
    """The turn as Terminus carried it out: one screen answers all its calls, so that they are one step; where it has
    none, its message may say that the task is complete."""
    if not turn.steps and turn.words and all(kind == "tool" for kind, _ in turn.words):
        step = step_of(JOIN.join(turn.parts[0]))
        return replace(turn, steps=[step], parts=[[], []], answers=[[text for _, text in turn.words]]) if step else turn
    names = {step.action.partition(">")[0] for step in turn.steps}
    if len(turn.steps) < 2 or turn.results != 1 or not names <= _TERMINUS:
        return turn
    calls = "[" + ", ".join(step.call or "" for step in turn.steps) + "]"
    step = replace(turn.steps[0], action="\n".join(step.action for step in turn.steps), call=calls)
    said = [text for texts in turn.parts[:-1] for text in texts]
    answers = [[text for texts in turn.answers for text in texts]]
    return replace(turn, steps=[step], parts=[said, turn.parts[-1]], answers=answers)


def matches(row: Row) -> bool:
    """Also rows that are plainly the API's without any call, to say so."""
    if _COLUMNS.isdisjoint(row.data):
        return False
    response = as_dict(row.data.get("response"))
    if "responses_create_params" in row.data or response.get("object") == "response":
        return True
    return any(acts(item) for item in islice(items_of(row.data), _LOOKED_AT))


def _kinds(items: list[Any]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in Counter(map(kind_of, items)).most_common(5)) or "none"


def described(tools: Any) -> list[Any]:
    """Tools that have a name; a tool that takes free text has one parameter, `input`, as its calls are shown."""
    free = {"properties": {"input": {"type": "string", "description": "free text"}}, "required": ["input"]}
    entries = [tool for tool in as_list(tools) or () if isinstance(tool, dict)]
    return [{**tool, "parameters": free} if tool.get("type") == "custom" else tool for tool in entries]


def read(row: Row, options: ReadOptions) -> Trajectory:
    items = items_of(row.data)
    if not items:
        raise Rejected(
            DropReason.MISSING_COLUMN, f"no items of the Responses API under input, output, {', '.join(_LISTS)}"
        )
    if not any(acts(item) for item in items):
        detail = f"items of the Responses API without a call ({_kinds(items)}); bring solutions in text as columns"
        raise Rejected(DropReason.NO_ACTIONS, detail)
    request, response = _request(row.data), as_dict(row.data.get("response"))
    dialogue = gather(entries_of(items))
    dialogue.turns = [_of_terminus(turn) for turn in dialogue.turns]
    for source in (request, response):
        if isinstance(text := source.get("instructions"), str) and text.strip() and text not in dialogue.system:
            dialogue.system.insert(0, text)
            break
    tools = next(
        (tools for tools in (request.get("tools"), response.get("tools"), row.data.get("tools")) if tools), None
    )
    system = with_tools(JOIN.join(dialogue.system) or None, described(tools))
    heard = bool(dialogue.opening) or any(turn.asks for turn in dialogue.turns[:1])  # an agent may greet first
    task = None if heard else task_of(row.data, _TASKS)
    if not heard and task is None:
        raise Rejected(DropReason.EMPTY_PROBLEM, f"no words of the user before the first turn ({_kinds(items)})")
    return trajectory_of(row, dialogue, system, *(task or (None, None)))


FORM = Form(
    name="responses",
    description="items of OpenAI's Responses API (input and output, NeMo Gym's rollouts)",
    matches=matches,
    read=read,
)
