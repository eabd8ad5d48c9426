"""A prefix only after a group without a right rollout, and at once (BREAD, arXiv 2506.17211).

A visit begins without a prefix. If no rollout is right, the same prompt is sampled again within the generation:
bisection looks for a length from which some rollouts are right and some are not. It is longer than one where none was
right, and shorter than one where all were. The next visit begins without a prefix again.
"""

from __future__ import annotations

from dataclasses import dataclass

from treadle.training.prefixes.policy import Attempt, Expert, History, PrefixPolicy


@dataclass(frozen=True)
class OnFailure(PrefixPolicy):
    """It has no settings. A visit takes at most ceil(log2(longest + 1)) groups after its first."""

    def length(self, trajectory: Expert, history: History) -> int:
        lengths = _left(trajectory, history)
        return lengths[(len(lengths) - 1) // 2] if lengths else 0

    def again(self, trajectory: Expert, history: History) -> bool:
        return bool(_left(trajectory, history))


def _left(trajectory: Expert, history: History) -> range:
    """Lengths that the visit has still to look at; none where the next group begins another visit.

    Which attempts belong to one visit is not recorded. It follows from them, because it is they that end a visit.
    """
    lengths, groups = range(0), 0
    for attempt in history.attempts:
        if not lengths:
            lengths, groups = range(1, trajectory.longest + 1), 0
        lengths = _narrowed(lengths, attempt)
        if groups == trajectory.longest.bit_length():  # ceil(log2(longest + 1)); two visits at once do not halve
            lengths = range(0)
        groups += 1
    return lengths


def _narrowed(lengths: range, attempt: Attempt) -> range:
    """What is left to look at after a group: nothing where it has a right and a wrong rollout, or no scored one."""
    if not attempt.scored or 0 < attempt.right < attempt.scored:
        return range(0)
    if attempt.right:
        return range(lengths.start, min(lengths.stop, attempt.length))
    return range(max(lengths.start, attempt.length + 1), lengths.stop)
