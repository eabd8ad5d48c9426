"""What an agent is told, and the syntax of its calls: to the letter what trajectories of SWE-smith have.

The system text and the task become `Trajectory.system` and `Trajectory.problem`, in training and in an episode alike;
what is around them is the template of domain `agent` (`treadle.data.prompts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from treadle.data.sources.agents.xml_blocks import FUNCTION, blocks, parameters
from treadle.evaluate.swe.wording import worded

MOUNT = "/testbed"
"""Where an agent finds the repository."""
NAMES = {
    "bash": ("command",),
    "submit": (),
    "str_replace_editor": ("command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"),
}
"""The tools and their parameters."""


def system_text() -> str:
    """The rules and the tools, as the system message has them."""
    return worded("agent/system.j2")


def task_text(issue: str, mount: str = MOUNT) -> str:
    """The task as the first message of the user has it, around the text of an issue."""
    return worded("agent/task.j2", issue=issue, mount=mount)


@dataclass(frozen=True)
class Call:
    """A call of a tool.

    Args:
        text: As it stands in the model's text: the action of a step.
        before: What the model wrote before it.
    """

    name: str
    arguments: Mapping[str, str]
    text: str
    before: str = ""


@dataclass(frozen=True)
class CallFault:
    """Why a text holds no call that can be carried out, in a line for the model."""

    reason: str


def call_text(name: str, **arguments: str) -> str:
    """A call in the syntax of the trajectories; values of several lines stand on lines of their own."""
    lines = [f"<function={name}>"]
    for key, value in arguments.items():
        inside = f"\n{value}\n" if "\n" in value else value
        lines.append(f"<parameter={key}>{inside}</parameter>")
    return "\n".join([*lines, "</function>"])


def parse_call(text: str, whole: bool = True) -> Call | CallFault:
    """The call of a model's text, think blocks parted off before.

    Args:
        whole: Whether the text ended by itself: then `</function>` may be missing, which a stop sequence takes away.

    Returns:
        The call, or why there is none: none was begun, one is broken, there are several, the tool or a parameter is
        unknown. A line break after the opening of a value and one before its end are not part of the value.
    """
    found = blocks(text)
    if not found:
        begun = FUNCTION.search(text)
        return CallFault(
            "the function call is not complete: every parameter needs its </parameter>, and the call its </function>"
            if begun
            else "no function call was found: end with one call that starts with <function= and ends with </function>"
        )
    if len(found) > 1:
        return CallFault(f"{len(found)} function calls were found: only call one function at a time")
    block = found[0]
    if not block.closed and not whole:
        return CallFault("the text was cut off before </function>")
    name = text[block.start :].partition(">")[0].removeprefix("<function=").strip()
    if name not in NAMES:
        return CallFault(f"there is no function {name[:80]!r}: expected one of {', '.join(NAMES)}")
    arguments: dict[str, str] = {}
    for key, value in parameters(text, block):
        if key not in NAMES[name]:
            known = ", ".join(NAMES[name]) or "none"
            return CallFault(f"function {name} has no parameter {key[:80]!r}: it has {known}")
        if key in arguments:
            return CallFault(f"parameter {key!r} is given twice")
        arguments[key] = value.removeprefix("\n").removesuffix("\n")
    return Call(name, arguments, text[block.start : block.end], text[: block.start].rstrip())
