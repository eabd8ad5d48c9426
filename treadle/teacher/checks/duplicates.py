"""Exact and near duplicates of what is kept already, or of what the user has.

What is compared is `treadle.data.curate.duplicates`' business: the problem together with the steps. Of drafts that are
alike the first is kept. Held in memory are a number and half a kilobyte for each draft.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from treadle.data.curate.duplicates import check_threshold, content_hash, duplicates, signature
from treadle.files.rows import Rejected
from treadle.teacher.checks import Fault, Reason, SetCheck
from treadle.teacher.checks.reading import trajectory_of
from treadle.teacher.drafts import Draft
from treadle.trajectory import Trajectory


class Duplicates(SetCheck):
    """No earlier draft, and none of the trajectories that are there, is the same or nearly the same.

    Args:
        threshold: Least similarity of near duplicates, from 0.5 to 1.
        known: Trajectories that are there; read once.
        compared: What near duplicates are compared by, by default the problem and the steps.

    Raises:
        DataError: The threshold is out of range.
    """

    name = "duplicates"

    def __init__(
        self,
        threshold: float = 0.8,
        known: Iterable[Trajectory] = (),
        compared: Callable[[Trajectory], Trajectory] = lambda trajectory: trajectory,
    ) -> None:
        check_threshold(threshold)
        self.threshold = threshold
        self._compared = compared
        self._known = [(t.id, content_hash(t), signature(compared(t))) for t in known]

    def faults(self, drafts: Iterable[Draft]) -> list[Fault | None]:
        return self.among(map(_named, drafts))

    def among(
        self,
        trajectories: Iterable[tuple[str, Trajectory]],
        group: Callable[[str], Hashable] = lambda name: None,
    ) -> list[Fault | None]:
        """What is wrong with each of the trajectories.

        Args:
            trajectories: With the names by which messages call them.
            group: Of a name, or of the id of one that is there; near ones are of one group.
        """
        names = [name for name, _, _ in self._known]
        hashes = [number for _, number, _ in self._known]
        signatures = [values for _, _, values in self._known]
        for name, trajectory in trajectories:
            names.append(name)
            hashes.append(content_hash(trajectory))
            signatures.append(signature(self._compared(trajectory)))
        exact, near = duplicates(
            dict(enumerate(hashes)),
            lambda rows: np.stack([signatures[row] for row in rows]),
            self.threshold,
            [group(name) for name in names],
        )
        found = {row: (earlier, Reason.EXACT_DUPLICATE) for row, earlier in exact}
        found |= {row: (earlier, Reason.NEAR_DUPLICATE) for row, earlier in near}
        return [
            _fault(*found[row], names, len(self._known)) if row in found else None
            for row in range(len(self._known), len(names))
        ]


def _named(draft: Draft) -> tuple[str, Trajectory]:
    trajectory = trajectory_of(draft)
    if isinstance(trajectory, Rejected):
        raise ValueError(f"draft {draft.id} has no steps to compare: {trajectory}")
    return draft.id, trajectory


def _fault(earlier: int, reason: Reason, names: Sequence[str], known: int) -> Fault:
    return Fault(reason, f"like {names[earlier]}{' of what is there' if earlier < known else ''}")
