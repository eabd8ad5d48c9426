"""Form `terminus`: chat with a terminal agent whose every turn is one JSON object with keystrokes (Terminal-Bench).

Terminus 2 writes `analysis`, `plan`, `commands` of `keystrokes` and `duration`, and `task_complete`, as JSON or between
XML tags; Terminus 1 `state_analysis`, `explanation`, `commands` with `is_blocking` and `timeout_sec`, and
`is_task_complete`. The JSON may stand in a fence or after reasoning.

A turn is one step, because one terminal screen answers all its keystrokes. The action is the calls that Harbor's own
trajectories (`agents.atif`) have for such a turn, `bash_command` for each entry and `mark_task_complete`
at the end; a turn without commands, which only looks again, is one `bash_command` with no keystrokes. The thought is
the reasoning, the analysis and the plan, without JSON's escapes; `Step.call` is the object byte for byte, and `before`,
`call` and `after` together are the turn. A turn that holds no such object was not carried out: the harness answered
with an error, and the exchange is in `meta["talk"]`.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.turns import Turn, assemble, turn_of
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import JOIN, conversation_of, peek
from treadle.files.rows import Row
from treadle.trajectory import Step, Trajectory

_THOUGHTS = ("state_analysis", "analysis", "explanation", "plan")
_COMPLETE = ("task_complete", "is_task_complete")
_KEYSTROKES = re.compile(r"<keystrokes([^<>]*)>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*[\"']([^\"']*)[\"']")
_THINKING = re.compile(r"\A\s*(?:<think>)?(.*?)</think>", re.DOTALL)
_NAMED = re.compile(r"[\"'<](?:commands|(?:is_)?task_complete)\b")  # as a key or a tag: prose speaks of commands, too
_LOOKED_AT = 12
_DECODER = json.JSONDecoder()


def is_response(value: Any) -> bool:
    """Whether a JSON value is what Terminus expects of a turn."""
    if not isinstance(value, dict) or not isinstance(value.get("commands"), list):
        return False
    commands = value["commands"]
    if not all(isinstance(c, str) or (isinstance(c, dict) and isinstance(c.get("keystrokes"), str)) for c in commands):
        return False
    return bool(commands) or any(key in value for key in (*_COMPLETE, *_THOUGHTS))


def step_of(text: str) -> Step | None:
    """The step of a turn; `None` if it holds no response that the harness could read."""
    thinking = _THINKING.match(text)
    begin = thinking.end() if thinking else 0
    found = _json(text, begin) or _xml(text, begin)
    if found is None:
        return None
    start, end, response = found
    commands = [c if isinstance(c, dict) else {"keystrokes": c} for c in response["commands"]]
    complete = any(response.get(key) is True for key in _COMPLETE)
    if not commands and not complete:
        commands = [{"keystrokes": ""}]
    calls = [render("bash_command", command) for command in commands]
    calls += [render("mark_task_complete", {})] * complete
    thoughts = [thinking[1] if thinking else "", *(response.get(key) for key in _THOUGHTS)]
    thought = "\n\n".join(t.strip() for t in thoughts if isinstance(t, str) and t.strip())
    return Step("\n".join(calls), thought=thought or None, before=text[:start], after=text[end:], call=text[start:end])


def _json(text: str, begin: int) -> tuple[int, int, dict[str, Any]] | None:
    """Where the object of a turn stands. One whose last brackets are missing is read, as the harness mends it."""
    start = text.find("{", begin)
    for _ in range(20):  # prose before it may hold braces
        if start < 0:
            return None
        for closing in ("", "}", "]}"):
            try:
                value, end = _DECODER.raw_decode(text + closing, start)
            except (ValueError, RecursionError):
                continue
            if is_response(value):
                return start, min(end, len(text)), value
            break
        start = text.find("{", start + 1)
    return None


def _xml(text: str, begin: int) -> tuple[int, int, dict[str, Any]] | None:
    start = text.find("<response>", begin)
    if start < 0:
        return None
    end = text.find("</response>", start)
    end = end + len("</response>") if end >= 0 else len(text)
    body = text[start:end]
    if "<commands" not in body and "<task_complete" not in body:
        return None
    response: dict[str, Any] = {key: _between(body, key) for key in _THOUGHTS}
    response["commands"] = []
    at = 0
    while (opening := _KEYSTROKES.search(body, at)) and (at := body.find("</keystrokes>", opening.end())) >= 0:
        given = {key: _number(value) for key, value in _ATTRIBUTE.findall(opening[1])}
        response["commands"].append({"keystrokes": body[opening.end() : at], **given})
    response["task_complete"] = (_between(body, "task_complete") or "").strip() == "true"
    return start, end, response


def _between(text: str, name: str) -> str | None:
    start = text.find(f"<{name}>")
    end = text.find(f"</{name}>", start)
    return text[start + len(name) + 2 : end] if 0 <= start < end else None


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def matches(row: Row) -> bool:
    opening = (m.text for m in islice(peek(row.data), _LOOKED_AT) if m.role == "assistant")
    return any(_NAMED.search(text) is not None and step_of(text) is not None for text in opening)


def read(row: Row, options: ReadOptions) -> Trajectory:
    result = row.data.get("result")
    if result is not None and not row.data.get("reward"):
        # Harbor's export: a reward, or the name of the exception that ended the trial
        row = row._replace(
            data={**row.data, "reward": 0 if isinstance(result, str) and not _is_number(result) else result}
        )
    conversation = conversation_of(row.data)
    turns: list[Turn] = []
    talk: list[list[Any]] = []
    for exchange in conversation.exchanges:
        step = step_of(exchange.message.text)
        if step is None and exchange is not conversation.exchanges[-1]:
            talk.append([len(turns), exchange.message.text, JOIN.join(answer.text for answer in exchange.answers)])
        else:
            turns.append(turn_of(exchange, [step] if step else []))
    meta = conversation.meta | ({"talk": talk} if talk else {})
    return assemble(row, conversation.problem, turns, conversation.system, meta=meta)


def _is_number(text: str) -> bool:
    return isinstance(_number(text.strip()), float)


FORM = Form(
    name="terminus",
    description="chat with JSON of analysis, plan and keystrokes (Terminal-Bench's Terminus)",
    matches=matches,
    read=read,
)
