"""Annealed hints: each step is given with a probability that falls as the stage goes on (UFT, arXiv 2505.16984).

The number of steps given is binomial: of `longest` steps, each with probability p. Over the first part of the stage, up
to `until`, p falls from `high` to `low` along half a cosine; after it nothing is given. The paper's term for the hint's
likelihood is the setting `loss` of the stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from treadle.errors import RecipeError
from treadle.training.prefixes.policy import Expert, History, PrefixPolicy, expect_share


@dataclass(frozen=True)
class Anneal(PrefixPolicy):
    """Args:
    high: Mean share of the longest prefix that is given at the beginning, 0 to 1.
    low: The same at the end of the hints, 0 to `high`.
    until: Share of the stage's optimizer steps after which nothing is given, above 0 and at most 1.

    Raises:
        RecipeError: One is no share, `low` is above `high`, or `until` is 0.
    """

    uses_progress: ClassVar[bool] = True

    high: float = 0.95
    low: float = 0.05
    until: float = 0.6

    def __post_init__(self) -> None:
        expect_share("high", self.high)
        expect_share("low", self.low)
        expect_share("until", self.until)
        if self.low > self.high:
            raise RecipeError(f"prefix.low: found {self.low}, expected at most prefix.high, which is {self.high}")
        if self.until == 0:
            raise RecipeError(f"prefix.until: found {self.until}, expected above 0: no hint would ever be given")

    def probability(self, progress: float) -> float:
        """The probability of each step to be given, 0 to 1, at a share of the stage."""
        if progress >= self.until:
            return 0.0
        return self.low + (self.high - self.low) * (1 + math.cos(math.pi * progress / self.until)) / 2

    def length(self, trajectory: Expert, history: History) -> int:
        probability = self.probability(history.progress)
        return sum(history.random.random() < probability for _ in range(trajectory.longest))
