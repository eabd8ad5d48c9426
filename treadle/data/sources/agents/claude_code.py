"""Form `claude-code`: the log of a Claude Code session, in the column `claude_code_session`, or a list of its events.

The messages are Anthropic's (`agents.anthropic_parts`), one message of the assistant in several lines.
Which events are the conversation says `agents.claude_code_log`, where its first task ends
`agents.sessions`. The action is the call, its observation the `tool_result` as the model saw it (not
`toolUseResult`, which is for the screen).

What stands in a user's place but is none of the user's words (`isMeta`, reminders, notifications of tasks) is the
harness's: part of the observation after a call, and no problem. Local commands and their output (`<command-name>`,
`<local-command-stdout>`), what is only shown in the transcript, failed requests to the API, and the summary of a
compaction are no part of the conversation: they are counted in `meta["passed_events"]`. After a compaction the agent
had seen the summary in place of what came before; the steps before it stay. A command that became a prompt (`/review`)
is the user's words, and so is the prompt behind it. The log has neither the system prompt nor the tools.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from treadle.data.sources.agents.anthropic_parts import entries_of, kind_of, parts_of
from treadle.data.sources.agents.claude_code_log import MESSAGES, content_of, main_line
from treadle.data.sources.agents.dialogue import Entry, gather
from treadle.data.sources.agents.sessions import lines_of, session_trajectory
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_COLUMN = "claude_code_session"
_OTHER_COLUMNS = ("messages", "events", "history", "trajectory", "conversations", "transcript")
_LOOKED_AT = 40
_MARKS = ("sessionId", "session_id", "parentUuid", "uuid", "isSidechain")
_OTHERS = ("summary", "system", "file-history-snapshot", "queue-operation", "progress", "attachment", "result")
_LOCAL = re.compile(
    r"\s*<(local-command-\w+|bash-(input|stdout|stderr)|user-memory-input)>|\s*Caveat: The messages below"
)
_COMMAND = re.compile(r"\s*<command-(name|message|args)>")
_BUILT_IN = re.compile(
    r"<command-name>/(clear|compact|mcp|model|login|logout|exit|resume|config|cost|help|status|context)\b"
)
_HARNESS = re.compile(
    r"\s*(<(system-reminder|task-notification|ide_\w+|user-prompt-submit-hook)>|\[Request interrupted by user)"
)


def is_event(value: Any) -> bool:
    """Whether `value` is a message of a session as Claude Code logs it."""
    return (
        isinstance(value, dict)
        and value.get("type") in MESSAGES
        and isinstance(value.get("message"), dict)
        and any(mark in value for mark in _MARKS)
    )


def _log(data: dict[str, Any]) -> list[Any] | None:
    if log := lines_of(data.get(_COLUMN)):
        return [_with_message(event) for event in log]
    for column in _OTHER_COLUMNS:
        log = as_list(data.get(column))
        if log and any(is_event(event) for event in islice(log, _LOOKED_AT)):
            return log
    return None


def _with_message(event: Any) -> Any:
    """An event whose message is an object, also where a table has it as JSON text."""
    text = isinstance(event, dict) and isinstance(event.get("message"), str)
    return {**event, "message": as_dict(event["message"])} if text else event


def _is_line(data: dict[str, Any]) -> bool:
    """Whether a row is one line of a session, taken out of it."""
    return is_event(data) or (data.get("type") in _OTHERS and any(mark in data for mark in (*_MARKS, "leafUuid")))


def matches(row: Row) -> bool:
    """Also a line on its own, to say that the session is needed."""
    return _log(row.data) is not None or _is_line(row.data)


def _entries(events: list[dict[str, Any]]) -> Iterator[Entry]:
    commanded = False
    for index, event in enumerate(events):
        where, kind = f"event {index}", event.get("type")
        if kind == "attachment":
            yield _attached(event.get("attachment"))
        elif kind not in MESSAGES or not isinstance(event.get("message"), dict):
            subtype = event.get("subtype")
            yield Entry("passed", f"{kind} {subtype}" if isinstance(subtype, str) else str(kind))
        elif kind == "user":
            yield from _heard(event, where, commanded)
            commanded = any(_is_command(_text(part)) for part in parts_of(content_of(event)))
        elif event.get("isApiErrorMessage") is True or event["message"].get("model") == "<synthetic>":
            yield Entry("passed", "message of Claude Code in the model's place")
        else:
            message = event["message"].get("id") or f"event {index}"
            yield from entries_of("assistant", content_of(event), where, message)


def _attached(attachment: Any) -> Entry:
    """What Claude Code attached to a message: the user's words while the agent was at work, or something else."""
    found = attachment if isinstance(attachment, dict) else {}
    text = found.get("prompt")
    if found.get("type") == "queued_command" and isinstance(text, str) and text.strip():
        by_user = found.get("commandMode", "prompt") == "prompt" and not _HARNESS.match(text)
        return Entry("user" if by_user else "harness", text)
    return Entry("passed", f"attachment {found.get('type')}")


