"""How well a model gives the expert's next step, after the expert's own steps (the task that SRL trains).

`evaluate_steps` asks any back end and yields one record a step; `treadle.evaluate.step_view` makes figures of them.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from treadle.domains.registry import find
from treadle.evaluate.records import Finish, Generation, Request, Sampling, StepSample
from treadle.scoring.completion import FormatFault, ThinkTags, parse_completion
from treadle.scoring.rewards import step_similarity
from treadle.scoring.same import same_action
from treadle.scoring.thoughts import PLAIN, ThoughtTags, thoughts
from treadle.trajectory import StepInstance

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend


@dataclass
class StepReport:
    """What became of the instances; `given` is `scored` and the sum of `failed`, which counts by error text."""

    given: int = 0
    scored: int = 0
    failed: Counter[str] = field(default_factory=Counter)


def joined(instances: Mapping[Path, Sequence[StepInstance]]) -> list[StepInstance]:
    """The instances of several prepared folders as one list.

    Where two folders have a trajectory of one id, all ids get their folder in front: steps of two trajectories must not
    count as those of one, neither in intervals nor in a run that is continued.
    """
    ids = [{instance.trajectory_id for instance in found} for found in instances.values()]
    if sum(map(len, ids)) == len(set().union(*ids)):
        return [instance for found in instances.values() for instance in found]
    names_differ = len({folder.name for folder in instances}) == len(instances)
    return [
        replace(instance, trajectory_id=f"{folder.name if names_differ else folder}/{instance.trajectory_id}")
        for folder, found in instances.items()
        for instance in found
    ]


def evaluate_steps(
    backend: Backend,
    instances: Sequence[StepInstance],
    sampling: Sampling,
    *,
    think_tags: ThinkTags = "optional",
    thought_tags: ThoughtTags = PLAIN,
    report: StepReport | None = None,
) -> Iterator[StepSample]:
    """Generate one step for each instance and compare it with the expert's.

    Args:
        backend: Where the text comes from.
        instances: What to ask; `prompt` is used as it is.
        sampling: How to decode. Sampled steps have a seed made of trajectory and step, so that the same instance gets
            the same step in whatever company it is asked.
        think_tags: How strict the format is, see `treadle.scoring.completion.parse_completion`.
        thought_tags: Where thoughts begin and end; a back end has resolved them for its model.
        report: Filled while the iterator runs. Generations that failed are counted there and nowhere else.

    Yields:
        A record for each instance that was generated, in the order in which the back end finishes them.

    Raises:
        ModelError: The back end cannot work at all.
    """
    report = report if report is not None else StepReport()
    report.given += len(instances)
    requests = [Request(i.prompt, zlib.crc32(f"{i.trajectory_id}/{i.step}".encode())) for i in instances]
    for index, generation in backend.generate(requests, sampling):
        if generation.finish is Finish.FAILED:
            report.failed[generation.error or "no reason given"] += 1
            continue
        report.scored += 1
        yield _step_sample(backend, instances[index], generation, think_tags, thought_tags)


def _step_sample(
    backend: Backend, instance: StepInstance, generation: Generation, think_tags: ThinkTags, tags: ThoughtTags
) -> StepSample:
    parsed = parse_completion(generation.text, truncated=generation.truncated, think_tags=think_tags, thought_tags=tags)
    fault = parsed if isinstance(parsed, FormatFault) else None
    thought = "\n".join(thoughts(generation.text, tags)) if isinstance(parsed, FormatFault) else parsed.thought
    action = None if isinstance(parsed, FormatFault) else parsed.action
    return StepSample(
        trajectory_id=instance.trajectory_id,
        step=instance.step,
        n_steps=instance.n_steps,
        prompt=instance.prompt,
        expert_action=instance.expert_action,
        text=generation.text,
        thought=thought,
        action=action,
        fault=fault,
        similarity=0.0 if action is None else step_similarity(action, instance.expert_action),
        exact=action is not None and _is_exact(action, instance),
        n_tokens=generation.n_tokens,
        thought_tokens=backend.count_tokens([thought])[0] if thought else 0,
        meta=_meta(instance),
    )


def _is_exact(action: str, instance: StepInstance) -> bool:
    """Letter for letter, or by the domain's own function; calls of one tool are told apart in `step_calls`."""
    if action == instance.expert_action:
        return True
    domain = find(instance.domain)
    return domain.compares and same_action(domain, action, instance.expert_action)


def _meta(instance: StepInstance) -> dict[str, str]:
    """What is told of a step beside the texts; the domain where it is another than the one that readers assume."""
    told = {
        "title": instance.title,
        "domain": instance.domain if instance.domain != StepInstance.domain else None,
        "repo": instance.repo,
    }
    return {name: value for name, value in told.items() if value}
