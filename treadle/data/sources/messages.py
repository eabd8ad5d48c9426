"""Chat messages of many tools as one conversation: system text, problem, and turns with what answered them.

Understood are the columns `messages`, `conversations`, `trajectory` and their like: a list, a list as JSON text or as
Python prints it, or one list a key as tables make it of a list of objects. Roles stand under `role` or ShareGPT's
`from`, text under `content`, `value` or `text`, as a string, a list of text parts, one such part or null.
An OpenHands completion log is the messages that were sent, followed by the message of its `response`.

All user messages before the first turn of the assistant are the problem, all system messages before it the system
text; several are joined by a blank line. A demonstration (SWE-agent's `is_demo`, or its opening words) is neither: it
is kept apart in `meta["demonstration"]`. Not understood are images and Anthropic's `tool_use` parts: such a
conversation is malformed.

Joined texts can be taken apart again: `meta` has `system_parts` and `problem_parts` (lengths of the messages that were
joined) and `content_parts` (for the index of a message the lengths of its text parts, which are joined as they are).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from treadle.data.sources.content import JOIN, part_text, result_parts, text_parts, without_thoughts
from treadle.data.sources.form import expect
from treadle.data.sources.report import DropReason
from treadle.files.literals import literal
from treadle.files.rows import Rejected

DEMONSTRATION = "Here is a demonstration of how to correctly accomplish this task"

_COLUMNS = ("messages", "conversations", "conversation", "trajectory", "dialogue", "dialog", "chat")
_TEXTS = ("content", "value", "text", "system_prompt")  # the last is where nebius rows have the system text
_ROLES = {
    "assistant": ("assistant", "ai", "gpt", "model", "bot", "chatgpt", "chatbot", "agent"),
    "user": ("user", "human", "prompter", "customer"),
    "system": ("system", "developer"),
    "tool": (
        *("tool", "function", "observation", "environment", "env", "ipython", "exit"),
        *("tool_response", "tool_result", "tool_output", "function_response"),
    ),
}
_ROLE = {name: role for role, names in _ROLES.items() for name in names}


class Message(NamedTuple):
    """A message: its role (system, user, assistant or tool), its text, and what the source has."""

    role: str
    text: str
    raw: dict[str, Any]


@dataclass
class Exchange:
    """A turn of the assistant and the messages that answered it, up to its next turn.

    Args:
        number: 1-based position among the turns of the assistant.
    """

    number: int
    message: Message
    answers: list[Message] = field(default_factory=list)

    @property
    def where(self) -> str:
        return f"turn {self.number}"


@dataclass
class Conversation:
    """A conversation taken apart; `meta` holds what is needed to put it together again."""

    system: str | None
    problem: str
    exchanges: list[Exchange]
    meta: dict[str, Any]


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    """A value as JSON text or as Python prints it; `None` if it is neither. Detection and reading ask for the same
    text in turn."""
    try:
        return json.loads(text)
    except ValueError:
        return literal(text)
    except RecursionError:
        return None


def as_list(value: Any) -> list[Any] | None:
    """A list, also where the source has it as text; `None` for anything else."""
    if isinstance(value, str) and value[:100].lstrip().startswith(("[", "array([")):
        value = _parsed(value)
    return value if isinstance(value, list) else None


def as_dict(value: Any) -> dict[str, Any]:
    """An object, also where the source has it as text; empty for anything else."""
    if isinstance(value, str) and value[:100].lstrip().startswith("{"):
        value = _parsed(value)
    return value if isinstance(value, dict) else {}


def chat(data: dict[str, Any]) -> list[Any] | None:
    """The list of chat messages of a row, with the response of a completion log at its end; `None` if it has none."""
    for column in _COLUMNS:
        value = data.get(column)
        messages = _from_table(value) if isinstance(value, dict) else as_list(value)
        if messages and isinstance(messages[0], dict) and ("role" in messages[0] or "from" in messages[0]):
            response = completion(data)
            return [*messages, response] if response else messages
    return None


def _from_table(value: dict[str, Any]) -> list[Any] | None:
    """Messages of an object with a list a key, which tables make of a list of objects; `None` if it is another one."""
    roles = value.get("role") or value.get("from")
    columns = {key: column for key, column in value.items() if isinstance(column, list)}
    if not isinstance(roles, list) or any(len(column) != len(roles) for column in columns.values()):
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def completion(data: dict[str, Any]) -> dict[str, Any] | None:
    """The assistant's message of a completion log; where calls are text, as the model wrote it."""
    responses = [_choice(data.get("raw_response")), _choice(data.get("response"))]
    if responses[0] and "<function=" in _lenient(responses[0]):
        return responses[0]
    return responses[1]


