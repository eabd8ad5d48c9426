"""Reverse curriculum: the start slides from the end of the expert's solution to its beginning (R3, arXiv 2402.05808).

The starts are spread evenly, from the longest prefix to none. `staged` takes them one after the other; `mixed`, which
the paper settles on, draws one for each group, so that all are trained together. Where a solution has fewer steps than
there are starts, neighbouring ones begin at the same step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from treadle.errors import RecipeError
from treadle.training.prefixes.policy import Expert, History, PrefixPolicy, whole_steps


@dataclass(frozen=True)
class Reverse(PrefixPolicy):
    """Args:
    mode: `mixed` draws a stage for each group, `staged` goes through them in order.
    stages: How many starts there are, the one without a prefix among them; at least 2.

    Raises:
        RecipeError: There are fewer than two stages.
    """

    mode: Literal["mixed", "staged"] = "mixed"
    stages: int = 6

    def __post_init__(self) -> None:
        if self.stages < 2:
            raise RecipeError(
                f"prefix.stages: found {self.stages}, expected at least 2: one from the longest prefix, one from none"
            )

    @property
    def uses_progress(self) -> bool:
        """Only the stages in order go by optimizer steps."""
        return self.mode == "staged"

    def length(self, trajectory: Expert, history: History) -> int:
        if self.mode == "mixed":
            stage = history.random.randrange(self.stages)
        else:
            stage = min(int(history.progress * self.stages), self.stages - 1)
        return whole_steps(1 - stage / (self.stages - 1), trajectory.longest)
