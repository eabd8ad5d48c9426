"""A tool call as text: the one rendering of it, whether an expert's source has it or a model's completion; and back.

A call becomes what SWE-smith and OpenHands write where a model has no native calls:

    <function=NAME>
    <parameter=KEY>VALUE</parameter>
    </function>

A value of several lines stands on lines of its own, as both write it; a value that is not a string is JSON on one line
(`[790, 800]`, `true`, `null`), and keys stay in the order of the source. So the reward compares the same text for a
source with native calls and for one without. `calls_of` reads calls back, also those that a model writes as JSON, bare
or between tags such as `<tool_call>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

_FUNCTION = re.compile(r"<function=([^>\n]{1,200})>")
_PARAMETER = re.compile(r"<parameter=([^>\n]{1,200})>\n?((?:(?!<parameter=).)*?)\n?</parameter>", re.DOTALL)
_TAG = re.compile(r"<\|?(?:tool_calls?|function_calls?)\|?>|\[TOOL_CALLS\]|<functioncall>|<\|python_tag\|>")
_END = "</function>"


class Call(NamedTuple):
    """A call that was read from a text.

    Args:
        name: Of the function.
        arguments: Pairs of key and value as text, as they stand there, a key that is repeated as often as it is. A bare
            command, which has no function, has one argument without a key (`treadle.scoring.step_actions`).
        text: The call alone.
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    text: str

    @property
    def is_command(self) -> bool:
        """Whether it is a bare command."""
        return [key for key, _ in self.arguments] == [""]


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as text; what JSON has no form for, such as a table's dates, as Python's own text.

    Raises:
        ValueError, RecursionError: A value is circular or nested too deeply.
    """
    lines = [f"<function={name}>"]
    for key, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        if "\n" in text:
            text = f"\n{text}\n"
        lines.append(f"<parameter={key}>{text}</parameter>")
    return "\n".join([*lines, "</function>"])


def parsed_call_text(call: Any) -> str:
    """A call of a message's `tool_calls` as text; one of another shape than OpenAI's as JSON."""
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return json.dumps(call, ensure_ascii=False, default=str)
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments)
    return call_text(function["name"], arguments if isinstance(arguments, Mapping) else {"arguments": arguments})


def calls_of(text: str) -> Iterator[Call]:
    """The calls of a text in order: those in the form of `call_text`, or where there is none those that are JSON.

    A call that does not end takes all that follows.
    """
    if _FUNCTION.search(text) is None:
        text = "\n".join(_json_calls(text))
    start = 0
    while match := _FUNCTION.search(text, start):
        end = text.find(_END, match.end())
        body = text[match.end() : end if end >= 0 else len(text)]
        start = end + len(_END) if end >= 0 else len(text)
        arguments = tuple((key.strip(), value) for key, value in _PARAMETER.findall(body))
        yield Call(match[1].strip(), arguments, text[match.start() : start])


def _json_calls(text: str) -> Iterator[str]:
    """The calls that are written as JSON, in the form of `call_text`, up to one that cannot be read."""
    tag = _TAG.search(text)
    start = tag.end() if tag else 0
    with suppress(ValueError, RecursionError):
        while (start := _after(text, start)) < len(text):
            if text[start] != "{":
                tag = _TAG.search(text, start)
                if tag is None:
                    return
                start = tag.end()
                continue
            call, start = json.JSONDecoder().raw_decode(text, start)
            function: Any = call.get("function", call)
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                return
            if "arguments" not in function and "parameters" in function:
                function = {**function, "arguments": function["parameters"]}
            yield parsed_call_text(function)


def _after(text: str, start: int) -> int:
    """The place of the first character that does not stand between the calls of a list."""
    while start < len(text) and (text[start].isspace() or text[start] in "[,]"):
        start += 1
    return start
