"""The main line of a Claude Code session: which of its events were the conversation that led to its last message.

Events are a tree by `uuid` and `parentUuid`: an edited prompt, a retry or a rewind begins a branch. The main line is
the way from the last message back to the beginning, over a compaction by its `logicalParentUuid`. Some of it stands
beside that way: of calls that ran in parallel only one chain of results leads on. So the other lines of an assistant's
message of the main line (same `message.id`), and the results of its calls, belong to it too. Where a parent is missing
(a log that was cut or filtered) the event before it in the file takes its place.

Events of subagents (`isSidechain`, or `parent_tool_use_id` in the stream of `--output-format stream-json`) are left
out, unless the log is a subagent's own and has nothing else. Events without `uuid`, and logs in which none names a
parent, are taken in the order of the file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from treadle.data.sources.agents.anthropic_parts import is_call, is_result, parts_of

MESSAGES = ("user", "assistant")


def content_of(event: dict[str, Any]) -> Any:
    message = event.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _message_id(event: dict[str, Any]) -> Any:
    message = event.get("message")
    found = message.get("id") if isinstance(message, dict) and event.get("type") == "assistant" else None
    return found if isinstance(found, str) else None


def _is_sidechain(event: dict[str, Any]) -> bool:
    return event.get("isSidechain") is True or bool(event.get("parent_tool_use_id"))


def _calls(event: dict[str, Any]) -> set[str]:
    return {str(part.get("id")) for part in parts_of(content_of(event)) if is_call(part)}


def _answered(event: dict[str, Any]) -> set[str]:
    return {str(part.get("tool_use_id")) for part in parts_of(content_of(event)) if is_result(part)}


def main_line(log: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The events of the conversation, in the order of the file, and how many were left out, by reason."""
    passed: Counter[str] = Counter()
    events = [event for event in log if not _is_sidechain(event)]
    if any(event.get("type") == "assistant" for event in events):
        passed["subagent"] = len(log) - len(events)
    else:
        events = log
    events = _once(events, passed)
    last = next((k for k in reversed(range(len(events))) if events[k].get("type") in MESSAGES), None)
    if last is None or not any(isinstance(event.get("uuid"), str) for event in events) or not _has_tree(events):
        return events, +passed
    chosen = _chain(events, last, passed)
    chosen |= _beside(events, chosen)
    kept = [event for k, event in enumerate(events) if k in chosen or event.get("type") not in MESSAGES]
    passed["message of another branch"] = len(events) - len(kept)
    return kept, +passed


def _has_tree(events: list[dict[str, Any]]) -> bool:
    """Whether an event names its parent; a converted log may name none."""
    return any(event.get("parentUuid") or event.get("logicalParentUuid") for event in events)


def _once(events: list[dict[str, Any]], passed: Counter[str]) -> list[dict[str, Any]]:
    """Events without those whose `uuid` came before: a session that was taken up again repeats its beginning."""
    seen: set[str] = set()
    kept = []
    for event in events:
        uuid = event.get("uuid")
        if isinstance(uuid, str):
            if uuid in seen:
                passed["event that was logged twice"] += 1
                continue
            seen.add(uuid)
        kept.append(event)
    return kept


def _chain(events: list[dict[str, Any]], last: int, passed: Counter[str]) -> set[int]:
    """Places of the events from the beginning to the one at `last`."""
    place = {event["uuid"]: k for k, event in enumerate(events) if isinstance(event.get("uuid"), str)}
    chosen: set[int] = set()
    at: int | None = last
    while at is not None and at not in chosen:
        chosen.add(at)
        named = [name for name in (events[at].get("parentUuid"), events[at].get("logicalParentUuid")) if name]
        known = next((place[name] for name in named if isinstance(name, str) and name in place), None)
        if known is None and (named or "parentUuid" not in events[at]):
            passed["parent that is not in the log"] += bool(named)
            known = next((k for k in reversed(range(at)) if events[k].get("type") in MESSAGES), None)
        at = known
    return chosen


def _beside(events: list[dict[str, Any]], chosen: set[int]) -> set[int]:
    """Places of the other lines of the same messages, and of the results of their calls."""
    messages = {found for k in chosen if (found := _message_id(events[k]))}
    lines = {k for k, event in enumerate(events) if _message_id(event) in messages}
    calls = {call for k in chosen | lines for call in _calls(events[k])}
    calls -= {call for k in chosen for call in _answered(events[k])}
    return lines | {k for k, event in enumerate(events) if event.get("type") == "user" and _answered(event) & calls}
