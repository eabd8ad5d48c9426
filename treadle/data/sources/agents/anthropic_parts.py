"""Content parts of Anthropic's messages as entries of a dialogue, in its own spelling and in those of others.

`text`, `thinking`, `tool_use` and `tool_result` (with its id, and text or parts as content), the same for tools that
the server runs (`server_tool_use`, `mcp_tool_use`, `web_search_tool_result` and whatever else ends so), `image` and
`document`. Also the parts of Vercel's AI SDK (`tool-call`, `tool-result`, `reasoning`) and of Amazon's Converse
(`toolUse`, `toolResult`), which name the same things otherwise.

A result that is neither text nor parts with text stands as JSON, without the server's encrypted content. Images are the
marker `[image]`, documents their text or `[document]`. Reasoning that is encrypted or redacted is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.dialogue import IMAGE, Entry
from treadle.data.sources.messages import as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

DOCUMENT = "[document]"

_TEXT = ("text", "input_text", "output_text")
_KNOWN = (*_TEXT, "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use", "image", "document")
_CONVERSE = {"toolUse": "tool_use", "toolResult": "tool_result", "reasoningContent": "thinking", "image": "image"}
_ENCRYPTED = ("encrypted_content", "encrypted_index", "encrypted_stdout", "signature")
_KEYS = {
    "call": ("id", "toolCallId", "toolUseId"),
    "result": ("tool_use_id", "toolCallId", "toolUseId", "tool_call_id"),
}


def kind_of(part: Any) -> str | None:
    """The type of a content part in Anthropic's spelling; `None` if it is no part."""
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if isinstance(kind, str) and kind:
        kind = kind.replace("-", "_")
        return {"tool_call": "tool_use", "reasoning": "thinking", "image_url": "image", "file": "document"}.get(
            kind, kind
        )
    found = next((name for name in _CONVERSE if isinstance(part.get(name), dict)), None)
    return _CONVERSE[found] if found else "text" if isinstance(part.get("text"), str) else None


def is_call(part: Any) -> bool:
    kind = kind_of(part)
    return kind is not None and kind.endswith("tool_use")


def is_result(part: Any) -> bool:
    kind = kind_of(part)
    return kind is not None and kind.endswith("tool_result")


def parts_of(content: Any) -> list[Any]:
    """Content as parts: text is one, null none; a list of parts that the source has as JSON text is read."""
    if isinstance(content, str):
        parts = as_list(content) if content[:2] == "[{" and '"type"' in content else None
        return parts if parts and all(kind_of(part) in _KNOWN or is_result(part) for part in parts) else [content]
    if isinstance(content, dict):
        return [content]
    return content if isinstance(content, list) else []


def entries_of(role: str, content: Any, where: str, message: Any = None) -> Iterator[Entry]:
    """The entries of a message.

    Args:
        role: `assistant`, or the kind of entry that texts of other speakers become.
        content: Its text or parts.
        where: Names the message.
        message: Its id, or its place.

    Raises:
        Rejected: A part is of an unknown type, or a call is broken.
    """
    if content is not None and not isinstance(content, str | list | dict):
        raise Rejected(DropReason.MALFORMED, f"content of {where} is {type(content).__name__}, expected text or parts")
    for part in parts_of(content):
        kind = "text" if isinstance(part, str) else kind_of(part)
        if kind in ("thinking", "redacted_thinking"):
            yield _thinking(part)
        elif kind is not None and kind.endswith("tool_use"):
            yield _call(part, where, message)
        elif kind is not None and kind.endswith("tool_result"):
            yield from _result(part, kind, where)
        else:
            if kind == "image":
                yield Entry("passed", "image")
            yield Entry("said" if role == "assistant" else role, text_of(part, where), message=message)


def text_of(part: Any, where: str) -> str:
    """The text of a part that is neither call nor result.

    Raises:
        Rejected: It is of an unknown type.
    """
    if isinstance(part, str):
        return part
    kind = kind_of(part)
    if kind in _TEXT and isinstance(part.get("text"), str):
        return part["text"]
    if kind == "image":
        return IMAGE
    if kind == "document":
        source = part.get("source")
        plain = isinstance(source, dict) and source.get("type") == "text" and isinstance(source.get("data"), str)
        return source["data"] if plain else DOCUMENT
    if kind == "search_result":
        return "".join(text_of(inner, where) for inner in parts_of(part.get("content")))
    if kind == "tool_reference":
        return as_json(part)
    found = repr(kind) if kind else type(part).__name__
    raise Rejected(
        DropReason.MALFORMED, f"{where} holds a part of type {found}, expected text, tool_use or tool_result"
    )


def _thinking(part: dict[str, Any]) -> Entry:
    inner = part.get("reasoningContent")
    inner = inner.get("reasoningText") if isinstance(inner, dict) else part
    found = (inner.get(key) for key in ("thinking", "text")) if isinstance(inner, dict) else ()
    text = next((text for text in found if isinstance(text, str) and text.strip()), None)
    return Entry("thought", text) if text else Entry("passed", "reasoning without text")


def _unwrapped(part: dict[str, Any]) -> dict[str, Any]:
    return next((part[name] for name in ("toolUse", "toolResult") if isinstance(part.get(name), dict)), part)


def _key(part: dict[str, Any], of: str) -> str | None:
    return next((part[key] for key in _KEYS[of] if isinstance(part.get(key), str) and part[key]), None)


def _call(part: dict[str, Any], where: str, message: Any) -> Entry:
    own = _unwrapped(part)
    name = own.get("name") or own.get("toolName")
    arguments = next((own[key] for key in ("input", "args", "arguments") if own.get(key) is not None), None)
    action = render(*read_call({"name": name, "arguments": arguments}, where))
    return Entry("call", key=_key(own, "call"), action=action, call=as_json(part), message=message)


def _result(part: dict[str, Any], kind: str, where: str) -> Iterator[Entry]:
    own = _unwrapped(part)
    if own.get("is_error") is True or own.get("status") == "error" or own.get("isError") is True:
        yield Entry("passed", "error flag of a result")
    content = next((own[key] for key in ("content", "output", "result") if own.get(key) is not None), None)
    if isinstance(content, dict) and content.get("type") in ("text", "json") and "value" in content:
        content = content["value"]
    pieces = [content] if isinstance(content, str) else parts_of(content)
    if isinstance(content, dict | list) and not all(_is_told(piece) for piece in pieces):
        text = as_json(_readable(content), ensure_ascii=False)
    elif content is None or isinstance(content, str | list | dict):
        text = "".join(_told(piece, where) for piece in pieces)
        yield from (Entry("passed", "image") for piece in pieces if kind_of(piece) == "image")
    else:
        text = as_json(content)
    yield Entry("result", text, key=_key(own, "result"))


def _is_told(piece: Any) -> bool:
    return isinstance(piece, str) or kind_of(piece) in (*_TEXT, "image", "document", "search_result", "tool_reference")


def _told(piece: Any, where: str) -> str:
    return text_of(piece, f"a result in {where}")


def _readable(value: Any) -> Any:
    """A result of the server without what only the server can read."""
    if isinstance(value, dict):
        return {key: _readable(inner) for key, inner in value.items() if key not in _ENCRYPTED and inner is not None}
    return [_readable(inner) for inner in value] if isinstance(value, list) else value
