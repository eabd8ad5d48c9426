"""Lists and files whose entries are the messages or events of one session, which is one row.

Each kind has a column: `messages` for chat, `history` for OpenHands' events, `claude_code_session` for Claude Code's
logs and its `stream-json` output, `codex_session` for Codex's rollouts, flat or with `payload`, and its `--json`
output. A row of such a column holds all entries in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CLAUDE_CODE, CODEX = "claude_code_session", "codex_session"

_ROW = {"messages", "conversations", "problem", "question", "instruction", "solution", "completion", "steps"}
"""Columns of a row that is more than a message, whatever else it has."""
_ROLES = {"system", "user", "assistant", "tool", "function", "developer", "model", "ipython", "human", "ai"}
_LANGCHAIN = {"human", "ai", "system", "tool", "function", "chat"}
_RESPONSES = {"message", "reasoning", "item_reference"}
_CLAUDE_TURNS = {"user", "assistant"}
_CLAUDE_ASIDE = {
    "summary",
    "system",
    "result",
    "file-history-snapshot",
    "queue-operation",
    "progress",
    "attachment",
    "mode",
    "permission-mode",
    "last-prompt",
    "custom-title",
    "ai-title",
    "agent-name",
    "pr-link",
    "worktree-state",
}
_CLAUDE_KEYS = ("sessionId", "leafUuid", "snapshot", "subtype")
_CODEX_EVENTS = ("thread.", "turn.", "item.")


def list_column(first: Any) -> str | None:
    """The column that a bare list stands for, judged by its first entry; `None` for a list of rows."""
    if isinstance(first, list) and first:  # OpenHands once wrote pairs of action and observation
        return "history" if list_column(first[0]) == "history" else None
    if not isinstance(first, dict) or first.keys() & _ROW:
        return None
    if _is_claude(first) and (_is_claude_turn(first) or not first.keys().isdisjoint(_CLAUDE_KEYS)):
        return CLAUDE_CODE
    if _is_codex(first) or _is_codex_head(first):
        return CODEX
    if "role" in first or {"from", "value"} <= first.keys() or _is_item(first):
        return "messages"
    if "kind" in first or ("source" in first and ("action" in first or "observation" in first)):
        return "history"
    return None


def session_column(entries: Sequence[Any]) -> str | None:
    """The column that the lines of a file stand for, judged by the first of them; `None` where each line is a row."""
    if not all(isinstance(entry, dict) and not entry.keys() & _ROW for entry in entries):
        return None
    if all(map(_is_claude, entries)) and (
        any(map(_is_claude_turn, entries)) or all(entry["type"] in _CLAUDE_ASIDE for entry in entries)
    ):
        return CLAUDE_CODE
    if all(map(_is_codex, entries)) or (_is_codex_head(entries[0]) and all(map(_is_flat, entries[1:]))):
        return CODEX
    if len(entries) < 2:
        return None
    if all(_is_message(entry) or _is_item(entry) for entry in entries):
        return "messages" if len({(entry.get("role"), entry.get("type")) for entry in entries}) > 1 else None
    if all("source" in entry and ("action" in entry or "observation" in entry) for entry in entries):
        return "history"
    return None


def begins_session(column: str, entry: Any, session: str | None) -> bool:
    """Whether an entry begins another session than that of the entries before it, as where logs were joined.

    Args:
        session: What names the session so far; `None` where no entry said.
    """
    if column != CLAUDE_CODE or session is None or not isinstance(entry, dict):
        return False
    return _is_claude_turn(entry) and entry.get("parentUuid") is None and session_of(entry) not in (None, session)


def session_of(entry: Any) -> str | None:
    """What names the session that an entry is of; `None` where it does not say."""
    name = (entry.get("sessionId") or entry.get("session_id")) if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _is_claude(entry: dict[str, Any]) -> bool:
    kind = entry.get("type")
    if not isinstance(kind, str) or "payload" in entry:
        return False
    return kind in _CLAUDE_ASIDE or _is_claude_turn(entry) or session_of(entry) is not None


def _is_claude_turn(entry: dict[str, Any]) -> bool:
    message = entry.get("message")
    return entry.get("type") in _CLAUDE_TURNS and isinstance(message, dict) and "content" in message


def _is_codex(entry: dict[str, Any]) -> bool:
    kind = entry.get("type")
    if not isinstance(kind, str):
        return False
    return ("timestamp" in entry and isinstance(entry.get("payload"), dict)) or kind.startswith(_CODEX_EVENTS)


def _is_codex_head(entry: Any) -> bool:
    return isinstance(entry, dict) and "type" not in entry and {"id", "timestamp", "instructions"} <= entry.keys()


def _is_flat(entry: dict[str, Any]) -> bool:
    return "record_type" in entry or _is_codex_head(entry) or _is_item(entry)


def _is_item(entry: dict[str, Any]) -> bool:
    """Whether an entry is an item of OpenAI's Responses, or a message of LangChain."""
    kind = entry.get("type")
    if not isinstance(kind, str):
        return entry.get("lc") == 1 and "kwargs" in entry
    if kind in _LANGCHAIN:
        return "data" in entry or "content" in entry
    return (kind in _RESPONSES and bool(entry.keys() & {"role", "content", "summary", "id"})) or kind.endswith(
        ("_call", "_call_output")
    )


def _is_message(entry: dict[str, Any]) -> bool:
    role = entry.get("role")
    known = isinstance(role, str) and (role in _ROLES or role.startswith("_"))  # Kimi's notes between its messages
    return known and (role.startswith("_") or bool(entry.keys() & {"content", "tool_calls", "parts"}))
