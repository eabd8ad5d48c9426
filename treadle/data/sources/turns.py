"""Turns of an agent, however they were written, as one `Trajectory`.

A turn of the assistant without action is

- the `epilogue` of the trajectory, if it is the last: its text and what answered it stand in `meta`;
- left out of the steps and kept in `meta["talk"]`, if OpenHands' stand-in for a user answered it: the agent spoke
  instead of acting, and a fixed text told it to go on. Entries are `[number of steps before it, text, answer]`;
- else a reason to drop the row: what it did to the environment is unknown.

Nothing of the source's text is lost. Of the steps of a turn, the texts put together (`Step.text`) are the text of the
turn; `meta["calls_per_turn"]` has the number of steps of each turn where any has several. An observation that was made
of several messages is joined by a blank line, and `meta["observation_parts"]` has their lengths under the step's index.
`meta["reasoning"]` has, under the index of a turn's first step, what a reasoning model thought apart from its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from treadle.data.sources.messages import JOIN, Conversation, Exchange, as_dict
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import repository, verified_flag
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

STAND_IN = (
    "Please continue working on the task on whatever approach you think is suitable.",
    "Your last response did not include a function call or a message.",
)
"""How OpenHands' evaluation and its SDK begin when they answer an agent that did not act."""

_MODEL = (
    "model",
    "model_name",
    "model_name_or_path",
    "response.model",
    "info.config.model.model_name",
    "replay_config.agent.model.name",
    "metadata.llm_config.model",
    "metadata.llm.model",
)


@dataclass
class Turn:
    """A turn of the assistant.

    Args:
        text: What it said, as the source has it.
        steps: What it did, without observations; empty if it did nothing.
        answers: For each step the texts that answered it. A turn without steps has one such list.
        reasoning: What the source has of the model's reasoning apart from `text`.
    """

    text: str
    steps: list[Step]
    answers: list[list[str]]
    reasoning: str | None = None


def sliced(text: str, prose: int, start: int, end: int, where: str) -> Step:
    """The step whose action is `text[start:end]`, without the white space around it, and whose thought is the prose
    that ends at `prose`.

    Raises:
        Rejected: The action is empty.
    """
    action = text[start:end]
    start += len(action) - len(action.lstrip())
    action = action.strip()
    if not action:
        raise Rejected(DropReason.EMPTY_ACTION, f"{where}: {text[:80]!r}")
    thought = text[:prose].rstrip()
    return Step(action, thought=thought or None, before=text[len(thought) : start], after=text[start + len(action) :])


def beside(text: str, action: str, call: str) -> Step:
    """The step of a call that is no part of the turn's text."""
    thought = text.rstrip()
    return Step(action, thought=thought or None, before=text[len(thought) :], call=call)


def reasoning_of(raw: dict[str, Any]) -> str | None:
    found = (raw.get(key) for key in ("reasoning_content", "reasoning"))
    return next((text for text in found if isinstance(text, str) and text), None)


def turn_of(exchange: Exchange, steps: list[Step]) -> Turn:
    """The turn of a message that acts by its text: whatever follows answers its one step, or the turn without one."""
    message = exchange.message
    return Turn(message.text, steps, [[answer.text for answer in exchange.answers]], reasoning_of(message.raw))


def assemble_chat(
    row: Row, conversation: Conversation, turn: Callable[[Exchange], Turn], meta: dict[str, Any] | None = None
) -> Trajectory:
    """The trajectory of a conversation, `turn` telling what a message of the assistant did; else as `assemble`."""
    turns = [turn(exchange) for exchange in conversation.exchanges]
    return assemble(row, conversation.problem, turns, conversation.system, meta=conversation.meta | (meta or {}))


def assemble(
    row: Row,
    problem: str,
    turns: Sequence[Turn],
    system: str | None = None,
    instance: str | None = None,
    meta: dict[str, Any] | None = None,
) -> Trajectory:
    """The trajectory of an agent's turns.

    Args:
        instance: The id of the task, where it is not the row's `instance_id`.
        meta: What the form adds.

    Raises:
        Rejected: There is no problem, no action, or a turn before the last that does nothing.
    """
    if not any(turn.steps for turn in turns):
        raise Rejected(DropReason.NO_ACTIONS, f"{len(turns)} turns of the assistant")
    if not problem.strip():
        raise Rejected(DropReason.EMPTY_PROBLEM)
    found: dict[str, Any] = {"source": row.where, "model": _model(row.data), "exit_status": _exit_status(row.data)}
    found |= meta or {}
    steps: list[Step] = []
    counts = []
    for number, turn in enumerate(turns, 1):
        if turn.reasoning is not None and turn.steps:
            found.setdefault("reasoning", {})[str(len(steps))] = turn.reasoning
        if not turn.steps:
            _without_action(turn, number, len(turns), len(steps), found)
            continue
        counts.append(len(turn.steps))
        for step, texts in zip(turn.steps, turn.answers, strict=True):
            if len(texts) > 1:
                found.setdefault("observation_parts", {})[str(len(steps))] = [len(text) for text in texts]
            steps.append(replace(step, observation=JOIN.join(texts) if texts else None))
    if any(count != 1 for count in counts):
        found["calls_per_turn"] = counts
    instance = instance or _text(row.data.get("instance_id"))
    return Trajectory(
        id=_identity(row, instance, steps),
        problem=problem,
        steps=tuple(steps),
        domain="agent",
        verified=verified_flag(row.data),
        meta={key: value for key, value in found.items() if value is not None},
        system=system,
        repo=repository(instance) if instance else None,
    )


def _without_action(turn: Turn, number: int, of: int, steps: int, meta: dict[str, Any]) -> None:
    answers = [text for texts in turn.answers for text in texts]
    if number == of:
        meta["epilogue"] = turn.text
        if answers:
            meta["epilogue_observation"] = JOIN.join(answers)
    elif len(answers) == 1 and answers[0].startswith(STAND_IN):
        meta.setdefault("talk", []).append([steps, turn.text, answers[0]])
    else:
        raise Rejected(DropReason.TURN_WITHOUT_ACTION, f"turn {number}: {turn.text[:80]!r}")


def _identity(row: Row, instance: str | None, steps: Sequence[Step]) -> str:
    """A trajectory's own id where the source has one, else one made of the task's.

    Several trajectories often solve the same task. Without a run's name the task's id gets a digest of the steps, so
    that only the same steps have the same id.
    """
    own = row.id("traj_id", "trajectory_id", "id")
    if own != row.id() or not instance:
        return own
    if run := _text(row.data.get("run_id")):
        return f"{instance}.{run}"
    digest = hashlib.blake2b(digest_size=4)
    for step in steps:
        for text in (step.text, step.action, step.observation or ""):
            digest.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return f"{instance}.{digest.hexdigest()}"


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _model(data: dict[str, Any]) -> str | None:
    for path in _MODEL:
        value: Any = data
        for key in path.split("."):
            value = as_dict(value).get(key)
        if name := _text(value):
            return name
    return None


def _exit_status(data: dict[str, Any]) -> str | None:
    return _text(as_dict(data.get("info")).get("exit_status")) or _text(data.get("exit_status"))
