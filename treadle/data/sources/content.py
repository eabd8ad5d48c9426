"""The content of a chat message as text: parts of text, the model's reasoning, what a tool answered.

Content is a text, a list of parts, one part or null. A part is a text or an object with `text` (LLaMA-Factory's newer
form: `value`). Parts of reasoning (`thinking`, `reasoning`) are no part of the turn's text. A tool's answer may be any
value: what is neither text nor parts with text stands as JSON.
"""

from __future__ import annotations

import json
from typing import Any

from treadle.data.sources.form import expect
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

JOIN = "\n\n"

_TEXT_PARTS = (None, "text", "input_text", "output_text")
_THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking")
_MEDIA = ("image", "audio", "video", "file", "document", "input_image", "input_audio", "input_file")
_PART_TEXTS = ("text", "value")
_THOUGHT_TEXTS = ("thinking", "reasoning", *_PART_TEXTS, "content", "summary")


def text_parts(value: Any, where: str) -> list[str]:
    """The text parts of a message's content: one of a string, none of null.

    Raises:
        Rejected: The content is of another type, or holds a part that is not text.
    """
    if not isinstance(value, list | dict):
        return [] if value is None else [expect(value, str, f"content of {where}")]
    return [_text_of(part, where) for part in (value if isinstance(value, list) else [value])]


def _text_of(part: Any, where: str) -> str:
    if _is_text(part):
        return part_text(part) or ""
    kind = type(part).__name__
    if isinstance(part, dict):
        kind = part.get("type") or f"with {', '.join(map(str, part))}"
    raise Rejected(DropReason.MALFORMED, f"{where} holds a part of type {kind!r}, expected text")


def _is_text(part: Any) -> bool:
    if not isinstance(part, dict):
        return part is None or isinstance(part, str)
    held = any(key in part for key in _PART_TEXTS)
    return held and part.get("type") in _TEXT_PARTS and isinstance(part_text(part), str | None)


def part_text(part: Any) -> Any:
    """What a part has as its text, whatever that is."""
    if not isinstance(part, dict):
        return part
    return next((part[key] for key in _PART_TEXTS if part.get(key) is not None), None)


def thought_text(value: Any) -> str:
    """The text of reasoning, which is a text, an object with one, or a list of these; empty for anything else."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, dict):
        return next((text for key in _THOUGHT_TEXTS if (text := thought_text(value.get(key)))), "")
    return JOIN.join(filter(None, map(thought_text, value))) if isinstance(value, list) else ""


def without_thoughts(raw: dict[str, Any]) -> dict[str, Any]:
    """A message of the assistant with the reasoning among its parts beside its content."""
    parts = raw.get("content")
    if not isinstance(parts, list) or not any(map(_is_thought, parts)):
        return raw
    thought = raw.get("reasoning_content") or thought_text([part for part in parts if _is_thought(part)]) or None
    return {**raw, "content": [part for part in parts if not _is_thought(part)], "reasoning_content": thought}


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _THOUGHT_PARTS


def result_parts(value: Any, error: Any, where: str) -> list[str]:
    """What a tool answered, as text parts.

    Args:
        value: The content of its message.
        error: What the message has of an error beside it, which counts where the content is empty.

    Raises:
        Rejected: It holds images or the like.
    """
    if error and value in (None, "", []):
        message = error.get("message") if isinstance(error, dict) else error
        return [message if isinstance(message, str) else _json(error, where)]
    parts = value if isinstance(value, list) else [value]
    if all(map(_is_text, parts)) or any(map(_is_media, parts)):
        return text_parts(value, where)
    return [_json(value, where)]


def _is_media(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    return isinstance(kind, str) and kind.removesuffix("_url") in _MEDIA


def _json(value: Any, where: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        raise Rejected(DropReason.MALFORMED, f"{where} is nested too deeply to be written as JSON") from None
