"""How much of the expert's solution a group is given: what a policy is told, and what it answers.

A policy is a pure function of the trajectory and of what became of it so far. So a checkpoint keeps the history and
nothing else, and all processes answer alike. Whoever wants a policy of their own writes a subclass of `PrefixPolicy` in
one file, as a frozen dataclass whose fields are its settings (docs/prefixes.md).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from treadle.errors import RecipeError


@dataclass(frozen=True)
class Expert:
    """What a policy sees of a trajectory.

    Args:
        trajectory_id: The trajectory's.
        steps: Texts of its steps as the model would write them; at least one.
    """

    trajectory_id: str
    steps: tuple[str, ...]

    @property
    def longest(self) -> int:
        """Steps of the longest prefix; the last step is always the model's."""
        return len(self.steps) - 1


@dataclass(frozen=True)
class Attempt:
    """One group of rollouts that was sampled from one prefix.

    Args:
        length: Steps that were given.
        right: Rollouts whose reward is above 0.5.
        scored: Rollouts that got a reward.
        generation: The stage's generation in which it was sampled, from 0.
    """

    length: int
    right: int
    scored: int
    generation: int

    @property
    def rate(self) -> float:
        """Share of the scored rollouts that were right, 0 to 1; 0.0 where none was scored."""
        return self.right / self.scored if self.scored else 0.0


@dataclass(frozen=True)
class History:
    """What became of a trajectory so far.

    Args:
        attempts: Its groups, oldest first.
        progress: Share of the stage's optimizer steps that are done, 0 to 1.
        random: Seeded by the stage's seed, the trajectory, the number of attempts and which method is asked; it has no
            state of its own.
        visit: How many of the attempts began a visit, which are those that `PrefixPolicy.again` did not ask for.
    """

    attempts: tuple[Attempt, ...]
    progress: float
    random: random.Random
    visit: int


class PrefixPolicy(ABC):
    """Says how many steps of the expert are given.

    `place` is where they stand: the beginning of the `completion`, which the model goes on writing, or the `prompt`, as
    a hint in the user's message. `uses_progress`, asked of the policy and not of its class, says that
    `History.progress` is read, which a stage that is limited by minutes does not know.
    """

    place: ClassVar[Literal["completion", "prompt"]] = "completion"
    uses_progress: ClassVar[bool] = False

    @abstractmethod
    def length(self, trajectory: Expert, history: History) -> int:
        """Steps that the next group is given, 0 to `trajectory.longest`."""

    def again(self, trajectory: Expert, history: History) -> bool:
        """Whether the same prompt is sampled again at once, in the same generation, after `history.attempts[-1]`."""
        return False


def expect_share(key: str, value: float) -> None:
    """Refuse a setting that is no share.

    Raises:
        RecipeError: It is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise RecipeError(f"prefix.{key}: found {value}, expected a share from 0 to 1")
