"""Form `react`: thoughts and actions as lines with labels, `Thought:`, `Action:`, `Action Input:`, `Observation:`.

Either a chat, in which every turn of the assistant holds one action and the next message answers it (AgentInstruct's
`Think:` and `Act:`, ToolBench, agents with ReAct's prompt), or a whole run in one text: the only answer of a chat, or a
column. Labels may be numbered (`Action 1:`), see `agents.react_text`.

The action is the source's own text after the label; where actions have an `Action Input:`, labels stay in it, because
it has several parts. A `Final Answer:` is an action, as the environment ends by it. The prose before, with its label,
is the thought, the observation is kept with its label. In a chat, what an assistant says before its first action is
`meta["talk"]`, and the messages around it are the problem: instructions, `OK`, and the task. Messages of the assistant
that follow each other are one turn, joined by a blank line.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import Any

from treadle.data.sources.agents.executed import names_protocol, speaks_to
from treadle.data.sources.agents.react_text import acts, labels, step_of, turn_labels, whole
from treadle.data.sources.agents.turn import unspoken
from treadle.data.sources.agents.turns import Turn, assemble, turn_of
from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import JOIN, Conversation, Exchange, chat, conversation_of, peek
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_PROBLEMS = (*PROBLEM_NAMES, "input", "task", "goal")
_LOOKED_AT = 12
_CALL = re.compile(r"\s*[\w. -]{1,40}[\[(]")  # `Search[x]`, in a text without thoughts


def _is_run(text: str) -> bool:
    """Whether a text holds an action and its observation."""
    if "bs" not in text and "OBS" not in text:
        return False
    found = labels(text)
    answered = [act for act in acts(text, found) if act.answered is not None]
    thinks = any(label.kind in ("thought", "action input") for label in found)
    return bool(answered) and (thinks or any(_CALL.match(text, act.content, act.end) for act in answered))


def _columns(data: dict[str, Any]) -> list[str]:
    return [n for n, v in data.items() if isinstance(v, str) and n not in _PROBLEMS and ":" in v and _is_run(v)]


def matches(row: Row) -> bool:
    if chat(row.data) is None:
        return bool(_columns(row.data))
    kinds: set[str] = set()
    for message in islice(peek(row.data), _LOOKED_AT):
        if message.role != "assistant" or ":" not in message.text:
            continue
        if "```" in message.text:
            return False  # a fenced command, which `agents.fenced` reads
        kinds |= {label.kind for label in labels(message.text)}
    return "action" in kinds and bool(kinds & {"thought", "action input", "observation", "final answer"})


def _turn(exchange: Exchange, labelled: bool) -> Turn:
    text = exchange.message.text
    found = acts(text, turn_labels(text))
    if len(found) > 1:
        detail = f"{exchange.where} has {len(found)} actions: {text[found[1].start : found[1].start + 80]!r}"
        raise Rejected(DropReason.SEVERAL_ACTIONS, detail)
    return turn_of(exchange, [step_of(text, found[0], labelled, exchange.where)] if found else [])


def _check(conversation: Conversation, exchanges: list[Exchange], turns: list[Turn]) -> None:
    """Raise `Rejected` where a person answered what merely has the labels."""
    opening = f"{conversation.system or ''}\n\n{conversation.problem}"
    answers = [e.answers[0] for e, turn in zip(exchanges, turns, strict=True) if turn.steps and e.answers]
    spoken = [a.text for a in answers if a.role == "user" and speaks_to(a.text)]
    if spoken and 2 * len(spoken) >= len(answers) and not names_protocol(opening):
        detail = f"{len(spoken)} of {len(answers)} answers read like a person's words, such as {spoken[0][:60]!r}"
        raise Rejected(DropReason.NOT_EXECUTED, f"{detail}; if a program answered, give its messages the role tool")


def _merged(exchanges: list[Exchange]) -> list[Exchange]:
    """The turns, messages of the assistant that nothing answered being one with the next: a line of a turn each."""
    merged: list[Exchange] = []
    for exchange in exchanges:
        if merged and not merged[-1].answers:
            first = merged.pop()
            text = JOIN.join([first.message.text, exchange.message.text])
            exchange = replace(exchange, message=first.message._replace(text=text), number=first.number)
        merged.append(exchange)
    return merged


def read(row: Row, options: ReadOptions) -> Trajectory:
    if chat(row.data) is None:
        names = _columns(row.data)
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise Rejected(DropReason.MALFORMED, f"expected one column with Action: and Observation:, found {found}")
        return _read_whole(row, row.data[names[0]], None, {})
    conversation = conversation_of(row.data)
    exchanges = _merged(conversation.exchanges)
    if len(exchanges) == 1 and _is_run(exchanges[0].message.text):
        return _read_whole(row, exchanges[0].message.text, conversation, conversation.meta)
    labelled = any(act.labelled for e in exchanges for act in acts(e.message.text, turn_labels(e.message.text)))
    turns = unspoken(exchanges, [_turn(exchange, labelled) for exchange in exchanges])
    _check(conversation, exchanges, turns)
    first = next((k for k, turn in enumerate(turns) if turn.steps), 0)
    said = [conversation.problem, *(text for turn in turns[:first] for text in turn.answers[0])]
    talk = [[0, turn.text, JOIN.join(turn.answers[0])] for turn in turns[:first]]
    meta = conversation.meta | ({"talk": talk, "problem_parts": [len(text) for text in said]} if talk else {})
    return assemble(row, JOIN.join(said), turns[first:], conversation.system, meta=meta)


def _read_whole(row: Row, text: str, conversation: Conversation | None, meta: dict[str, Any]) -> Trajectory:
    questions = [label for label in labels(text) if label.kind == "question"]
    start = 0
    problem = conversation.problem if conversation else ""
    if not problem and (name := first_text(row.data, _PROBLEMS)):
        problem = row.data[name]
    if questions:  # examples may stand before the last
        following = next((label for label in labels(text) if label.start > questions[-1].start), None)
        start = following.start if following else len(text)
        problem = problem or text[questions[-1].content : start].strip()
    preamble, steps, epilogue = whole(text, start, row.where)
    turns = [Turn(step.text, [step], [[step.observation] if step.observation else []]) for step in steps]
    meta = meta | {"preamble": preamble or None, "epilogue": epilogue or None}
    return assemble(row, problem, turns, conversation.system if conversation else None, meta=meta)


FORM = Form(
    name="react",
    description="lines Thought:, Action:, Observation: in a chat or in one text (ReAct, AgentInstruct, ToolBench)",
    matches=matches,
    read=read,
)
