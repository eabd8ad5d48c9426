"""Where thoughts, actions and observations stand in a text with ReAct's labels.

Known labels, at the start of a line, numbered or not, in bold or not: `Thought:`, `Think:`, `Action:`, `Act:`,
`Action Input:`, `Observation:`, `Obs:`, `Final Answer:`, `Question:`; in a single turn also `Answer:`, which in a whole
run may be a line of an observation.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from treadle.data.sources.agents.turns import sliced
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

_LABEL = re.compile(
    r"^[ \t]*(?:\*\*|#{1,4} )?"
    r"(thought|think|reasoning|action[ _]input|action|act|observation|obs|final[ _]answer|question)"
    r"(?:[ _]?\d+)?[ \t]*(?:\*\*)?[ \t]*:(?:\*\*)?[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
_ANSWER = re.compile(r"^[ \t]*(?:\*\*)?answer[ \t]*(?:\*\*)?:(?:\*\*)?[ \t]*", re.MULTILINE | re.IGNORECASE)
_KIND = {"think": "thought", "reasoning": "thought", "act": "action", "obs": "observation"}


_PARTS = {"action": ("action input", "final answer"), "final answer": ("action input", "action")}


class Label(NamedTuple):
    """A label: its kind, where it begins, and where its content does."""

    kind: str
    start: int
    content: int


class Act(NamedTuple):
    """An action with its input: where its label, its content and its end are.

    Args:
        answered: The position of the observation that follows it in the same text.
        labelled: Whether it has parts with labels of their own: an input, or a final answer.
    """

    start: int
    content: int
    end: int
    answered: int | None
    labelled: bool


def turn_labels(text: str) -> list[Label]:
    """The labels of one turn, in order; `Answer:` is a final answer."""
    answers = [Label("final answer", match.start(), match.end()) for match in _ANSWER.finditer(text)]
    return sorted([*labels(text), *answers], key=lambda label: label.start)


def labels(text: str) -> list[Label]:
    """The labels of a text, in order."""
    found = []
    for match in _LABEL.finditer(text):
        kind = re.sub(r"[ _]", " ", match[1].lower())
        found.append(Label(_KIND.get(kind, kind), match.start(), match.end()))
    return found


def acts(text: str, found: list[Label]) -> list[Act]:
    """The actions of a text; a final answer is one, and belongs to the action right before or after it."""
    result = []
    k = 0
    while k < len(found):
        first = found[k]
        k += 1
        if first.kind not in ("action", "final answer"):
            continue
        labelled = first.kind == "final answer"
        while k < len(found) and found[k].kind in _PARTS[first.kind]:
            labelled = True
            k += 1
        following = found[k] if k < len(found) else None
        end = following.start if following else len(text)
        answered = end if following and following.kind == "observation" else None
        content = first.start if first.kind == "final answer" else first.content
        result.append(Act(first.start, content, end, answered, labelled))
    return result


def step_of(text: str, act: Act, labelled: bool, where: str) -> Step:
    """The step of a turn: the prose before the label is the thought, the action follows the label.

    Args:
        labelled: Begin the action with its label, where actions of the trajectory have an input with a label.
    """
    label = len(text[act.start : act.content]) - len(text[act.start : act.content].lstrip())
    return sliced(text, act.start, act.start + label if labelled else act.content, act.end, where)


def whole(text: str, start: int, where: str) -> tuple[str, list[Step], str]:
    """A whole run in one text, from `start`: the text before, the steps with their observations, the text after.

    The three put together are the text, an observation following each step's text.

    Raises:
        Rejected: An action before the last has no observation, or is empty.
    """
    found = acts(text, [label for label in labels(text) if label.start >= start])
    labelled = any(act.labelled for act in found)
    steps = []
    position = start
    for k, act in enumerate(found):
        last = k == len(found) - 1
        if act.answered is None and not last:
            detail = f"{where}: action {k + 1} is not followed by an observation: {text[act.start : act.start + 80]!r}"
            raise Rejected(DropReason.SEVERAL_ACTIONS, detail)
        turn = text[position : act.end]
        moved = Act(*(value - position for value in act[:3]), None, act.labelled)
        step = step_of(turn, moved, labelled, f"{where}, action {k + 1}")
        position = act.end
        if act.answered is not None:
            position = _next_turn(text, act.answered)
            step = Step(
                step.action,
                thought=step.thought,
                observation=text[act.answered : position],
                before=step.before,
                after=step.after,
            )
        steps.append(step)
    return text[:start], steps, text[position:]


def _next_turn(text: str, observation: int) -> int:
    """Where the observation that begins at `observation` ends."""
    following = (m for m in _LABEL.finditer(text, observation + 1))
    kinds = ("observation", "obs", "question")
    return next((m.start() for m in following if m[1].lower() not in kinds), len(text))
