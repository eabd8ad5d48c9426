"""Calls that a model wrote as JSON in its text, and the turns that are made of them.

A call is an object with a name and arguments. Sources spell the keys in several ways, write several calls as a list or
one after the other, and some write Python's literals (single quotes, `True`) instead of JSON. The call's text stays in
`Step.call` byte for byte. What stands around it, such as a tag, is in `Step.before` and `Step.after`, so that thought,
before, call and after of a turn's steps are the turn's text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.turns import Turn, reasoning_of
from treadle.data.sources.messages import Exchange, Message
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

_NAMES = ("name", "tool_name", "tool", "function_name", "function", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "kwargs", "input", "tool_input", "action_input", "params")
_LONGEST_LITERAL = 20_000  # characters; Python's parser takes much memory for a text
_SEPARATORS = re.compile(r"[\s,;]*")
_OPENING = re.compile(
    r"\s*(?:<(?:(?:minimax:)?tool_calls?|function_calls?|functioncall|TOOLCALL|\|tool_calls?\||\|python_tag\||execute"
    r"|｜tool▁calls▁begin｜|\|tool_calls_section_begin\|)>|\[TOOL_CALLS\])?"
    r"\s*[\[,]?\s*\Z"
)
_DECODER = json.JSONDecoder()


class Piece(NamedTuple):
    """A call in a text: where its source begins and ends, and what it says.

    Args:
        name: `None` for a call whose text is the action as it stands.
    """

    start: int
    end: int
    name: str | None
    arguments: dict[str, Any]


def pieces(text: str, start: int, end: int, where: str) -> list[Piece]:
    """The calls in `text[start:end]`: one, a list, or several with white space or commas between.

    A list of several gives one piece a call, each with its own text.

    Raises:
        Rejected: It is no call.
    """
    found: list[Piece] = []
    position = _SEPARATORS.match(text, start).end()
    if text.startswith("[", position) and text[position:end].rstrip().endswith("]"):
        position, end = position + 1, position + len(text[position:end].rstrip()) - 1
        position = _SEPARATORS.match(text, position).end()
    while position < end:
        value, stop = _value(text, position, end, where)
        found.append(Piece(position, stop, *named(value, where)))
        position = _SEPARATORS.match(text, stop).end()
    if not found:
        raise Rejected(DropReason.BROKEN_CALL, f"{where}: no call in {text[start:end][:80]!r}")
    return found


def _value(text: str, start: int, end: int, where: str) -> tuple[Any, int]:
    try:
        value, stop = _DECODER.raw_decode(text, start)
        if stop <= end:
            return value, stop
    except (ValueError, RecursionError):
        pass
    written = text[start:end].rstrip()
    if len(written) <= _LONGEST_LITERAL:
        try:
            return ast.literal_eval(written), start + len(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    raise Rejected(DropReason.BROKEN_CALL, f"{where}: expected a call as JSON, found {text[start:end][:80]!r}")


def named(value: Any, where: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a call, however its keys are spelled.

    Raises:
        Rejected: It has no name, or arguments that are no object.
    """
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    value = value if isinstance(value, dict) else {}
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str) and value[key].strip()), None)
    if name is None:
        raise Rejected(DropReason.BROKEN_CALL, f"{where}: a call without a name: {str(value)[:80]!r}")
    arguments = next((value[key] for key in _ARGUMENTS if value.get(key) is not None), None)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else None
        except (ValueError, RecursionError):
            raise Rejected(
                DropReason.BROKEN_CALL, f"{where}: arguments of {name} are no JSON: {arguments[:80]!r}"
            ) from None
    if arguments is None:
        return name, {}
    if not isinstance(arguments, dict):
        found = type(arguments).__name__
        raise Rejected(DropReason.BROKEN_CALL, f"{where}: arguments of {name} are {found}, expected an object")
    return name, {str(key): argument for key, argument in arguments.items()}


def steps_of(text: str, calls: Sequence[Piece]) -> list[Step]:
    """A step for each call; what follows the last is in its `after`.

    The prose before a call is its thought; a tag that encloses the call is no part of it.
    """
    steps = []
    position = 0
    for k, call in enumerate(calls):
        last = k == len(calls) - 1
        end = len(text) if last else _tail(text, call.end, calls[k + 1].start)
        prose = text[position : call.start]
        thought = _OPENING.sub("", prose)
        source = text[call.start : call.end]
        steps.append(
            Step(
                source if call.name is None else render(call.name, call.arguments),
                thought=thought or None,
                before=prose[len(thought) :],
                after=text[call.end : end],
                call=None if call.name is None else source,
            )
        )
        position = end
    return steps


def _tail(text: str, end: int, limit: int) -> int:
    """Where what closes a call ends: its closing tag, if one follows."""
    close = re.compile(r"\s*</[^<>\n]*>").match(text, end, limit)
    return close.end() if close else end


def turn_of_text_calls(exchange: Exchange, calls: Sequence[Piece]) -> Turn:
    """The turn of a message whose text holds calls, each with its own result.

    Raises:
        Rejected: It is open which result answers which of several calls.
    """
    message = exchange.message
    answers = paired(len(calls), exchange.answers, exchange.where)
    return Turn(message.text, steps_of(message.text, calls), answers, reasoning_of(message.raw))


def paired(count: int, answers: Sequence[Message], where: str) -> list[list[str]]:
    """The texts that answered each of `count` calls.

    Several calls that nothing answered, at the end of a chat, have none. Else they are paired in order with as many
    tool messages, or with as many `<tool_response>` blocks or entries of a JSON list in the first message, without the
    white space, brackets and commas between these. What else was said follows the last.

    Raises:
        Rejected: There are several calls and another number of results than that.
    """
    texts = [answer.text for answer in answers]
    if count == 1:
        return [texts]
    if not texts:
        return [[] for _ in range(count)]
    results = [answer.text for answer in answers if answer.role == "tool"]
    if len(results) != count and len(texts) and (parts := _divided(texts[0])) and len(parts) == count:
        return [*([part] for part in parts[:-1]), [parts[-1], *texts[1:]]]
    if len(results) != count:
        detail = f"{where} has {count} calls and {len(results)} results"
        raise Rejected(DropReason.SEVERAL_ACTIONS, detail)
    split: list[list[str]] = [[result] for result in results]
    split[-1] += [answer.text for answer in answers if answer.role != "tool"]
    return split


def enclosed(text: str, name: str) -> list[tuple[int, int]]:
    """Where `<name>...</name>` stands in a text, tags included, in time linear in its length."""
    opening, closing = f"<{name}>", f"</{name}>"
    found = []
    start = text.find(opening)
    while start >= 0 and (end := text.find(closing, start)) >= 0:
        found.append((start, end + len(closing)))
        start = text.find(opening, end)
    return found


def _divided(text: str) -> list[str]:
    """The results in one message, if it holds nothing besides."""
    if blocks := enclosed(text, "tool_response"):
        ends = [0, *(end for _, end in blocks)]
        pieces = [text[a:b].strip() for a, b in pairwise(ends)]
        alone = all(piece.startswith("<tool_response>") for piece in pieces) and not text[ends[-1] :].strip()
        return pieces if alone else []
    try:
        values = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return []
    results, position = [], text.find("[") + 1
    for _ in values or ():
        start = _SEPARATORS.match(text, position).end()
        _, position = _DECODER.raw_decode(text, start)
        results.append(text[start:position])
    return results
