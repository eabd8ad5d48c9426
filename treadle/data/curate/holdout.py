"""Which trajectories are held out for validation, and which are more than a repository may give.

Both decide by the order of the input alone, so that neither the number of workers nor their order matters.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from treadle.errors import DataError


def choose_held_out(groups: Sequence[str | None], held_out: float, seed: int) -> set[int]:
    """Positions of the trajectories that are held out for validation.

    Without groups, that many are drawn at random. With groups (repositories, problems with several solutions), all
    trajectories of a group are on the same side, and a trajectory without a group is one of its own. Groups are gone
    through in a random order; one is taken if the count still has room for all of it. Where that leaves the count
    short, the smallest group left is taken as well if that comes nearer to the count, or if nothing was taken yet. At
    least one group is left to train on.

    Args:
        groups: The group of each of N trajectories, in the order of the input.
        held_out: A count, or a share below 1 of the trajectories.

    Raises:
        DataError: Nothing would be left to train on.
    """
    total = len(groups)
    if held_out < 0:
        raise DataError(f"--held-out {held_out:g}: expected a count, or a share such as 0.05; 0 holds out none")
    count = round(held_out * total) if held_out < 1 else int(held_out)
    if count >= total:
        raise DataError(
            f"--held-out {held_out:g} asks for {count} of {total} trajectories, which leaves none to "
            f"train on; set it below {total} or to a share such as 0.05"
        )
    if all(group is None for group in groups):
        return set(random.Random(seed).sample(range(total), count))
    if not count:
        return set()
    members: dict[str | int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(position if group is None else group, []).append(position)
    if len(members) == 1:
        raise DataError(
            f"--held-out {held_out:g}: all {total} trajectories are of one repository or problem, {groups[0]}, which "
            "is never split into training and validation; set --held-out 0, or add trajectories of others"
        )
    shuffled = list(members.values())
    random.Random(seed).shuffle(shuffled)
    chosen: set[int] = set()
    left_out = []
    for group in shuffled:
        if len(chosen) + len(group) <= count:
            chosen.update(group)
        else:
            left_out.append(group)
    if len(chosen) < count and len(left_out) > 1:
        smallest = min(left_out, key=len)
        if not chosen or len(chosen) + len(smallest) - count < count - len(chosen):
            chosen.update(smallest)
    return chosen


def over_cap(groups: Sequence[str | None], cap: int) -> list[bool]:
    """For each trajectory whether `cap` earlier ones are of its group; never where it has no group.

    Raises:
        DataError: The cap is below 1.
    """
    if cap < 1:
        raise DataError(f"--repo-cap {cap}: expected 1 or more")
    seen: Counter[str] = Counter()
    over = []
    for group in groups:
        over.append(group is not None and seen[group] >= cap)
        if group is not None:
            seen[group] += 1
    return over
