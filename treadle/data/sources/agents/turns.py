"""Turns of an agent, however they were written, as one `Trajectory`.

A turn of the assistant without action is the beginning of the next turn, a step `respond`, kept in `meta`, or a reason
to drop the row: `agents.turns_to_steps` has the rules.

**Thoughts.** A step's thought is what the model thought (in tags, or apart from the turn's text) and then the prose
before the action, joined by a blank line, without any tags. `meta["tags"]` has what was taken off, see
`agents.turn_thoughts`; `meta["reasoning"]` has what stood apart, which its thought begins with.

Nothing of the source's text is lost. Of the steps of a turn, the texts put together (`Step.text`) are the text of the
turn, once the two above are undone (`said`); `meta["calls_per_turn"]` has the number of steps of each turn where any
has several. An observation that was made of several messages is joined by a blank line, and
`meta["observation_parts"]` has their lengths under the step's index. All keys of these are indices of steps, as text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from treadle.data.sources.agents.answers import given_answer, reference_answer
from treadle.data.sources.agents.turn import Turn, beside, reasoning_of, refused_turn, sliced, turn_of
from treadle.data.sources.agents.turn_thoughts import tagged
from treadle.data.sources.agents.turns_to_steps import HOW_TO_RESPOND, Builder, joined
from treadle.data.sources.answer_check import same_answer
from treadle.data.sources.messages import JOIN, Conversation, Exchange, as_dict
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import repository, verified_flag
from treadle.domains.registry import find
from treadle.files.rows import Rejected, Row
from treadle.scoring.answers import final_answer
from treadle.trajectory import Step, Trajectory

__all__ = ["Turn", "assemble", "assemble_chat", "beside", "outside_steps", "reasoning_of", "refused_turn", "said"]
__all__ += ["sliced", "turn_of"]

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
        Rejected: There is no problem, no action, or a turn before the last of which it is unknown what it did.
    """
    if not any(turn.steps for turn in turns):
        raise Rejected(DropReason.NO_ACTIONS, _what_was_said(turns))
    meta = {"source": row.where, "model": _model(row.data), "exit_status": _exit_status(row.data)} | (meta or {})
    built = Builder(problem, meta)
    turns = joined(turns)
    for number, turn in enumerate(turns, 1):
        if turn.steps:
            built.act(turn)
        else:
            built.talk(turn, number, len(turns))
    if not built.problem.strip():
        raise Rejected(DropReason.EMPTY_PROBLEM)
    if any(count != 1 for count in built.counts):
        built.meta["calls_per_turn"] = built.counts
    if built.responds:
        built.meta["responds"] = built.responds
        system = f"{system}\n\n{HOW_TO_RESPOND}" if system else HOW_TO_RESPOND
    instance = instance or _text(row.data.get("instance_id"))
    verified, answer = _outcome(row, built)
    return Trajectory(
        id=_identity(row, instance, built.steps),
        problem=built.problem,
        steps=tuple(built.steps),
        answer=answer,
        domain="agent",
        verified=verified,
        meta={key: value for key, value in built.meta.items() if value is not None},
        system=system,
        repo=repository(instance) if instance else None,
    )


def said(trajectory: Trajectory, index: int) -> str:
    """The text of a step exactly as the source has it, as far as it is in the turn's text: the inverse of taking
    thoughts off."""
    step, key = trajectory.steps[index], str(index)
    text, reasoning = step.text, trajectory.meta.get("reasoning", {}).get(key, "").strip()
    if reasoning:
        text = text[len(reasoning) + (len(JOIN) if step.thought != reasoning else 0) :]
    return tagged(text, trajectory.meta.get("tags", {}).get(key, []))


def outside_steps(trajectory: Trajectory) -> dict[str, int]:
    """What of an agent's run stands outside of its steps or was made a step, counted by what it is, for reports."""
    if not find(trajectory.domain).of_calls:
        return {}
    talk = len(trajectory.meta.get("talk", ()))
    return {
        "exchanges outside steps (a turn that did nothing, kept in meta)": talk,
        "trajectories with exchanges outside steps": int(talk > 0),
        "words to a user that are a step respond": trajectory.meta.get("responds", 0),
        "last turns without action, which are no step (kept in meta)": int("epilogue" in trajectory.meta),
        "calls after a session's first task, left out": trajectory.meta.get("later_steps", 0),
        "prompts after a session's first task, left out": trajectory.meta.get("later_prompts", 0),
        "images, which are markers in the text": as_dict(trajectory.meta.get("passed_events")).get("image", 0),
    }


def _what_was_said(turns: Sequence[Turn]) -> str:
    text = next((turn.text.strip() for turn in turns if turn.text.strip()), "")
    return f"{len(turns)} turns of the assistant" + (f", none with a call or a command: {text[:80]!r}" if text else "")


def _outcome(row: Row, built: Builder) -> tuple[bool | None, str | None]:
    """Whether the run is right, and the reference answer, where the run ends by giving one of its own.

    What the source says about success counts; else the two answers are compared. The run's own is that of its last
    action, or what stands in a box in its last words.
    """
    verified = verified_flag(row.data)
    own, reference = given_answer(built.steps[-1]), reference_answer(row.data)
    if own is None and reference is not None:
        own = final_answer(built.meta.get("epilogue", ""))
    if own is None or reference is None:
        return verified, None
    if verified is None:
        built.meta["final_answer"] = own
        verified = same_answer(own, reference)
    return verified, reference


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
