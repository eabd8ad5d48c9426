"""Tool calls and tools as text: one rendering of a call, whichever way the source wrote it.

The text is that of `treadle.scoring.calls`, in which models' calls are compared with it. It is for reading and
comparing: the call itself stays beside it as JSON (`Step.call`), in which the source's text of the arguments is found
byte for byte.
"""

from __future__ import annotations

import json
import reprlib
from typing import Any

from treadle.data.sources.messages import as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.literals import literal
from treadle.files.rows import Rejected
from treadle.scoring.calls import call_text

_NAMES = ("name", "tool", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input", "params")
_CALL_KEYS = {*_NAMES, "id", "type", "index", "function", "call_id"}


def render(name: str, arguments: dict[str, Any]) -> str:
    """A call as text.

    Raises:
        Rejected: A value is nested too deeply to be written.
    """
    try:
        return call_text(name, arguments)
    except (ValueError, RecursionError):
        raise _too_deep() from None


def read_call(call: Any, where: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a call, as `{"function": {"name", "arguments"}}` or without the outer object.

    The name may be the text under `function` (inspect_ai) or `tool`, arguments may stand under `parameters`, `args` or
    `input`. Empty text, null and `{}` are no arguments, and so is nothing, where the call has nothing but its name and
    id. Text may be JSON, JSON of such text, or what Python prints. Where the arguments are an object instead of text,
    keys without value are left out: tables fill the columns of all tools with null.

    Raises:
        Rejected: There is no name, no arguments beside other keys, or they are not an object or JSON text of one.
    """
    function = call.get("function", call) if isinstance(call, dict) else None
    if isinstance(function, str):
        function = as_dict(function) or {**call, "name": function}
    if not isinstance(function, dict):
        raise _broken(where, "a shape other than an object", call)
    name = next((function[key] for key in _NAMES if isinstance(function.get(key), str)), None)
    if not isinstance(name, str) or not name.strip():
        raise _broken(where, "no name", call)
    key = next((key for key in _ARGUMENTS if key in function), None)
    if key is None and not function.keys() <= _CALL_KEYS:
        raise _broken(where, "no arguments", call)
    arguments = function[key] if key else {}
    if isinstance(arguments, dict):
        return name, {str(key): value for key, value in arguments.items() if value is not None}
    for _ in range(2):  # some sources have text of text
        if isinstance(arguments, str):
            arguments = _loaded(arguments, where, call)
    if arguments is None:
        return name, {}
    if not isinstance(arguments, dict):
        raise _broken(where, f"arguments that are {type(arguments).__name__} instead of an object", call)
    return name, arguments


def _loaded(text: str, where: str, call: Any) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        if (found := literal(text)) is not None:
            return found
        raise _broken(where, "arguments that are not JSON", call) from None


def _broken(where: str, what: str, call: Any) -> Rejected:
    return Rejected(DropReason.BROKEN_CALL, f"{where}, a call with {what}: {reprlib.repr(call)}")


def as_json(value: Any, ensure_ascii: bool = True) -> str:
    """`value` as JSON; what JSON has no form for, such as a table's dates, as text.

    Raises:
        Rejected: It is nested too deeply to be written.
    """
    try:
        return json.dumps(value, ensure_ascii=ensure_ascii, default=str)
    except (ValueError, RecursionError):
        raise _too_deep() from None


def _too_deep() -> Rejected:
    return Rejected(DropReason.BROKEN_CALL, "a call is nested too deeply to be written as JSON")


_EXAMPLE = render("NAME", {"KEY": "VALUE"})


def with_tools(system: str | None, tools: Any) -> str | None:
    """The system text with a description of the tools after it, where the source lists them apart from it.

    Args:
        tools: JSON schemas as OpenAI has them, or without the outer object, or that as JSON text. Entries without a
            name are left out.
    """
    described = [text for tool in as_list(tools) or () if (text := _tool(tool))]
    if not described or "---- BEGIN FUNCTION" in (system or ""):  # OpenHands' own description, part of the prompt
        return system
    text = f"You can call these functions, in this form:\n\n{_EXAMPLE}\n\n" + "\n\n".join(described)
    return f"{system}\n\n{text}" if system else text


def _tool(tool: Any) -> str | None:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    lines = [f"{function['name']}: {function.get('description') or 'no description'}".rstrip()]
    schema = function.get("parameters", function.get("input_schema"))
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not any(properties.values()):
        return "\n".join([*lines, "Parameters: none"])
    required = schema.get("required")
    lines.append("Parameters:")
    for key, about in properties.items():
        if isinstance(about, dict):
            needed = "required" if isinstance(required, list) and key in required else "optional"
            text = f"- {key} ({about.get('type') or 'any'}, {needed}): {about.get('description') or 'no description'}"
            if isinstance(about.get("enum"), list):
                text += f" One of {as_json(about['enum'], ensure_ascii=False)}."
            lines.append(text)
    return "\n".join(lines)
