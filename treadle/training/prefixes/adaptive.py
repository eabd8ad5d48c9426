"""Each trajectory's own interval of lengths, narrowed by its success (AdaBack, arXiv 2506.18110).

The length is drawn uniformly from the interval, which begins as everything from no prefix to the longest. A group whose
rate reaches `threshold` makes its length the upper end, for good, and the lower end 0; one that does not makes its
length the lower end. So the upper end never rises: what was solved from so little is never given more. An interval that
has closed asks for the same length until a group succeeds there, and then opens downwards; one that has closed at 0 is
solved without a prefix, and stays so. Besides, a group now and then gets no prefix whatever the interval is.
"""

from __future__ import annotations

from dataclasses import dataclass

from treadle.errors import RecipeError
from treadle.training.prefixes.policy import Expert, History, PrefixPolicy, expect_share


@dataclass(frozen=True)
class Adaptive(PrefixPolicy):
    """Args:
    threshold: Share of right rollouts from which a group counts as a success, above 0 and at most 1.
    unaided: Probability that a group gets no prefix, outside the interval too; 0 to 1.

    Raises:
        RecipeError: The threshold is none that some groups reach and some do not, or `unaided` is no share.
    """

    threshold: float = 0.5
    unaided: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise RecipeError(f"prefix.threshold: found {self.threshold}, expected above 0 and at most 1")
        expect_share("unaided", self.unaided)

    def interval(self, trajectory: Expert, history: History) -> tuple[int, int]:
        """The shortest and the longest prefix that the next group may be given, in steps.

        A group without a scored rollout says nothing.
        """
        low, high = 0, trajectory.longest
        for attempt in history.attempts:
            if not attempt.scored:
                continue
            if attempt.rate >= self.threshold:
                low, high = 0, min(attempt.length, high)
            else:
                low = min(max(low, attempt.length), high)
        return low, high

    def length(self, trajectory: Expert, history: History) -> int:
        if history.random.random() < self.unaided:
            return 0
        return history.random.randint(*self.interval(trajectory, history))
