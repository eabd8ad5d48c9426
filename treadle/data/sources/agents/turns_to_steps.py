"""What becomes of each turn of a run: its steps, or a place in `meta`.

A turn of the assistant without action is

- the beginning of the next turn, if nothing answered it: prose, and then the call in a second message. The two texts
  are joined by a blank line, their lengths are in `meta["said_parts"]`;
- else the `epilogue` of the trajectory, if it is the last: its text and what answered it stand in `meta`;
- left out of the steps and kept in `meta["talk"]`, if a harness answered that it found no action, or bade the agent
  go on (`agents.harness`), because nothing was done. Entries are `[number of steps before it, text,
  answer]`;
- likewise kept there, if it stands before the first step and only acknowledges ("OK.", "Understood, please begin."):
  what the user then said is a part of the problem. A turn that asks for more is none of these, with or without a
  question mark;
- nothing, if it is blank: what answered it belongs to the turn before;
- a step `respond`, if a user answered it. Its action is a call with the words as `content`, its observation the user's
  words, so that later steps are seen to follow them; `meta["responds"]` has their number. In a run with such steps, a
  last turn that a user answered is one as well. The system text says how the agent speaks to the user;
- else a reason to drop the row: what it did to the environment is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from treadle.data.sources.agents.calls import as_json, render
from treadle.data.sources.agents.harness import is_refusal
from treadle.data.sources.agents.turn import Turn
from treadle.data.sources.agents.turn_thoughts import thought_end, untagged
from treadle.data.sources.messages import JOIN
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

RESPOND = "respond"
HOW_TO_RESPOND = "To speak to the user, call:\n\n" + render(RESPOND, {"content": "WORDS"})
"""What is added to the system text of a run with steps `respond`."""
_ACKNOWLEDGEMENT = 200  # characters; more than that, or a second line, says something
_ACKNOWLEDGES = re.compile(
    r"\W*(?:ok(?:ay)?|yes|sure|understood|i(?:['’]ve| have)? underst(?:and|ood)|got it|(?:i(?:['’]m| am) )?ready"
    r"|all ?right|noted|acknowledged|of course|certainly|i(?:['’]ll| will) follow|好|明白|了解|收到|知道了|当然)",
    re.IGNORECASE,
)
_BEGIN = re.compile(  # what bids the user to begin asks for the task itself
    r"(?:please )?(?:start|begin|proceed|go ahead|(?:give|provide|send|tell|show)(?: me)?(?: with)? (?:the|your|a)"
    r"(?: \w+)? (?:task|question|problem|instruction|observation|goal|query)s?)(?:,? please)?|请(?:开始|继续)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|\b(?:please|tell me|let me know|provide|could you|can you|i(?:['’]ll| will)? need)\b|请|告诉|提供|需要",
    re.IGNORECASE,
)


def joined(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, those that nothing answered and that did nothing being the beginning of the next."""
    found: list[Turn] = []
    for turn in turns:
        last = found[-1] if found else None
        if last is not None and not last.steps and not any(map(any, last.answers)):
            found[-1] = _after(last, turn)
        elif last is not None and turn is not turns[-1] and _is_blank(turn):
            answers = [text for texts in turn.answers for text in texts if text]
            found[-1] = replace(last, answers=[*last.answers[:-1], [*last.answers[-1], *answers]])
        else:
            found.append(turn)
    return found


def _after(first: Turn, turn: Turn) -> Turn:
    lead = first.text + JOIN
    steps = list(turn.steps)
    if steps:
        prose = lead + (steps[0].thought or "") + steps[0].before
        thought = (lead + (steps[0].thought or "")).rstrip()
        steps[0] = replace(steps[0], thought=thought or None, before=prose[len(thought) :])
    reasoning = JOIN.join(filter(None, (first.reasoning, turn.reasoning))) or None
    parts = (*(first.parts or (len(first.text),)), len(turn.text))
    return replace(turn, text=lead + turn.text, steps=steps, reasoning=reasoning, parts=parts)


def _is_blank(turn: Turn) -> bool:
    return not (turn.steps or turn.text.strip() or turn.reasoning)


