"""A tool call as text: the one rendering of it, whether an expert's source has it or a model's completion.

A call becomes what SWE-smith and OpenHands write where a model has no native calls:

    <function=NAME>
    <parameter=KEY>VALUE</parameter>
    </function>

A value of several lines stands on lines of its own, as both write it; a value that is not a string is JSON on one line
(`[790, 800]`, `true`, `null`), and keys stay in the order of the source. So the reward compares the same text for a
source with native calls and for one without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


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
