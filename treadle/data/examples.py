"""Worked examples for prompts, taken from training trajectories, which are then not trained on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from treadle.data.prepared import Prepared
from treadle.data.prepared_files import stored, trajectory_of
from treadle.data.prompts.asking import PLAIN, Example, StepForm, form_of
from treadle.errors import DataError
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
    rows = stored(prepared.trajectory_file("train"))
    if len(rows) <= count:
        most = max(0, len(rows) - 1)
        raise DataError(
            f"{prepared.folder}: {len(rows)} training trajectories, expected more than the {count} that "
            f"{key}={count} takes for worked examples; set it to {most}{' or less' if most else ''}"
        )
    drawn = random.Random(f"examples/{seed}").sample(range(len(rows)), min(len(rows), max(LOOKED_AT, 2 * count)))
    read = {n: trajectory_of(rows[n], prepared.trajectory_file("train"), n) for n in drawn}
    chosen = _short_ones(drawn, read)[:count]
    examples = tuple(_example(read[number], place) for place, number in enumerate(chosen))
    return examples, tuple(chosen)


def common_form(prepared: Prepared) -> StepForm:
    """The form of steps that most of the first training trajectories have."""
    file = prepared.trajectory_file("train")
    rows = stored(file)
    first = rows.select(range(min(len(rows), LOOKED_AT // 4)))
    forms = Counter(form_of(trajectory_of(row, file, number)) for number, row in enumerate(first))
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