def _acknowledges(text: str) -> bool:
    text = text.strip()
    if len(text) > _ACKNOWLEDGEMENT or "\n" in text or not _ACKNOWLEDGES.match(text):
        return False
    return not _ASKS.search(_BEGIN.sub("", text))


class Builder:
    """Collects the steps of a run, turn by turn, and what is said of them in `meta`."""

    def __init__(self, problem: str, meta: dict[str, Any]) -> None:
        self.problem = problem
        self.meta = meta
        self.steps: list[Step] = []
        self.counts: list[int] = []
        self.responds = 0

    def act(self, turn: Turn) -> None:
        index = len(self.steps)
        self._note("said_parts", index, list(turn.parts) or None)
        self.counts.append(len(turn.steps))
        for k, (step, texts) in enumerate(zip(turn.steps, turn.answers, strict=True)):
            if len(texts) > 1:
                self._note("observation_parts", index + k, [len(text) for text in texts])
            step = self._thought(step, turn.reasoning if not k else None, index + k)
            self.steps.append(replace(step, observation=JOIN.join(texts) if texts else None))

    def _thought(self, step: Step, reasoning: str | None, index: int) -> Step:
        """The step with what was thought in tags, or apart from the text, as its thought."""
        thought, cuts = untagged(step.thought) if step.thought else ("", [])
        if not cuts and not reasoning:
            return step
        self._note("tags", index, cuts or None)
        if reasoning and f"{thought}{JOIN}".startswith(f"{reasoning.strip()}{JOIN}"):  # some servers give it both ways
            reasoning = None
        self._note("reasoning", index, reasoning)
        thought = JOIN.join(filter(None, (reasoning and reasoning.strip(), thought)))
        return replace(step, thought=thought or None)

    def _note(self, key: str, index: int, value: Any) -> None:
        if value is not None:
            self.meta.setdefault(key, {})[str(index)] = value

    def talk(self, turn: Turn, number: int, of: int) -> None:
        """Take in a turn without action."""
        answers = [text for texts in turn.answers for text in texts]
        refusal = turn.answered_by == "harness" or (bool(answers) and all(map(is_refusal, answers)))
        speaks = turn.answered_by == "user" and bool(answers) and not refusal
        if number == of and not (speaks and self.responds):
            self._end(turn, answers)
        elif refusal:
            self._aside(turn, answers)
        elif answers and not self.steps and (_acknowledges(turn.text) or (speaks and not self.problem.strip())):
            self._aside(turn, answers)
            opening = [self.problem] if self.problem else []
            self.meta.setdefault("problem_parts", [*map(len, opening)]).extend(map(len, answers))
            self.problem = JOIN.join([*opening, *answers])
        elif speaks and turn.text.strip():
            self._respond(turn)
        else:
            seen = f"answered by a {turn.answered_by}" if answers else "not answered"
            raise Rejected(DropReason.TURN_WITHOUT_ACTION, f"turn {number}, {seen}: {turn.text[:80]!r}")

    def _respond(self, turn: Turn) -> None:
        end = thought_end(turn.text)
        thought, words = turn.text[:end].rstrip(), turn.text[end:].strip()
        if not words:
            raise Rejected(DropReason.TURN_WITHOUT_ACTION, f"a turn is all thought: {turn.text[:80]!r}")
        arguments = {"content": words}
        call = as_json({"name": RESPOND, "arguments": arguments})
        step = Step(render(RESPOND, arguments), thought=thought or None, before=turn.text[len(thought) :], call=call)
        self.responds += 1
        self.act(replace(turn, steps=[step]))

    def _aside(self, turn: Turn, answers: list[str]) -> None:
        reasoning = [turn.reasoning] if turn.reasoning else []
        self.meta.setdefault("talk", []).append([len(self.steps), turn.text, JOIN.join(answers), *reasoning])

    def _end(self, turn: Turn, answers: list[str]) -> None:
        self.meta["epilogue"] = turn.text
        if answers:
            self.meta["epilogue_observation"] = JOIN.join(answers)
        if turn.reasoning:
            self.meta["epilogue_reasoning"] = turn.reasoning
        if turn.parts:
            self.meta["epilogue_parts"] = list(turn.parts)
