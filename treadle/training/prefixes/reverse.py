"""Reverse curriculum: the start slides from the end of the expert's solution to its beginning (R3, arXiv 2402.05808).

A stage of the curriculum is a start: the length of a prefix, from the longest to none. `staged` takes them one after
the other; `mixed`, which the paper settles on, draws one for each group, so that all are trained together. There is a
start before every step, or `stages` of them, spread evenly. A half is rounded to the longer prefix; where a solution
has fewer steps, neighbouring stages have the same start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from treadle.errors import RecipeError
from treadle.training.prefixes.policy import Expert, History, PrefixPolicy


@dataclass(frozen=True)
class Reverse(PrefixPolicy):
    """Args:
    mode: `mixed` draws a stage for each group, `staged` goes through them in order.
    stages: How many there are, the one without a prefix among them; at least 2. `None` for a stage before every step.

    Raises:
        RecipeError: There are fewer than two stages.
    """

    mode: Literal["mixed", "staged"] = "mixed"
    stages: int | None = None

    def __post_init__(self) -> None:
        if self.stages is not None and self.stages < 2:
            raise RecipeError(
                f"prefix.stages: found {self.stages}, expected at least 2, the longest prefix and none; or null for a "
                "stage before every step"
            )

    @property
    def uses_progress(self) -> bool:
        """Only the stages in order go by optimizer steps."""
        return self.mode == "staged"

    def length(self, trajectory: Expert, history: History) -> int:
        stages = self.stages or trajectory.longest + 1
        if self.mode == "mixed":
            stage = history.random.randrange(stages)
        else:
            stage = min(int(history.progress * stages), stages - 1)
        last = max(stages - 1, 1)
        return (2 * trajectory.longest * (last - stage) + last) // (2 * last)