def _text(part: Any) -> str:
    text = part if isinstance(part, str) else part.get("text") if kind_of(part) == "text" else None
    return text if isinstance(text, str) else ""


def _is_command(text: str) -> bool:
    """Whether a text is a command that became a prompt."""
    return bool(_COMMAND.match(text)) and not _BUILT_IN.search(text)


def _heard(event: dict[str, Any], where: str, commanded: bool) -> Iterator[Entry]:
    """The entries of an event in a user's place; `commanded` if the one before was a command."""
    if event.get("isCompactSummary") is True:
        yield Entry("passed", "summary of a compaction")
        return
    content = content_of(event)
    if event.get("isVisibleInTranscriptOnly") is True:
        yield Entry("passed", "shown in the transcript only")
        return
    for part in parts_of(content):
        text = _text(part)
        if _LOCAL.match(text) or (_COMMAND.match(text) and not _is_command(text)):
            yield Entry("passed", "local command")
        elif text.strip() or not (isinstance(part, str) or kind_of(part) == "text"):
            by_harness = _HARNESS.match(text) or (event.get("isMeta") is True and not commanded)
            yield from entries_of("harness" if by_harness else "user", [part], where)


def _first(events: list[dict[str, Any]], *keys: str) -> Any:
    return next(
        (event[key] for key in keys for event in events if isinstance(event.get(key), str) and event[key]), None
    )


def read(row: Row, options: ReadOptions) -> Trajectory:
    log = _log(row.data)
    if log is None and _is_line(row.data):
        detail = "one line of a Claude Code session; bring the session's own file, or its lines as a list in one column"
        raise Rejected(DropReason.NO_TRAJECTORY, f"{detail} {_COLUMN}")
    if log is None:
        raise Rejected(DropReason.MISSING_COLUMN, f"no events of a Claude Code session under {_COLUMN}")
    for index, event in enumerate(log):
        expect(event, dict, f"event {index}")
    events, left_out = main_line(log)
    dialogue = gather(_entries(events))
    dialogue.passed += left_out
    if not dialogue.turns:
        kinds = Counter(str(event.get("type")) for event in log)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        raise Rejected(DropReason.NO_ACTIONS, f"a Claude Code session without a message of the assistant: {found}")
    models = (
        event["message"].get("model")
        for event in events
        if event.get("type") == "assistant" and isinstance(event.get("message"), dict)
    )
    model = next((name for name in models if isinstance(name, str) and name != "<synthetic>"), None)
    meta = {
        name: _first(events, key)
        for name, key in (("cwd", "cwd"), ("git_branch", "gitBranch"), ("version", "version"), ("subagent", "agentId"))
    }
    return session_trajectory(row, dialogue, _first(events, "sessionId", "session_id"), model, None, meta)


FORM = Form(
    name="claude-code",
    description="the log of a Claude Code session (one file is one row)",
    matches=matches,
    read=read,
)
