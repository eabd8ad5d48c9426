"""What a teacher is asked, and its answer as a draft.

The prompts are templates in `treadle/teacher/prompts/`, shown in full in docs/teacher.md. A second try is a further
turn of the same dialogue: the answer that was not taken, without its thoughts, and what was wrong with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from treadle.data.prompts import templates
from treadle.data.sources.thoughts import part_thought
from treadle.evaluate.records import Generation
from treadle.files.rows import Rejected
from treadle.scoring.thoughts import PLAIN, ThoughtTags, thoughts, without_thoughts
from treadle.teacher.drafts import Draft, Ending, Origin, OriginKind
from treadle.trajectory import Message

Command = Literal["solve", "rewrite"]
NOTHING = "(nothing)"
"""Stands for an answer that is empty but for its thoughts: a turn without text is refused by many templates."""


@dataclass(frozen=True)
class Assignment:
    """What a teacher is to do.

    Args:
        id, problem, answer, kind: As a draft has them.
        original: The solution to be rewritten; `None` where the problem is to be solved.
        thought: Of the original; kept with its rewriting.
    """

    id: str
    problem: str
    answer: str | None
    kind: str = "math"
    original: str | None = None
    thought: str = ""

    @property
    def command(self) -> Command:
        return "solve" if self.original is None else "rewrite"


@dataclass(frozen=True)
class Wording:
    """How a teacher is asked.

    Args:
        min_steps: Steps that a solution has at least.
        think: Whether `solve` asks for thoughts before the solution; reasoning models think by themselves.
        tags: Where thoughts begin and end.
    """

    min_steps: int = 2
    think: bool = False
    tags: ThoughtTags = PLAIN


def ask(assignment: Assignment, wording: Wording) -> list[Message]:
    """The chat messages of a first try."""
    opening, closing = wording.tags.pair
    shared = {"problem": assignment.problem, "min_steps": wording.min_steps}
    if assignment.original is None:
        text = _render("solve", **shared, think=wording.think, open=opening, close=closing)
    else:
        text = _render("rewrite", **shared, original=assignment.original)
    return [{"role": "user", "content": text}]


def ask_again(messages: Sequence[Message], text: str, fault: str) -> list[Message]:
    """The messages of a further try.

    Args:
        messages: Of the try before.
        text: What it gave, without thoughts.
        fault: What is wrong with that, in words.
    """
    said = {"role": "assistant", "content": text.strip() or NOTHING}
    return [*messages, said, {"role": "user", "content": _render("again", fault=fault.rstrip("."))}]


def draft_of(assignment: Assignment, generation: Generation, origin: Origin, tags: ThoughtTags = PLAIN) -> Draft:
    """An answer as a draft: thought and solution apart. A rewriting has its original's thought, not its writer's."""
    thought, text, is_open = parted(generation.text, tags)
    ending: Ending = "cut_off" if generation.truncated else "open_thought" if is_open else "complete"
    return Draft(
        problem_id=assignment.id,
        problem=assignment.problem,
        answer=assignment.answer,
        thought=thought if assignment.original is None else assignment.thought,
        text=text,
        n_tokens=generation.n_tokens,
        origin=origin,
        kind=assignment.kind,
        ending=ending,
        original=assignment.original,
    )


def parted(text: str, tags: ThoughtTags = PLAIN) -> tuple[str, str, bool]:
    """Thought and solution of an answer, and whether a thought is open where it ends.

    Thoughts stand between the tags of the model, or between other marks that models write
    (`treadle.data.sources.thoughts`).
    """
    whole = tags.restored(text)
    found = "\n\n".join(filter(None, thoughts(whole, tags)))
    is_open = whole.count(tags.open) > whole.count(tags.close)
    rest = without_thoughts(whole, tags).strip()
    if found or is_open:
        return found, rest, is_open
    try:
        other = part_thought(rest)
    except Rejected:
        return "", "", True
    return other.thought, other.rest.strip(), False


def prompt_digest(messages: Sequence[Message]) -> str:
    """SHA-256 of chat messages."""
    return hashlib.sha256(json.dumps(list(messages), sort_keys=True).encode()).hexdigest()


@cache
def templates_digest(command: OriginKind) -> str:
    """SHA-256 of the templates that a command asks with."""
    folder = files("treadle.teacher") / "prompts"
    text = "".join((folder / f"{name}.j2").read_text(encoding="utf-8") for name in (command, "again"))
    return hashlib.sha256(text.encode()).hexdigest()


def _render(name: str, **variables: object) -> str:
    return templates("treadle.teacher", "prompts").get_template(f"{name}.j2").render(**variables).strip()