def _choice(response: Any) -> dict[str, Any] | None:
    choices = as_list(as_dict(response).get("choices"))
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    return {"role": "assistant", **message, "finish_reason": choice.get("finish_reason")}


def role_of(raw: dict[str, Any]) -> str | None:
    role = raw.get("role") or raw.get("from")
    return _ROLE.get(role.lower()) if isinstance(role, str) else None


def known_role(raw: Any, where: str) -> str:
    """The role of a message.

    Raises:
        Rejected: It is no object, or its role is unknown.
    """
    role = role_of(expect(raw, dict, where))
    if role is None:
        found = raw.get("role") or raw.get("from")
        raise Rejected(DropReason.MALFORMED, f"{where} has the role {found!r}, expected user, assistant or tool")
    return role


_peeked: tuple[Any, list[Message]] = (None, [])


def peek(data: dict[str, Any]) -> Iterator[Message]:
    """The messages of a row as far as they can be read, for detection: never raises.

    One form after the other asks for the messages of the same row, so those of the last one are kept.
    """
    global _peeked
    if _peeked[0] is not data:
        found = [Message(role_of(raw) or "", _lenient(raw), raw) for raw in chat(data) or () if isinstance(raw, dict)]
        _peeked = (data, found)
    return iter(_peeked[1])


def _lenient(raw: dict[str, Any]) -> str:
    value = _content(raw)
    value = [value] if isinstance(value, dict) else value
    if isinstance(value, list):
        parts = map(part_text, value)
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _content(raw: dict[str, Any]) -> Any:
    return next((raw[key] for key in _TEXTS if raw.get(key) is not None), None)


def split(messages: list[Any]) -> Conversation:
    """Take a list of chat messages apart.

    Raises:
        Rejected: An entry is not a message, its role is unknown, or its content is not text.
    """
    conversation = Conversation(None, "", [], {})
    opening: dict[str, list[str]] = {"system": [], "user": []}
    for index, raw in enumerate(messages):
        where = f"message {index}"
        role = known_role(raw, where)
        raw = without_thoughts(raw) if role == "assistant" else raw
        content = _content(raw)
        parts = result_parts(content, raw.get("error"), where) if role == "tool" else text_parts(content, where)
        if len(parts) > 1:
            conversation.meta.setdefault("content_parts", {})[str(index)] = [len(part) for part in parts]
        message = Message(role, "".join(parts), raw)
        if raw.get("is_demo") is True or (role == "user" and message.text.startswith(DEMONSTRATION)):
            conversation.meta.setdefault("demonstration", []).append(message.text)
        elif role == "assistant":
            conversation.exchanges.append(Exchange(len(conversation.exchanges) + 1, message))
        elif conversation.exchanges:
            conversation.exchanges[-1].answers.append(message)
        else:
            opening["system" if role == "system" else "user"].append(message.text)
    conversation.system = _joined(opening["system"], "system_parts", conversation.meta) or None
    conversation.problem = _joined(opening["user"], "problem_parts", conversation.meta)
    return conversation


def _joined(texts: list[str], key: str, meta: dict[str, Any]) -> str:
    if len(texts) > 1:
        meta[key] = [len(text) for text in texts]
    return JOIN.join(texts)


def conversation_of(data: dict[str, Any]) -> Conversation:
    """The conversation of a row.

    Raises:
        Rejected: It has no list of messages, or one that cannot be taken apart.
    """
    messages = chat(data)
    if messages is None:
        raise Rejected(DropReason.MISSING_COLUMN, f"no list of messages under {', '.join(_COLUMNS)}")
    return split(messages)
