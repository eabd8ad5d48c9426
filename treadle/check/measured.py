"""What a model's first rollouts and their data measured, as plain numbers: what `treadle.check.advice` decides by.

Rollouts of one prompt are alike, so intervals count prompts: a share of groups has Wilson's interval, a share of
rollouts Wilson's with the effective number of trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from treadle.check.sample import Sample, Sampled
from treadle.check.style import has_thoughts
from treadle.data.prepared import Prepared
from treadle.domains.registry import find
from treadle.statistics.clustered import SHARES, grouped_mean
from treadle.statistics.estimates import Estimate, effective_wilson

LOOKED_AT = 512
"""Trajectories that are looked at for what demonstrations are like; their number is that of all."""


@dataclass(frozen=True)
class Answers:
    """Rollouts of whole solutions.

    Args:
        right: Right rollouts of each group.
        rollouts: G, rollouts of a group.
        cut: Rollouts that the check's own limit of tokens cut off, where the stage allows more.
        limit: That limit.
        seconds: That twice the limit would need.
    """

    right: tuple[int, ...]
    rollouts: int
    cut: int = 0
    limit: int = 0
    seconds: int = 0

    @property
    def groups(self) -> int:
        return len(self.right)

    @property
    def total(self) -> int:
        return self.groups * self.rollouts

    @property
    def solved(self) -> int:
        """Groups with a right rollout."""
        return sum(count > 0 for count in self.right)

    @property
    def mixed(self) -> int:
        """Groups with right and wrong ones, from which RLVR learns."""
        return sum(0 < count < self.rollouts for count in self.right)

    @property
    def rate(self) -> Estimate:
        """The pass rate."""
        return effective_wilson(np.array(self.right) / self.rollouts)


@dataclass(frozen=True)
class Steps:
    """Rollouts of single steps.

    Args:
        broken: Completions of each group that break the format.
        rollouts: G, rollouts of a group.
        kept: Groups that training would keep.
        poor: Others whose rewards spread by more than the stage's threshold, which its `sampling_floor` alone drops.
        cut, limit, seconds: As of `Answers`.
        fault: The most frequent way in which the format is broken; empty for none.
        similarity: Mean similarity of the well-formed actions to the expert's; `None` where it is not measured.
        floor: What similarity is earned without having learned anything; `None` where it is not known.
    """

    broken: tuple[int, ...]
    rollouts: int
    kept: int
    cut: int = 0
    limit: int = 0
    fault: str = ""
    similarity: Estimate | None = None
    floor: float | None = None
    poor: int = 0
    seconds: int = 0

    @property
    def groups(self) -> int:
        return len(self.broken)

    @property
    def differing(self) -> int:
        """Groups that SRL can rank, whatever a stage drops of them."""
        return self.kept + self.poor

    @property
    def total(self) -> int:
        return self.groups * self.rollouts

    @property
    def broken_share(self) -> Estimate:
        return effective_wilson(np.array(self.broken) / self.rollouts)


@dataclass(frozen=True)
class Demonstrations:
    """What the experts' trajectories are like.

    Args:
        count: Training trajectories.
        several_steps: Share of them with two or more steps.
        characters: Mean length of their actions, all steps of a trajectory together.
        agents: Whether they act in an environment.
        thoughts: Share of them in which the expert's thoughts are known.
        surprise, own_surprise: Nats a token of the experts' thoughts and actions, and of the model's own completions,
            under the model; `None` where there are no thoughts.
    """

    count: int
    several_steps: float = 1.0
    characters: float = 0.0
    agents: bool = False
    thoughts: float = 0.0
    surprise: float | None = None
    own_surprise: float | None = None


@dataclass(frozen=True)
class Measured:
    """All of it. A kind of stage without rows to sample is `None`.

    Raises:
        ValueError: Neither kind was sampled.
    """

    answers: Answers | None
    steps: Steps | None
    demonstrations: Demonstrations

    def __post_init__(self) -> None:
        if self.answers is None and self.steps is None:
            raise ValueError("Measured: neither whole solutions nor steps were sampled; expected one of the two")


def measured(sample: Sample, prepared: Prepared) -> Measured:
    """What a sample says of the model, and its data of the demonstrations."""
    of = sample.stages
    answers, steps = of.get("rlvr"), of.get("srl")
    return Measured(
        answers and _answers(answers, sample.seconds_for(2 * answers.limit)),
        steps and _steps(steps, sample.floor, sample.seconds_for(2 * steps.limit)),
        demonstrations(prepared, sample.surprise, sample.own_surprise),
    )


def demonstrations(
    prepared: Prepared, surprise: float | None = None, own_surprise: float | None = None
) -> Demonstrations:
    """What the training trajectories of a prepared folder are like, by its first ones."""
    seen = list(islice(prepared.trajectories(), LOOKED_AT))
    return Demonstrations(
        prepared.count("trajectories"),
        _share(len(one.steps) > 1 for one in seen),
        sum(len(step.action) for one in seen for step in one.steps) / max(1, len(seen)),
        _share(find(one.domain).acts for one in seen) > 0.5,
        _share(map(has_thoughts, seen)),
        surprise,
        own_surprise,
    )


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / max(1, len(found))


def _answers(found: Sampled, seconds: int) -> Answers:
    rewards_PG = np.array(found.rewards).reshape(-1, found.stage.rollouts)
    return Answers(_counts(rewards_PG > 0.5), found.stage.rollouts, found.cut, found.limit, seconds)


def _steps(found: Sampled, floor: float | None, seconds: int) -> Steps:
    each = found.stage.rollouts
    broken_PG = np.array([fault is not None for fault in found.faults]).reshape(-1, each)
    most = Counter(fault for fault in found.faults if fault is not None).most_common(1)
    fault = str(most[0][0]) if most else ""
    similarity = _similarity(np.array(found.similarities), each)
    told = fault, similarity, floor, found.poor, seconds
    return Steps(_counts(broken_PG), each, found.kept, found.cut, found.limit, *told)


def _counts(flags_PG: np.ndarray) -> tuple[int, ...]:
    return tuple(int(count) for count in flags_PG.sum(1))


def _similarity(values_B: np.ndarray, each: int) -> Estimate | None:
    (known,) = np.nonzero(~np.isnan(values_B))
    if not len(known):
        return None
    figure = grouped_mean(values_B[known], [int(place) // each for place in known], within=SHARES)
    low, high = figure["low"], figure["high"]
    # One group says nothing of the spread between groups.
    return Estimate(figure["value"], 0.0 if low is None else low, 1.0 if high is None else high)
