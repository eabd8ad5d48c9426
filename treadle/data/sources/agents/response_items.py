"""Items of OpenAI's Responses API as entries of a dialogue: messages, calls and their outputs, reasoning.

- `message` (or an item with a role and no type), its parts `input_text`, `output_text` and `refusal`;
- `function_call`, `custom_tool_call` (free text, shown as its parameter `input`), `mcp_call`, `local_shell_call`,
  `shell_call`, `apply_patch_call`, `computer_call` and whatever else ends in `_call`: the action is the tool's name
  with its arguments, else the fields of its `action` or `operation`, else its own;
- what ends in `_output` answers the call of its `call_id`. A call that the server ran has its result in itself
  (`output`, `results`, `outputs`, `error`), or none that is shown;
- `reasoning`: its `content` where it is open, else its `summary`.

An output that is neither text nor text parts stands as JSON. Other items are passed over and counted by type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.dialogue import IMAGE, Entry
from treadle.data.sources.form import expect
from treadle.data.sources.messages import JOIN, as_dict, as_list, role_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

_TEXTS = ("text", "refusal")
_IMAGES = ("input_image", "computer_screenshot", "image", "image_url", "output_image")
_FILES = ("input_file", "file", "input_audio")
_BOOKKEEPING = (
    "id",
    "type",
    "status",
    "call_id",
    "caller",
    "namespace",
    "extra",
    "metadata",
    "internal_chat_message_metadata_passthrough",
)
_RESULTS = ("output", "results", "outputs", "result", "error")
_SERVER_RUN = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call")
_TURNED = {"function": "function_call", "custom_tool": "custom_tool_call"}

Action = Callable[[str, dict[str, Any]], str]


def kind_of(item: Any) -> str | None:
    """The type of an item; `message` where it has a role alone, `None` if it is no item."""
    if not isinstance(item, dict):
        return None
    kind = item.get("type")
    if isinstance(kind, str) and kind:
        return kind
    return "message" if isinstance(item.get("role"), str) else None


def acts(item: Any) -> bool:
    """Whether an item is a call or the output of one, and not an entry of some other log."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not kind.endswith(("_call", "_call_output")):
        return False
    return isinstance(item.get("call_id"), str) or kind in (*_SERVER_RUN, "local_shell_call", "shell_call")


def entries_of(items: list[Any], action: Action = render, first: int = 0) -> Iterator[Entry]:
    """The entries of items, in order.

    Args:
        action: What the environment consumes, from a call's name and arguments.
        first: The place of the first item.

    Raises:
        Rejected: An item is none, holds a part of an unknown type, or a call is broken.
    """
    for index, item in enumerate(items, first):
        where = f"item {index}"
        kind = kind_of(expect(item, dict, where))
        if kind == "message":
            yield from _message(item, where, index)
        elif kind == "reasoning":
            yield _reasoning(item)
        elif kind is not None and kind.endswith("_output"):
            yield from _output(item, where)
        elif kind is not None and kind.endswith("_call"):
            yield from _call(item, kind, where, action, index)
        elif kind is None:
            raise Rejected(
                DropReason.MALFORMED, f"{where} has neither type nor role, but {', '.join(map(str, item))[:80]}"
            )
        else:
            yield Entry("passed", kind)


def _message(item: dict[str, Any], where: str, place: int) -> Iterator[Entry]:
    role = role_of(item)
    if role is None:
        raise Rejected(
            DropReason.MALFORMED, f"{where} has the role {item.get('role')!r}, expected user, assistant or system"
        )
    text, images = texts_of(item.get("content"), where)
    yield from (Entry("passed", "image") for _ in range(images))
    yield Entry({"assistant": "said", "tool": "user"}.get(role, role), text, message=place)


def texts_of(content: Any, where: str) -> tuple[str, int]:
    """Content as one text, with markers for images, and how many there are.

    Raises:
        Rejected: It holds a part of an unknown type.
    """
    if content is None or isinstance(content, str):
        return content or "", 0
    texts, images = [], 0
    for part in [content] if isinstance(content, dict) else expect(content, list, f"content of {where}"):
        kind = part.get("type") if isinstance(part, dict) else None
        text = (
            next((part[key] for key in _TEXTS if isinstance(part.get(key), str)), None)
            if kind or isinstance(part, dict)
            else part
        )
        if kind in _IMAGES:
            text, images = IMAGE, images + 1
        elif kind in _FILES:
            text = f"[{kind}]"
        if not isinstance(text, str):
            found = repr(kind) if kind else type(part).__name__
            raise Rejected(
                DropReason.MALFORMED, f"{where} holds a part of type {found}, expected input_text or output_text"
            )
        texts.append(text)
    return "".join(texts), images


def _reasoning(item: dict[str, Any]) -> Entry:
    for key in ("content", "summary"):
        parts = item.get(key)
        parts = [parts] if isinstance(parts, str) else as_list(parts) or []
        texts = [part if isinstance(part, str) else as_dict(part).get("text") for part in parts]
        texts = [text for text in texts if isinstance(text, str) and text.strip()]
        if texts:
            return Entry("thought", JOIN.join(texts))
    return Entry("passed", "reasoning without text")


def _key(item: dict[str, Any]) -> str | None:
    return next((item[key] for key in ("call_id", "id") if isinstance(item.get(key), str) and item[key]), None)


def _call(item: dict[str, Any], kind: str, where: str, action: Action, place: int) -> Iterator[Entry]:
    name = item.get("name")
    if kind in ("function_call", "mcp_call"):
        arguments = item.get("arguments")
    elif kind == "custom_tool_call":
        arguments = {"input": expect(item.get("input"), str, f"input of {where}")}
    else:
        name = name or kind.removesuffix("_call")
        own = next((item[key] for key in ("action", "operation") if isinstance(item.get(key), dict)), item)
        arguments = {
            k: v for k, v in own.items() if k not in (*_BOOKKEEPING, *_RESULTS) or (k == "type" and own is not item)
        }
    text = action(*read_call({"name": name, "arguments": arguments}, where))
    key = _key(item)
    yield Entry("call", key=key, action=text, call=as_json(item), message=place)
    results = [item[name] for name in _RESULTS if item.get(name) is not None]
    if kind in _SERVER_RUN or results:
        yield Entry(
            "result",
            as_json(results[0], False) if results and not isinstance(results[0], str) else "".join(results),
            key=key,
        )


def _output(item: dict[str, Any], where: str) -> Iterator[Entry]:
    output = item.get("output", item.get("tools"))  # what `tool_search_output` found
    if isinstance(output, dict) and isinstance(output.get("content"), str | list):
        output = output["content"]  # Codex once wrote it with `success` beside it
    parts = [output] if isinstance(output, dict) else output
    try:
        text, images = texts_of(parts, where)
    except Rejected:
        text, images = as_json(output, ensure_ascii=False), 0
    yield from (Entry("passed", "image") for _ in range(images))
    yield Entry("result", text, key=_key(item))
