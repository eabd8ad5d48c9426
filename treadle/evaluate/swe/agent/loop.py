"""An agent's episode: one step at a time, as it was trained to act.

The prompt of a step is rendered by the code that renders training prompts (`treadle.data.instances.step_instance`) from
a `Trajectory` of what happened so far: the issue, and the last two pairs of action and observation. What cannot be
carried out is answered, so that the next step can mend it. However an episode ends, what was changed is handed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from treadle.data.instances import Rendering, step_instance
from treadle.data.prompts.asking import Asking
from treadle.evaluate.swe.agent.prompts import Call, CallFault, parse_call, system_text, task_text
from treadle.evaluate.swe.agent.tools import Acting, framed
from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome, too_long_outcome
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.settings import SweSettings
from treadle.evaluate.swe.wording import counted
from treadle.scoring.completion import FormatFault
from treadle.trajectory import Message, Step, Trajectory

NOTHING = "(no action)"
_MOST_OF_FAULTY = 2000  # characters of an answer without a call that later prompts show


class Stop(StrEnum):
    """Why an episode ended; the members' values are names in outcomes.jsonl and results."""

    SUBMITTED = "submitted"
    STEP_LIMIT = "step_limit"
    TOKEN_LIMIT = "token_limit"
    TIME_LIMIT = "time_limit"
    FORMAT_FAULTS = "format_faults"
    REPEATED = "repeated"
    CONTEXT = "context_too_long"


class Memory(Protocol):
    """What a run that is continued knows of an episode: the observations of its steps."""

    def get(self, step: int) -> tuple[str, float] | None: ...

    def put(self, step: int, observation: str, seconds: float) -> None: ...


@dataclass
class _Acted:
    steps: list[Step] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    faults_in_a_row: int = 0
    faults: int = 0


def prompt_of(instance: SweInstance, steps: list[Step], context: Any, asking: Asking) -> list[Message]:
    """The prompt of the step after `steps`, as training has it."""
    so_far = Trajectory(
        id=instance.instance_id,
        problem=task_text(instance.problem_statement),
        steps=(*steps, Step(NOTHING)),  # the target, of which a prompt shows nothing
        domain="agent",
        system=system_text(),
        repo=instance.repo,
    )
    return step_instance(so_far, len(so_far.steps), Rendering(context=context), asking).prompt


def act(
    instance: SweInstance,
    tools: Acting,
    settings: SweSettings,
    asking: Asking,
    memory: Memory,
    fits: Callable[[list[Message]], bool],
) -> Episode:
    """The episode of an instance.

    Args:
        tools: In a checkout of its own.
        memory: Has the observations of an episode that is continued: its calls are carried out again, for what they do
            to the checkout, and the observations are those that the model saw.
        fits: Whether a prompt is short enough.
    """
    acted = _Acted()
    while True:
        number = len(acted.steps) + 1
        stop = _limit(acted, settings)
        if stop:
            return _outcome(stop, tools, acted)
        prompt = prompt_of(instance, acted.steps, settings.context, asking)
        if not fits(prompt):
            return _outcome(Stop.CONTEXT, tools, acted)
        [answer] = yield [Ask(f"step/{number}", prompt, settings.step())]
        if answer.too_long:
            return _outcome(Stop.CONTEXT, tools, acted, answer.generation.error or "")
        if _take(answer, tools, memory, acted):
            return _outcome(Stop.SUBMITTED, tools, acted)


def _limit(acted: _Acted, settings: SweSettings) -> Stop | None:
    if acted.faults_in_a_row >= settings.max_faults:
        return Stop.FORMAT_FAULTS
    last = acted.steps[-settings.max_repeats :]
    if len(last) == settings.max_repeats > 1 and len({(step.action, step.observation) for step in last}) == 1:
        return Stop.REPEATED
    if len(acted.steps) >= settings.max_steps:
        return Stop.STEP_LIMIT
    if acted.tokens >= settings.max_tokens:
        return Stop.TOKEN_LIMIT
    return Stop.TIME_LIMIT if acted.seconds >= settings.max_seconds else None


def _take(answer: Answer, tools: Acting, memory: Memory, acted: _Acted) -> bool:
    """Carry out one answer; whether the episode is over."""
    number, parsed = len(acted.steps) + 1, answer.parsed
    call = _call(answer)
    begun, done = time.monotonic(), False
    if isinstance(call, Call):
        observed = tools.execute(call)
        text, done = observed.text, observed.done
        action, acted.faults_in_a_row = call.text, 0
    else:
        said = answer.generation.text if isinstance(parsed, FormatFault) else parsed.action
        action = said.strip()[:_MOST_OF_FAULTY] or NOTHING
        text = framed(f"Your last answer was not carried out: {call.reason}.")
        acted.faults, acted.faults_in_a_row = acted.faults + 1, acted.faults_in_a_row + 1
    seconds = time.monotonic() - begun
    known = memory.get(number)
    if known is None:
        memory.put(number, text, seconds)
    else:
        text, seconds = known
    acted.steps.append(Step(action, observation=text or None))
    acted.tokens += answer.generation.n_tokens
    acted.seconds += seconds
    acted.records.append(
        {
            "step": number,
            "thought": "" if isinstance(parsed, FormatFault) else parsed.thought,
            "prose": call.before if isinstance(call, Call) else "",
            "action": action,
            "observation": text,
            "fault": "" if isinstance(call, Call) else call.reason,
            "n_tokens": answer.generation.n_tokens,
            "thought_tokens": answer.thought_tokens,
            "seconds": round(seconds, 3),
        }
    )
    return done


def _call(answer: Answer) -> Call | CallFault:
    parsed = answer.parsed
    if isinstance(parsed, FormatFault):
        if parsed is FormatFault.TRUNCATED:
            return CallFault(f"it was cut off after {answer.generation.n_tokens} tokens")
        return CallFault("it is empty" if parsed is FormatFault.EMPTY_ACTION else f"its thoughts are {parsed}")
    return parse_call(parsed.action)


def _outcome(stop: Stop, tools: Acting, acted: _Acted, error: str = "") -> Outcome:
    figures = {
        "steps": len(acted.steps),
        "faulty_steps": acted.faults,
        "tool_seconds": round(acted.seconds, 3),
    }
    return ended(stop, tools.patch(), figures, acted.records, error)


def ended(stop: Stop, patch: str, figures: dict[str, Any], records: list[dict[str, Any]], error: str = "") -> Outcome:
    """What an agent's episode ends with: its patch where there is one, else why there is none."""
    figures = {"stop": str(stop), **figures}
    if patch:
        return Outcome(patch, figures=figures, steps=records)
    if stop is Stop.CONTEXT:
        outcome = too_long_outcome(error or "the next prompt has more tokens than are allowed", **figures)
        outcome.steps = records
        return outcome
    reason = f"nothing was changed in {counted(len(records), 'step')}, which ended: {stop}"
    return Outcome(fault=Verdict.EMPTY, reason=reason, figures=figures, steps=records)
