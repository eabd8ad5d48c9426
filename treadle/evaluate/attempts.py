"""An attempt, made of its generations and of what its environment answered to each of its steps.

What is generated next, where a thought ends and an action begins, and what ends an attempt. Nothing here asks a model
or an environment.
"""

from __future__ import annotations

from collections.abc import Callable

from treadle.domains.domain import Domain
from treadle.domains.observed import Observed
from treadle.evaluate.observations import Observations
from treadle.evaluate.records import Generation, Mode, Sample, Stop
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.turns import WHOLE, Turns
from treadle.scoring.answers import final_answer, last_boxed
from treadle.scoring.completion import Completion, FormatFault, parse_completion
from treadle.scoring.same import same_action
from treadle.scoring.thoughts import ThoughtTags, thoughts, without_thoughts

Answering = Callable[[str], str | None]


def advance(
    sample: Sample,
    turns: Turns,
    settings: EvaluateSettings,
    observations: Observations,
    answering: Answering | None = None,
) -> int | None:
    """Take what was generated for an attempt, and what its environment answered, in place.

    Returns:
        The step that has to be generated next, `None` if the attempt is at its end, or `observations` awaits it.
    """
    while sample.stop is None:
        if observations.awaited(sample):
            observed = observations.get(sample.key, len(sample.observations) + 1)
            if observed is None:
                return None
            _take_observation(sample, observed, observations.domain(sample), settings.max_steps)
            continue
        step = WHOLE if sample.key.mode == "whole" else len(sample.steps) + 1
        turn = turns.get(sample.key, step)
        if turn is None:
            return step
        sample.n_tokens += turn.generation.n_tokens
        sample.thought_tokens += turn.thought_tokens
        sample.text += ("\n" if step > 1 else "") + turn.generation.text
        if step == WHOLE:
            _take_solution(sample, turn.generation, settings.thought_tags, answering)
        else:
            _take_step(sample, turn.generation, settings, observations.domain(sample))
    return None


def _parsed(generation: Generation, tags: ThoughtTags) -> Completion | FormatFault:
    return parse_completion(generation.text, truncated=generation.truncated, think_tags="optional", thought_tags=tags)


def thoughts_of(generation: Generation, mode: Mode, tags: ThoughtTags) -> list[str]:
    """The thoughts: of a step that has the format the one that the reward's parser finds, else all think blocks."""
    if mode == "loop":
        parsed = _parsed(generation, tags)
        if not isinstance(parsed, FormatFault):
            return [parsed.thought] if parsed.thought else []
    return [thought for thought in thoughts(generation.text, tags) if thought]


def _take_solution(sample: Sample, generation: Generation, tags: ThoughtTags, answering: Answering | None) -> None:
    sample.thoughts = thoughts_of(generation, "whole", tags)
    sample.answer = answering(generation.text) if answering else final_answer(generation.text, thought_tags=tags)
    sample.stop = Stop.TRUNCATED if generation.truncated else Stop.ENDED
    text = tags.restored(generation.text)
    if generation.truncated:
        sample.fault = FormatFault.TRUNCATED
    elif text.count(tags.open) != text.count(tags.close):
        sample.fault = FormatFault.NO_THINK_BLOCK
    elif not without_thoughts(text, tags).strip():
        sample.fault = FormatFault.EMPTY_ACTION


def _take_step(sample: Sample, generation: Generation, settings: EvaluateSettings, domain: Domain) -> None:
    parsed = _parsed(generation, settings.thought_tags)
    if isinstance(parsed, FormatFault):
        sample.thoughts += thoughts_of(generation, "loop", settings.thought_tags)
        sample.stop = Stop.TRUNCATED if parsed is FormatFault.TRUNCATED else Stop.FORMAT_FAULT
        sample.fault = parsed
        return
    sample.steps.append(parsed.action)
    sample.thoughts.append(parsed.thought)
    sample.answer = last_boxed(parsed.action)
    if sample.answer is not None and domain.ends == "boxed":
        sample.stop = Stop.ANSWERED
    elif domain.environment is None:
        sample.stop = _stop(sample, domain, settings.max_steps)


def _take_observation(sample: Sample, observed: Observed, domain: Domain, max_steps: int) -> None:
    sample.observations.append(observed.observation)
    if observed.done:
        sample.stop = Stop.FINISHED
    elif len(sample.observations) == len(sample.steps):  # and not where an expert's first steps were given
        sample.stop = _stop(sample, domain, max_steps)


def _stop(sample: Sample, domain: Domain, max_steps: int) -> Stop | None:
    """Why an attempt ends with its last step, which neither gave an answer nor was the end of the episode."""
    repeated = len(sample.steps) > 1 and same_action(domain, *sample.steps[-2:])
    if repeated and sample.observations[-2:-1] == sample.observations[-1:]:  # without an environment there are none
        return Stop.REPEATED
    return Stop.STEP_LIMIT if len(sample.steps) >= max_steps else None
