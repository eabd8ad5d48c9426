"""The column `contrast`: other experts' actions that an action is held against (docs/floors.md).

They are steps of other trajectories of the same form: the form can be seen in the prompt and earns nothing therefore.
Steps are not matched by tool: which tool to call is what an agent learns. For a margin half of them are other steps of
the own trajectory, so that copying the step before earns little. For a floor, which is the highest similarity of all,
they are not: there is always a step that is near, and nothing but the right action would be above it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from treadle.data.instances import check_target
from treadle.data.prepared import Prepared
from treadle.data.prepared_files import stored, trajectory_of
from treadle.trajectory import Trajectory

POOL = 512
"""Steps of training trajectories that the others are drawn from."""


@dataclass(frozen=True)
class Other:
    """A step of the pool: its action, of which trajectory, and of what form that is."""

    trajectory: str
    form: tuple[str, str]
    action: str


@dataclass(frozen=True)
class Contrasts:
    """Chooses the contrast of a row, by its trajectory's id, its step and the seed alone.

    Args:
        pool: Steps to draw from, each as often as it is to count.
        most: How many texts a row is held against.
        seed: Another one draws others.
        siblings: Take half of them from the row's own trajectory.
    """

    pool: tuple[Other, ...]
    most: int
    seed: int = 0
    siblings: bool = True

    def of(self, trajectory: Trajectory, step: int) -> list[str]:
        """Texts other than the action of `step` (1-based), at most `most`; fewer where there are no more."""
        own = trajectory.steps[step - 1].action
        draw = random.Random(f"contrast/{self.seed}/{trajectory.id}/{step}")
        siblings = [s.action for s in trajectory.steps if s.action != own] if self.siblings else []
        form = form_of(trajectory)
        others = [o.action for o in self.pool if o.form == form and o.trajectory != trajectory.id and o.action != own]
        half = min(len(siblings), max(self.most // 2, self.most - len(others)))
        rest = min(len(others), self.most - half)
        return [*draw.sample(siblings, half), *draw.sample(others, rest)]


def form_of(trajectory: Trajectory) -> tuple[str, str]:
    """What texts are alike by: the family of prompts, and the form that the source was written in."""
    return trajectory.domain, str(trajectory.meta.get("form") or "")


def pool_of(prepared: Prepared, seed: int, most: int = POOL) -> tuple[Other, ...]:
    """Steps of the training data, drawn by seed; every step that is trained on is as likely.

    Raises:
        DataError: One is of no step that its trajectory has.
    """
    references = stored(prepared.instance_file("train"))
    count = len(references)
    chosen = sorted(random.Random(f"pool/{seed}").sample(range(count), min(most, count)))
    steps_of: dict[int, list[int]] = defaultdict(list)
    for row in references.select(chosen):
        steps_of[row["trajectory"]].append(row["step"])
    rows = stored(prepared.trajectory_file("train"))
    pool = []
    for number, steps in steps_of.items():
        trajectory = trajectory_of(rows[number], prepared.trajectory_file("train"), number)
        for step in steps:
            check_target(trajectory.id, step, len(trajectory.steps))
            pool.append(Other(trajectory.id, form_of(trajectory), trajectory.steps[step - 1].action))
    return tuple(pool)


def texts_of(pool: Sequence[Other]) -> list[str]:
    """The pool's actions, each once."""
    return list(dict.fromkeys(other.action for other in pool))
