"""Form `mini-swe-agent`: what mini-swe-agent saves, a list of messages or an object with `messages` and `info`.

Version 1 acts by text: exactly one block between three backticks with the label `mswea_bash_command` (`bash` in runs
that do not know that label) and the next line that begins with three backticks, whatever stands between them. Version 2
acts by calls of one tool `bash`, several of which may stand in one turn (see `agents.tool_calls`). In
both the action is the command, and the observation is the message with what it returned; the last one is the submission
(role `exit` in version 2).

A turn with no block or several, or with a call that version 2 does not know, was not carried out: the agent was told
to mend its form. Such turns are no steps and stand in `meta["talk"]` (see `agents.turns`). A block inside
a thought in tags is the command only where no other is: mini-swe-agent runs what it finds. Not understood are runs with
an `action_regex` of their own and messages of OpenAI's Responses interface.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from treadle.data.sources.agents.call_turns import has_calls, turns_of_calls
from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.harness import refused
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.agents.turns import Turn, assemble_chat, refused_turn, sliced, turn_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import Exchange, as_dict, conversation_of, peek
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LABELS = ("mswea_bash_command", "bash")
_SPACE = re.compile(r"\s*")
_CLOSE = "\n```"
_FINISHED = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")


def commands(text: str, label: str) -> list[tuple[int, int, int]]:
    """The blocks of a turn as mini-swe-agent finds them: begin of the fence, begin and end of the content."""
    fence, found, position = f"```{label}", [], 0
    while (start := text.find(fence, position)) >= 0:
        position = start + len(fence)
        blank = _SPACE.match(text, position).end()
        content = text.rfind("\n", position, blank) + 1
        if not content:
            continue  # something else follows the label
        close = text.find(_CLOSE, content)
        if close < 0 and text.startswith("```", content) and "\n" in text[position : content - 1]:
            content = close = content - 1  # nothing but blank lines between the fences
        if close < 0:
            break
        found.append((start, content, close))
        position = close + len(_CLOSE)
    return found


def command_of(name: str, arguments: dict[str, Any]) -> str:
    """The command of a call of `bash`; another call as text.

    Raises:
        Rejected: The command is empty.
    """
    command = arguments.get("command")
    if name != "bash" or not isinstance(command, str):
        return render(name, arguments)
    if not command.strip():
        raise Rejected(DropReason.EMPTY_ACTION, f"the command of a call is {command!r}")
    return command


def matches(row: Row) -> bool:
    version = row.data.get("trajectory_format")
    opening = list(islice(peek(row.data), 3))
    if isinstance(version, str) and version.startswith("mini-swe-agent"):
        return bool(opening)
    if not any(word in m.text for m in opening if m.role in ("system", "user") for word in _FINISHED):
        return False
    first = next((m for m in peek(row.data) if m.role == "assistant"), None)
    return first is not None and (any(f"```{label}" in first.text for label in _LABELS) or has_calls(first.raw))


def _turn(exchange: Exchange, label: str) -> Turn:
    text = exchange.message.text
    found = commands(without_thought(text), label) or commands(text, label)
    if len(found) > 1:
        if refused(exchange.answers, in_doubt=True):
            return refused_turn(exchange)
        raise Rejected(DropReason.SEVERAL_ACTIONS, f"{exchange.where} has {len(found)} commands: {text[:80]!r}")
    return turn_of(exchange, [sliced(text, *block, exchange.where) for block in found])


def read(row: Row, options: ReadOptions) -> Trajectory:
    conversation = conversation_of(row.data)
    told = [conversation.system or "", conversation.problem, *(e.message.text for e in conversation.exchanges)]
    label = next((label for label in _LABELS if any(f"```{label}" in text for text in told)), _LABELS[0])
    version = as_dict(row.data.get("info")).get("mini_version")
    called = turns_of_calls(conversation.exchanges, command_of)
    return assemble_chat(row, conversation, lambda e: called.get(e.number) or _turn(e, label), {"version": version})


FORM = Form(
    name="mini-swe-agent",
    description="mini-swe-agent's .traj.json, commands in fenced blocks or as calls of its tool",
    matches=matches,
    read=read,
)
