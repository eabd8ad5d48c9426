"""Form `codex`: the log of a Codex session, in the column `codex_session`, or a list of its events.

Lines are `{"timestamp", "type", "payload"}`, where payloads of type `response_item` are items of the Responses API
(`agents.response_items`); older logs have the items themselves after a line about the session. Where the
first task ends says `agents.sessions`.

What Codex puts in a user's place before the task (`<environment_context>`, `<user_instructions>`, AGENTS.md) and what
the developer says is the system text, after the session's instructions. `event_msg` lines repeat for the screen what
items have, and are counted; two of them matter: `user_message` tells the user's own words from Codex' where both have
tags, and `thread_rolled_back` takes back the last turns of the user, which are left out. So are compactions: the agent
had a summary in place of the steps before one, which stay. The log does not have the tools' descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from treadle.data.sources.agents.dialogue import Entry, gather
from treadle.data.sources.agents.response_items import acts, entries_of, kind_of
from treadle.data.sources.agents.sessions import lines_of, session_trajectory
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import JOIN, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_COLUMN = "codex_session"
_OTHER_COLUMNS = ("events", "messages", "history", "items", "trajectory", "rollout")
_LOOKED_AT = 40
_LINES = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_TAGGED = re.compile(r"\s*<([A-Za-z_][\w -]*)[^<>]*>.*</\1>\s*", re.DOTALL)
_OWN_TAGS = re.compile(
    r"\s*(<(user_instructions|environment_context|permissions instructions|collaboration_mode|turn_aborted|"
    r"user_shell_command|subagent_notification|skill|skills_instructions|apps_instructions|plugins_instructions|"
    r"recommended_plugins|INSTRUCTIONS|personality_spec|model_switch|hook_context)\b|# AGENTS\.md instructions for )"
)
_REPOSITORY = re.compile(r"[/:]([\w.-]+/[\w.-]+?)(\.git)?/?$")


def is_event(value: Any) -> bool:
    """Whether `value` is a line of a Codex log with payload."""
    return isinstance(value, dict) and value.get("type") in _LINES and isinstance(value.get("payload"), dict)


def _is_opening(value: Any) -> bool:
    """Whether `value` is the first line of a log without payloads."""
    return isinstance(value, dict) and kind_of(value) is None and {"id", "timestamp"} <= value.keys()


def _log(data: dict[str, Any]) -> list[Any] | None:
    if log := lines_of(data.get(_COLUMN)):
        return [_with_payload(event) for event in log]
    for column in _OTHER_COLUMNS:
        log = as_list(data.get(column))
        if not log:
            continue
        if any(is_event(event) for event in islice(log, _LOOKED_AT)):
            return log
        if _is_opening(log[0]) and any(acts(event) for event in islice(log, _LOOKED_AT)):
            return log
    return None


def _with_payload(event: Any) -> Any:
    """A line whose payload is an object, also where a table has it as JSON text."""
    text = isinstance(event, dict) and isinstance(event.get("payload"), str)
    return {**event, "payload": as_dict(event["payload"])} if text else event


def matches(row: Row) -> bool:
    """Also a line on its own, to say that the session is needed."""
    return _log(row.data) is not None or is_event(row.data)


class _Session:
    """What is read of a log, line by line."""

    def __init__(self, log: list[Any]) -> None:
        self.about: dict[str, Any] = {}
        self.context: dict[str, Any] = {}
        self.entries: list[Entry] = []
        payloads = (event["payload"] for event in log if is_event(event) and event["type"] == "event_msg")
        spoken = (payload.get("message") for payload in payloads if payload.get("type") == "user_message")
        self._spoken = {text.strip() for text in spoken if isinstance(text, str)}

    def add(self, event: dict[str, Any], index: int) -> None:
        if is_event(event):
            kind, payload = event["type"], event["payload"]
        elif kind_of(event) is None:
            kind, payload = ("state" if "record_type" in event else "session_meta"), event
        else:
            kind, payload = "response_item", event
        if kind == "response_item":
            self.entries += self._items(payload, index)
        elif kind == "session_meta":
            self.about = self.about or payload
        elif kind == "turn_context":
            self.context = self.context or payload
        elif payload.get("type") == "thread_rolled_back":
            self._roll_back(payload.get("num_turns"))
        else:
            name = payload.get("type") if kind == "event_msg" else None
            self.entries.append(Entry("passed", f"{kind} {name}" if name else kind))

    def _items(self, item: dict[str, Any], index: int) -> Iterator[Entry]:
        for entry in entries_of([item], first=index):
            yield entry._replace(kind="harness") if entry.kind == "user" and self._is_codex(entry.text) else entry

    def _is_codex(self, text: str) -> bool:
        if text.strip() in self._spoken:
            return False
        return bool(_OWN_TAGS.match(text)) or bool(self._spoken and _TAGGED.fullmatch(text))

    def _roll_back(self, turns: Any) -> None:
        prompts = [k for k, entry in enumerate(self.entries) if entry.kind == "user"]
        count = turns if isinstance(turns, int) and 0 < turns <= len(prompts) else len(prompts)
        if count:
            self.entries = [*self.entries[: prompts[-count]], Entry("passed", "turn of the user that was taken back")]

    def instructions(self) -> str | None:
        """What the session was told apart from its items."""
        told = [entry.text for entry in self.entries if entry.kind in ("system", "harness")]
        found = (as_dict(self.about.get("base_instructions")).get("text"), self.about.get("instructions"))
        texts = [text for text in found if isinstance(text, str) and text.strip()]
        return JOIN.join(text for text in texts if not any(text in one for one in told)) or None


def read(row: Row, options: ReadOptions) -> Trajectory:
    log = _log(row.data)
    if log is None and is_event(row.data):
        detail = "one line of a Codex session; bring the session's own file, or its lines as a list in one column"
        raise Rejected(DropReason.NO_TRAJECTORY, f"{detail} {_COLUMN}")
    if log is None:
        raise Rejected(DropReason.MISSING_COLUMN, f"no lines of a Codex session under {_COLUMN}")
    for index, event in enumerate(log):
        expect(event, dict, f"event {index}")
    if any(str(event.get("type")).startswith(("thread.", "item.")) for event in log[:_LOOKED_AT]):
        detail = "the output of codex exec --json, which lacks the user's words; bring the file of ~/.codex/sessions"
        raise Rejected(DropReason.EMPTY_PROBLEM, detail)
    session = _Session(log)
    for index, event in enumerate(log):
        session.add(event, index)
    dialogue = gather(session.entries)
    told = [text for kind, text in dialogue.opening if kind == "harness"]
    dialogue.system = [text for text in (session.instructions(), *dialogue.system, *told) if text]
    dialogue.opening = [(kind, text) for kind, text in dialogue.opening if kind == "user"]
    git = as_dict(session.about.get("git"))
    meta = {
        "cwd": session.about.get("cwd") or session.context.get("cwd"),
        "git_branch": git.get("branch"),
        "version": session.about.get("cli_version"),
    }
    model = session.context.get("model")
    system = JOIN.join(dialogue.system) or None
    trajectory = session_trajectory(row, dialogue, session.about.get("id"), model, system, meta)
    address = git.get("repository_url")
    found = _REPOSITORY.search(address) if isinstance(address, str) and trajectory.repo is None else None
    return replace(trajectory, repo=found[1]) if found else trajectory


FORM = Form(
    name="codex",
    description="the log of a Codex session (one file is one row)",
    matches=matches,
    read=read,
)
