"""Worked examples for prompts, taken from training trajectories, which are then not trained on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from treadle.data.prepared import Prepared
from treadle.data.prompts.asking import PLAIN, Example, StepForm, form_of
from treadle.data.sources.native import read_native
from treadle.errors import DataError
from treadle.files.row_copies import mapped
from treadle.trajectory import Trajectory

LOOKED_AT = 200
"""Trajectories that examples are chosen from."""


def worked_examples(
    prepared: Prepared, count: int, seed: int, key: str = "prompts.examples"
) -> tuple[tuple[Example, ...], tuple[int, ...]]:
    """Examples for the prompts of a run.

    Of up to `LOOKED_AT` trajectories, drawn by seed, those of two steps or more that are no longer than most: examples
    stand in every prompt. By turns they show a step with some before it and a first one.

    Args:
        count: How many, each of another trajectory; 0 for none.
        seed: Another one draws others.
        key: What says `count` in a recipe, for the message.

    Returns:
        The examples, and the rows of their trajectories in the training file.

    Raises:
        DataError: There are not that many trajectories, with one left to train on.
    """
    if not count:
        return (), ()
    stored = mapped(prepared.trajectory_file("train"))
    if len(stored) <= count:
        most = max(0, len(stored) - 1)
        raise DataError(
            f"{prepared.folder}: {len(stored)} training trajectories, expected more than the {count} that "
            f"{key}={count} takes for worked examples; set it to {most}{' or less' if most else ''}"
        )
    drawn = random.Random(f"examples/{seed}").sample(range(len(stored)), min(len(stored), max(LOOKED_AT, 2 * count)))
    read = {n: read_native(stored[n], f"{prepared.trajectory_file('train')}, row {n + 1}") for n in drawn}
    chosen = _short_ones(drawn, read)[:count]
    examples = tuple(_example(read[number], place) for place, number in enumerate(chosen))
    return examples, tuple(chosen)


def common_form(prepared: Prepared) -> StepForm:
    """The form of steps that most of the first training trajectories have."""
    stored = mapped(prepared.trajectory_file("train"))
    rows = stored.select(range(min(len(stored), LOOKED_AT // 4)))
    forms = Counter(form_of(read_native(row)) for row in rows)
    return forms.most_common(1)[0][0] if forms else PLAIN.form


def _short_ones(drawn: Sequence[int], read: dict[int, Trajectory]) -> list[int]:
    """The drawn rows, those that make good examples first, each kind in the order of the draw."""
    length = {
        n: len(read[n].problem) + sum(len(s.action) + len(s.observation or "") for s in read[n].steps) for n in drawn
    }
    median = sorted(length.values())[len(drawn) // 2]
    good = [n for n in drawn if len(read[n].steps) > 1 and length[n] <= median]
    return good + sorted((n for n in drawn if n not in good), key=lambda n: (len(read[n].steps) == 1, length[n]))


def _example(trajectory: Trajectory, place: int) -> Example:
    step = 1 if place % 2 else min(len(trajectory.steps), 2)
    return Example(trajectory.problem, trajectory.steps, step, trajectory.answer, trajectory.id, form_of(trajectory))
