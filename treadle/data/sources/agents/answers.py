"""The answer that an agent ends with: written as an action in its text, or an argument of its last call.

In text it is the last line of a turn, or what follows `Final Answer:` at the end:

    Act: answer(12)      Act: finish      Action: finish[Paris]      Action: Answer\nFinal Answer: [12]
    answer(12)           finish[Paris]    TASK_COMPLETE              <solution>12</solution>

Those of the first line count as they stand, because the head names an action; those of the second only where the first
messages name them (`answer(`, `finish[`, `TASK_COMPLETE`, `<solution>`), so that the environment consumes them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from treadle.data.sources.columns import ANSWER_NAMES
from treadle.trajectory import Step

_NAME = r"(?P<name>(?:final_?)?answer|finish(?:ed)?|submit|done|exit|complete|end|stop|terminate|respond)"
_ENDS = re.compile(
    r"^[ \t*#]*(?:Act|Action)\**[ \t]*\d*[ \t]*:\**[ \t]*(?P<action>"
    rf"{_NAME}[ \t]*(?:\(.*\)|\[.*\])?"
    r"|Answer[ \t]*\n+[ \t]*Final Answer[ \t]*:.*"
    r")[ \t.]*\s*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_BARE = re.compile(
    rf"^[ \t]*(?P<action>{_NAME}[ \t]*(?P<bracket>[(\[])[^\n]*[)\]]|[A-Z]+(?:_[A-Z]+)+|TERMINATE"
    r"|<(?P<tag>solution|finish|submit|answer)>(?:(?!<(?P=tag)>).)*</(?P=tag)>)[ \t.]*\s*\Z",
    re.MULTILINE | re.DOTALL,
)
_GIVEN = re.compile(
    r"\A[\w ]*?[(\[](?P<inside>.*)[)\]]\Z|\A(?:.*?)Final Answer[ \t]*:(?P<line>.*)\Z", re.DOTALL | re.IGNORECASE
)
_ANSWER_CALLS = {"final_answer", "answer", "submit_answer", "finalanswer", "finish", "submit_final_answer"}
_ANSWER_ARGUMENTS = ("answer", "final_answer", "result")
_TAIL = 4000  # characters at the end of a turn in which the answer stands


def ending(text: str, opening: str) -> tuple[int, int, int] | None:
    """Where the action that ends a run stands at the end of a turn; `None` if none does.

    Args:
        opening: System text and problem, which may name actions that stand without a head.

    Returns:
        Where the prose before it ends, and begin and end of the action.
    """
    at = max(0, len(text) - _TAIL)
    tail = text[at:]
    if found := _ENDS.search(tail):
        return at + found.start(), at + found.start("action"), at + found.end("action")
    if (found := _BARE.search(tail)) and _mark(found) in opening:
        return at + found.start(), at + found.start("action"), at + found.end("action")
    return None


def _mark(found: re.Match[str]) -> str:
    if found["tag"]:
        return f"<{found['tag']}>"
    return f"{found['name']}{found['bracket']}" if found["name"] else found["action"]


def given_answer(step: Step) -> str | None:
    """The answer that a run's last step gives; `None` if it gives none."""
    if step.call is not None:
        return _of_call(step.call)
    if step.action.startswith("<solution>"):
        return step.action.removeprefix("<solution>").removesuffix("</solution>").strip() or None
    if not re.match(rf"(?:{_NAME})\b", step.action, re.IGNORECASE):
        return None
    found = _GIVEN.match(step.action)
    text = (found["inside"] or found["line"] or "").strip() if found else ""
    if text.startswith("[") and text.endswith("]") and "," not in text:
        text = text[1:-1]
    return text.strip("\"' ") or None


def _of_call(call: str) -> str | None:
    try:
        value: Any = json.loads(call)
    except ValueError:
        return None
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or str(function.get("name")).lower() not in _ANSWER_CALLS:
        return None
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    if not isinstance(arguments, dict):
        return None
    found = next((arguments[name] for name in _ANSWER_ARGUMENTS if arguments.get(name) is not None), None)
    return str(found).strip() or None if isinstance(found, str | int | float) else None


def reference_answer(data: dict[str, Any]) -> str | None:
    """The answer that the row gives beside the run; `None` if it gives none."""
    found = next((data[name] for name in ANSWER_NAMES if data.get(name) is not None), None)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    return str(found).strip() or None
