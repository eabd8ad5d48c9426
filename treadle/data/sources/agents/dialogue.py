"""Conversations whose calls and results are entries beside what is said, put together as turns of the assistant.

Anthropic's content parts, OpenAI's Responses items and the session logs of Claude Code and Codex have that in common.
Each form turns its own parts into entries, in order; here they become turns:

- a turn is what the assistant said, thought and called up to the next result or word of another speaker, and ends
  before it thinks again, so that each reasoning stays with the calls that follow it;
- the text before a call is its thought; what is said after the last call of a turn is that step's `after`;
- a result belongs to the call that it names. One that names none is the next call's of the turn that has no result;
  one that names an unknown call follows the last call, as the words of a user between two turns do;
- reasoning that is logged behind its calls, so that a result and no call follows it, is theirs;
- texts of one message are joined as they are, those of several by a blank line. `meta["passed_events"]` counts the
  entries that are no part of the conversation.

An image is the marker `[image]` in the text that it stands in. A run in which half or more of the answered calls, or
the problem, are nothing but images is dropped: what it acted on is not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from treadle.data.sources.agents.turns import Turn, assemble, beside
from treadle.data.sources.messages import JOIN, as_dict
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

IMAGE = "[image]"
TASKS = ("problem_statement", "instruction", "problem", "question", "prompt")
"""Columns that may have the problem of a row whose conversation does not."""


class Entry(NamedTuple):
    """A piece of a conversation.

    Args:
        kind: `system`, `user`, `harness` (a text of the tool around the agent in a user's place), `said`, `thought`,
            `call`, `result`, or `passed` (no part of the conversation; `text` names what it was).
        text: What was said, thought or answered.
        key: The id of a call, or of the call that a result answers.
        action: A call as text.
        call: A call as the source has it, as JSON.
        message: Tells apart the messages of the assistant: its id, or its place.
    """

    kind: str
    text: str = ""
    key: str | None = None
    action: str = ""
    call: str = ""
    message: Any = None


@dataclass
class Spoken:
    """A turn while it is put together.

    Args:
        parts: For each step, and for what follows the last one, the texts of its messages.
        words: Who answered it and what was said, where it is no result of a call.
    """

    steps: list[Step] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    parts: list[list[str]] = field(default_factory=lambda: [[]])
    words: list[tuple[str, str]] = field(default_factory=list)
    closed: bool = False
    message: Any = None

    @property
    def asks(self) -> bool:
        """Whether it did nothing and the user answered."""
        return not self.steps and any(kind == "user" for kind, _ in self.words)

    @property
    def results(self) -> int:
        """How many of its calls have a result; the words that follow the last one are none."""
        counts = [len(texts) for texts in self.answers]
        return sum(count > 0 for count in counts) - (bool(counts) and 0 < counts[-1] == len(self.words))

    def turn(self) -> Turn:
        """The turn as all forms have it."""
        text = "".join(JOIN.join(texts) for texts in self.parts)
        parts = tuple(map(len, self.parts[0])) if len(self.parts[0]) > 1 else ()
        thoughts = JOIN.join(self.thoughts) or None
        if not self.steps:
            kinds = {kind for kind, _ in self.words}
            by = "user" if "user" in kinds or not kinds else "harness" if "harness" in kinds else "tool"
            return Turn(text, [], [[text for _, text in self.words]], thoughts, by, parts)
        tail = JOIN.join(self.parts[-1])
        steps = [*self.steps[:-1], replace(self.steps[-1], after=tail)] if tail else list(self.steps)
        return Turn(text, steps, self.answers, thoughts, parts=parts)


@dataclass
class Dialogue:
    """A conversation taken apart."""

    system: list[str] = field(default_factory=list)
    opening: list[tuple[str, str]] = field(default_factory=list)
    turns: list[Spoken] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)

    def meta(self) -> dict[str, Any]:
        """What is needed to put it together again, and what was passed over; `None` where there is nothing to say."""
        system, problem = [len(text) for text in self.system], [len(text) for _, text in self.opening]
        parts = (("system_parts", system), ("problem_parts", problem))
        return {"passed_events": dict(self.passed) or None} | {k: v if len(v) > 1 else None for k, v in parts}


class _Builder:
    """Collects entries in order."""

    def __init__(self) -> None:
        self.made = Dialogue()
        self._asked: dict[str, tuple[str, list[str]]] = {}

    def add(self, entry: Entry) -> None:
        if entry.kind in ("said", "thought", "call"):
            self._speak(entry)
        elif entry.kind == "result":
            self._answer(entry)
        elif entry.kind == "system" and not self.made.turns:
            self.made.system.append(entry.text)
        elif entry.kind == "passed":
            self.made.passed[entry.text] += 1
        else:
            self._hear("harness" if entry.kind == "system" else entry.kind, entry.text)

    def _speak(self, entry: Entry) -> None:
        if entry.kind == "said" and not entry.text:
            return
        if entry.kind == "call" and self._asked.get(entry.key) == (entry.call, []):
            self.made.passed["call that was logged twice"] += 1
            return
        turns = self.made.turns
        if not turns or turns[-1].closed or (entry.kind == "thought" and turns[-1].steps):
            turns.append(Spoken())
        turn = turns[-1]
        if entry.kind == "thought":
            turn.thoughts.append(entry.text)
        elif entry.kind == "said":
            texts = turn.parts[-1]
            if texts and turn.message == entry.message:
                texts[-1] += entry.text
            else:
                texts.append(entry.text)
            turn.message = entry.message
        else:
            turn.steps.append(beside(JOIN.join(turn.parts[-1]), entry.action, entry.call))
            turn.parts.append([])
            turn.answers.append([])
            if entry.key is not None:
                self._asked[entry.key] = (entry.call, turn.answers[-1])

    def _answer(self, entry: Entry) -> None:
        if not self.made.turns:
            self.made.passed["result before the first call"] += 1
            return
        self._close()
        turn = self.made.turns[-1]
        if entry.key in self._asked:
            self._asked[entry.key][1].append(entry.text)
        elif not turn.answers:
            turn.words.append(("tool", entry.text))
        elif entry.key is None:
            next((texts for texts in turn.answers if not texts), turn.answers[-1]).append(entry.text)
        else:
            self.made.passed["result of a call that is not there"] += 1
            turn.answers[-1].append(entry.text)

    def _close(self) -> None:
        """End the last turn; reasoning alone belongs to the one before."""
        turns = self.made.turns
        if len(turns) > 1 and not (turns[-1].closed or turns[-1].steps or turns[-1].parts[0]):
            turns[-2].thoughts += turns.pop().thoughts
        turns[-1].closed = True

    def _hear(self, kind: str, text: str) -> None:
        if not self.made.turns:
            self.made.opening += [(kind, text)] if text else []
            return
        turn = self.made.turns[-1]
        turn.closed = True
        turn.words.append((kind, text))
        if turn.answers:
            turn.answers[-1].append(text)


def gather(entries: Iterable[Entry]) -> Dialogue:
    """Entries, in order, as a dialogue."""
    builder = _Builder()
    for entry in entries:
        builder.add(entry)
    return builder.made


def task_of(data: dict[str, Any], paths: Iterable[str] = TASKS) -> tuple[str, str] | None:
    """The problem of a row whose conversation does not have it, and the column that it stands in."""
    for path in paths:
        value: Any = data
        for key in path.split("."):
            value = as_dict(value).get(key)
        if isinstance(value, str) and value.strip():
            return value, path
    return None


def check_answers(turns: list[Spoken]) -> None:
    """Raise `Rejected` where it is open which of a turn's calls were carried out, or what was seen is images alone."""
    answered = [texts for turn in turns for texts in turn.answers if texts]
    unseen = sum(all(_only_images(text) for text in texts) for texts in answered)
    if unseen and 2 * unseen >= len(answered):
        raise Rejected(DropReason.IMAGES, f"{unseen} of {len(answered)} observations are images and no text")
    for number, turn in enumerate(turns[:-1], 1):
        calls, found = len(turn.steps), turn.results
        if calls > 1 and found < calls:
            detail = f"turn {number} has {calls} calls, of which {found} have a result of their own"
            raise Rejected(DropReason.SEVERAL_ACTIONS, detail)


def _only_images(text: str) -> bool:
    return IMAGE in text and not text.replace(IMAGE, "").strip()


def trajectory_of(
    row: Row,
    dialogue: Dialogue,
    system: str | None,
    problem: str | None = None,
    found_under: str | None = None,
    meta: dict[str, Any] | None = None,
) -> Trajectory:
    """The trajectory of a dialogue.

    Args:
        system: The system text with the tools.
        problem: Where it is not simply what stands before the first turn.
        found_under: The column that it stands in, where the conversation does not have it.
        meta: What the form adds.

    Raises:
        Rejected: As `check_answers` and `assemble`.
    """
    problem = JOIN.join(text for _, text in dialogue.opening) if problem is None else problem
    if _only_images(problem):
        raise Rejected(DropReason.IMAGES, "the problem is an image and no text")
    check_answers(dialogue.turns)
    turns = [turn.turn() for turn in dialogue.turns]
    found = {**dialogue.meta(), "problem_from": found_under, **(meta or {})}
    return assemble(row, problem, turns, system, meta={key: value for key, value in found.items() if value is not None})
