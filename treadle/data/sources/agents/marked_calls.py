"""Calls in the marks of particular models and tools, beside JSON between tags.

- `<invoke name="..."><parameter name="...">` (Claude's text, MiniMax);
- `<function=NAME>{...}</function>` (Llama 3.1);
- `<｜tool▁call▁begin｜>...<｜tool▁call▁end｜>` (DeepSeek) and `<|tool_call_begin|>...<|tool_call_end|>` (Kimi K2), each
  with a name and JSON;
- `<execute>` around code (CodeAct), whose action is the code; `<execute_bash>` and its like (older OpenHands), whose
  action is the block, because the tag names the tool.

A call that is not closed is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from treadle.data.sources.agents.text_calls import Piece
from treadle.data.sources.report import DropReason
from treadle.files.literals import literal
from treadle.files.rows import Rejected


class Marks(NamedTuple):
    """How a call is written: how it begins, what opens it, with the name, and what closes it."""

    beginning: str
    opening: re.Pattern[str]
    closing: str


_JSON = (
    Marks("<function=", re.compile(r"<function=(?P<name>[\w.-]+)>(?=\s*\{)"), "</function>"),
    Marks(
        "<｜tool▁call▁begin｜>",
        re.compile(r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<name>[\w.-]+)(?:<｜tool▁sep｜>|\s*```json\n)"),
        "<｜tool▁call▁end｜>",
    ),
    Marks(
        "<|tool_call_begin|>",
        re.compile(
            r"<\|tool_call_begin\|>\s*(?:functions\.)?(?P<name>[\w.-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>"
        ),
        "<|tool_call_end|>",
    ),
)
_INVOKE = Marks("<invoke name=", re.compile(r"<invoke name=[\"'](?P<name>[^\"'<>\n]+)[\"']>"), "</invoke>")
_CODE = re.compile(r"<(?P<tag>execute(?P<tool>_\w+)?)>")
_PARAMETER = re.compile(r"<parameter name=[\"']([^\"'<>\n]+)[\"'][^<>\n]*>")
_EXECUTE = "<execute"
_BEGINNINGS = (*(marks.beginning for marks in (*_JSON, _INVOKE)), _EXECUTE)


def may_act(text: str) -> bool:
    """Whether a text may hold such a call; cheap, and right where it says no."""
    return "<" in text and any(beginning in text for beginning in _BEGINNINGS)


def marked_calls(text: str, where: str) -> list[Piece]:
    """The calls of a text, in order.

    Raises:
        Rejected: The arguments of a call are no object as JSON.
    """
    if not may_act(text):
        return []
    found = [_of_json(text, match, end, stop, where) for marks in _JSON for match, end, stop in _closed(text, marks)]
    found += [
        Piece(match.start(), stop, match["name"], _parameters(text[match.end() : end]))
        for match, end, stop in _closed(text, _INVOKE)
    ]
    found += _code(text)
    return sorted(found, key=lambda piece: piece.start)


def _closed(text: str, marks: Marks) -> Iterator[tuple[re.Match[str], int, int]]:
    """What opens each call, where its content ends and where the call does, in time linear in the text."""
    at = text.find(marks.beginning)
    while at >= 0 and (opening := marks.opening.search(text, at)):
        end = text.find(marks.closing, opening.end())
        if end < 0:
            return
        at = end + len(marks.closing)
        yield opening, end, at


def _of_json(text: str, opening: re.Match[str], end: int, stop: int, where: str) -> Piece:
    written = text[opening.end() : end].strip().removesuffix("```").strip()
    try:
        arguments: Any = json.loads(written) if written else {}
    except (ValueError, RecursionError):
        arguments = literal(written)
    if not isinstance(arguments, dict):
        detail = f"{where}: arguments of {opening['name']} are no object as JSON: {written[:80]!r}"
        raise Rejected(DropReason.BROKEN_CALL, detail)
    return Piece(opening.start(), stop, opening["name"], {str(key): value for key, value in arguments.items()})


def _parameters(body: str) -> dict[str, Any]:
    openings = list(_PARAMETER.finditer(body))
    limits = [opening.start() for opening in openings[1:]] + [len(body)]
    found = {}
    for opening, limit in zip(openings, limits, strict=True):
        value = body[opening.end() : limit]
        close = value.rfind("</parameter>")
        found[opening[1]] = value[:close] if close >= 0 else value.rstrip()
    return found


def _code(text: str) -> Iterator[Piece]:
    at = text.find(_EXECUTE)
    while at >= 0 and (opening := _CODE.search(text, at)):
        closing = f"</{opening['tag']}>"
        end = text.find(closing, opening.end())
        if end < 0:
            return
        at = end + len(closing)
        code = text[opening.end() : end]
        if opening["tool"]:
            yield Piece(opening.start(), at, None, {})
        elif code.strip():
            start = opening.end() + len(code) - len(code.lstrip())
            yield Piece(start, opening.end() + len(code.rstrip()), None, {})
