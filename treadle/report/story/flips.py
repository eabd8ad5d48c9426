"""Problems that came out otherwise after training, and a few of them to read with both texts side by side.

A problem counts as solved where at least half of its attempts are right; with one greedy attempt that is the attempt.
It is gained where only the later model solves it, lost where only the earlier one does. An attempt that the back end
did not give counts for neither. Single problems flip by chance too: whether two models differ is for the tests to say.

Which flips are read is not chosen by hand: as many gained as lost, where there are as many; the largest changes first,
equal ones in the order of a hash of the problem's name, and no problem twice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from treadle.evaluate.records import Sample
from treadle.evaluate.runs import Run
from treadle.scoring.thoughts import ThoughtTags

SHOWN = 10

Place = tuple[str, str, str, str]
"""Benchmark, problem, mode and decoding."""
Shares = Mapping[Place, tuple[int, int]]
"""Right attempts and attempts."""


class Change(StrEnum):
    """What became of a problem."""

    GAINED = "gained"
    LOST = "lost"
    SAME = "same"


@dataclass(frozen=True)
class Flip:
    """A problem in one mode and decoding that came out otherwise; right attempts and attempts before and after."""

    place: Place
    before: tuple[int, int]
    after: tuple[int, int]
    change: Change

    @property
    def size(self) -> float:
        """By how much the share of right attempts changed."""
        return abs(self.after[0] / self.after[1] - self.before[0] / self.before[1])


def shares(samples: Iterable[Sample]) -> dict[Place, tuple[int, int]]:
    """Right attempts and attempts of those that the back end gave."""
    right: Counter[Place] = Counter()
    count: Counter[Place] = Counter()
    for sample in samples:
        if sample.stop is not None:
            count[sample.key[:4]] += 1
            right[sample.key[:4]] += sample.right
    return {place: (right[place], count[place]) for place in count}


def change(before: tuple[int, int], after: tuple[int, int]) -> Change:
    """What became of a problem with these right attempts of so many."""
    then, now = 2 * before[0] >= before[1], 2 * after[0] >= after[1]
    return Change.SAME if now == then else Change.GAINED if now else Change.LOST


def changes(before: Shares, after: Shares) -> list[Flip]:
    """Every problem that both have, in the order of `after`."""
    return [
        Flip(place, before[place], now, change(before[place], now)) for place, now in after.items() if place in before
    ]


def counted(found: Iterable[Flip]) -> dict[tuple[str, str, str], Counter[Change]]:
    """Problems gained, lost and unchanged, by benchmark, mode and decoding."""
    counts: dict[tuple[str, str, str], Counter[Change]] = {}
    for flip in found:
        benchmark, _, mode, decoding = flip.place
        counts.setdefault((benchmark, mode, decoding), Counter())[flip.change] += 1
    return counts


def to_read(found: Iterable[Flip], most: int = SHOWN) -> list[Flip]:
    """At most `most` flips, those gained first."""
    in_order = sorted((flip for flip in found if flip.change is not Change.SAME), key=_order)
    of_problem: dict[tuple[str, str], Flip] = {}
    for flip in in_order:
        of_problem.setdefault(flip.place[:2], flip)
    gained, lost = ([f for f in of_problem.values() if f.change is kind] for kind in (Change.GAINED, Change.LOST))
    half = most // 2
    gained = gained[: max(half, most - len(lost))]
    return [*gained, *lost[: most - len(gained)]]


def _order(flip: Flip) -> tuple[float, str]:
    return -flip.size, hashlib.sha256("\n".join(flip.place).encode("utf-8", "surrogatepass")).hexdigest()


def attempts_to_read(
    runs: Sequence[Run], flips: Sequence[Flip], later: bool
) -> dict[Place, tuple[Sample, ThoughtTags]]:
    """For each flip the first attempt that came out as the problem did, with the thought tags of its run.

    Args:
        later: Whether the runs are the later model's.
    """
    wanted = {flip.place: (flip.change is Change.GAINED) is later for flip in flips}
    found: dict[Place, tuple[Sample, ThoughtTags]] = {}
    for run in runs:
        for sample in run.samples() if len(found) < len(wanted) else ():
            place = sample.key[:4]
            if place in wanted and place not in found and sample.right is wanted[place]:
                found[place] = (sample, run.thought_tags)
                if len(found) == len(wanted):
                    break
    return found
