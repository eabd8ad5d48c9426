"""A hint in the prompt, as short as it can be, for what is not solved without one (POPE, arXiv 2601.18779).

The hint stands in the user's message, with the request to build on it; it is never a target of training. Groups with
and without a hint are mixed. The hint's length is searched by bisection over a trajectory's guided groups: one with a
right rollout makes the hint no longer, one without makes it longer. So it ends as the shortest from which a rollout was
right. Where that fails later, it grows by a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from treadle.errors import RecipeError
from treadle.training.prefixes.policy import Expert, History, PrefixPolicy


@dataclass(frozen=True)
class Guidance(PrefixPolicy):
    """Args:
    guided: Share of the groups that get a hint, above 0 and at most 1, among trajectories whose newest group without
        one had no right rollout, or that had none yet. The others need no hint.

    Raises:
        RecipeError: The share is not above 0 and at most 1.
    """

    place: ClassVar[Literal["completion", "prompt"]] = "prompt"

    guided: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.guided <= 1:
            raise RecipeError(f"prefix.guided: found {self.guided}, expected above 0 and at most 1")

    def length(self, trajectory: Expert, history: History) -> int:
        alone = [attempt for attempt in history.attempts if attempt.scored and not attempt.length]
        solved = bool(alone) and alone[-1].right > 0
        if solved or history.random.random() >= self.guided:
            return 0
        return self.hint(trajectory, history)

    def hint(self, trajectory: Expert, history: History) -> int:
        """Steps of the next hint, 1 to the longest prefix; 0 where the solution has a single step."""
        shortest, longest = min(1, trajectory.longest), trajectory.longest
        for attempt in history.attempts:
            if not attempt.scored or not attempt.length:
                continue
            if attempt.right:
                longest = min(longest, attempt.length)
                shortest = min(shortest, longest)
            else:
                shortest = min(attempt.length + 1, trajectory.longest)
                longest = max(longest, shortest)
        return (shortest + longest) // 2
