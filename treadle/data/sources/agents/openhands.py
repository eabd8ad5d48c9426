"""Form `openhands`: the event history of OpenHands, in rows of its evaluations (`output.jsonl`) or on its own.

The history stands under `history`, `trajectory` or `events`: a flat list of events, or, in older files, a list of pairs
of action and observation. What an event is, in both generations, `agents.openhands_events` knows.

The action is the agent's call, rendered as `agents.calls` does; the observation is the content of the
result that belongs to it, and of what came after it without belonging to any call (errors, words of a user). Calls of
one response of the model are the steps of one turn. The problem is what the user said before the first action, else the
row's `instruction`; the system text has the tools after it, where its event lists them. `meta["passed_events"]` counts
the events that are no part of the conversation.

Not expressed: the exit code and the other `extras` of a result, images, and what was recalled or condensed.

The form also claims predictions, rows with `instance_id` and a patch but no history, to say that they hold no
trajectory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

from treadle.data.sources.agents.calls import with_tools
from treadle.data.sources.agents.openhands_events import Event, event_of, is_event
from treadle.data.sources.agents.turns import Turn, assemble
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import DEMONSTRATION, JOIN, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_COLUMNS = ("history", "trajectory", "events")
_PATCHES = ("model_patch", "git_patch")
_LOOKED_AT = 5


def _history(data: dict[str, Any]) -> list[Any] | None:
    for column in _COLUMNS:
        events = as_list(data.get(column))
        if events and any(is_event(e[0] if _is_pair(e) else e) for e in islice(events, _LOOKED_AT)):
            return events
    return None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, dict) for part in value)


def _is_prediction(data: dict[str, Any]) -> bool:
    if not isinstance(data.get("instance_id"), str) or any(
        data.get(c) for c in (*_COLUMNS, "messages", "conversations")
    ):
        return False
    patched = any(name in data for name in _PATCHES)
    return patched or any(name in as_dict(data.get("test_result")) for name in _PATCHES)


def _flat(history: list[Any]) -> list[Any]:
    """Pairs as events: the observation of a pair gets its action's id as cause, or both get their place."""
    events: list[Any] = []
    for index, entry in enumerate(history):
        if _is_pair(entry):
            action, observation = entry
            key = action.get("id", f"pair {index}")
            events += [{**action, "id": key}, {**observation, "cause": observation.get("cause", key)}]
        else:
            events.append(entry)
    return events


class _Builder:
    """Collects the turns of a history, event by event."""

    def __init__(self) -> None:
        self.system: list[str] = []
        self.tools: Any = None
        self.opening: list[str] = []
        self.demonstration: list[str] = []
        self.turns: list[Turn] = []
        self.passed: Counter[str] = Counter()
        self._asked: dict[str, list[str]] = {}
        self._response: str | None = None

    def add(self, event: Event) -> None:
        if event.kind == "system":
            self.system.append(event.text)
            self.tools = event.tools or self.tools
        elif event.kind == "action":
            self._act(event)
        elif event.kind == "said":
            self._response = None
            self.turns.append(Turn(event.text, [], [[]], event.reasoning))
        elif event.kind in ("user", "answer"):
            self._answer(event)
        else:
            self.passed[event.text] += 1

    def _act(self, event: Event) -> None:
        answers: list[str] = []
        self._asked |= dict.fromkeys(event.keys, answers)
        if event.response is not None and event.response == self._response:
            last = self.turns[-1]
            if event.text in ("", last.text):  # the response's text belongs to its first call
                last.steps.append(replace(event.step, thought=None, before=""))
                last.answers.append(answers)
                return
        self._response = event.response
        self.turns.append(Turn(event.text, [event.step], [answers], event.reasoning))

    def _answer(self, event: Event) -> None:
        answers = next((self._asked[key] for key in event.keys if key in self._asked), None)
        if answers is not None:
            answers.append(event.text)
        elif self.turns:
            self.turns[-1].answers[-1].append(event.text)
            if event.kind == "user":
                self._response = None
        elif event.kind == "user" and event.text.startswith(DEMONSTRATION):
            self.demonstration.append(event.text)
        elif event.kind == "user":
            self.opening.append(event.text)
        else:
            self.passed["answer before the first action"] += 1


def matches(row: Row) -> bool:
    return _history(row.data) is not None or _is_prediction(row.data)


def read(row: Row, options: ReadOptions) -> Trajectory:
    history = _history(row.data)
    if history is None:
        if _is_prediction(row.data):
            raise Rejected(DropReason.NO_TRAJECTORY, f"only a patch for {row.data['instance_id']!r}")
        raise Rejected(DropReason.MISSING_COLUMN, f"no list of events under {', '.join(_COLUMNS)}")
    built = _Builder()
    for index, raw in enumerate(_flat(history)):
        built.add(event_of(raw, f"event {index}"))
    meta: dict[str, Any] = {"passed_events": dict(built.passed) or None, "demonstration": built.demonstration or None}
    instruction = row.data.get("instruction")
    opening = built.opening or ([instruction] if isinstance(instruction, str) else [])
    for key, texts in (("problem_parts", opening), ("system_parts", built.system)):
        if len(texts) > 1:
            meta[key] = [len(text) for text in texts]
    system = with_tools(JOIN.join(built.system) or None, built.tools)
    return assemble(row, JOIN.join(opening), built.turns, system, meta=meta)


FORM = Form(
    name="openhands",
    description="event histories of OpenHands (both generations, output.jsonl of its evaluations); predictions",
    matches=matches,
    read=read,
)
