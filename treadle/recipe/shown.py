"""What a recipe adds to its data: what prompts ask for and show before the task, and which rows that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from datasets import Dataset

from treadle.chat.settings import read_file
from treadle.data.contrast import Contrasts, pool_of
from treadle.data.examples import common_form, worked_examples
from treadle.data.prepare.floors import sample_of
from treadle.data.prepared import Prepared
from treadle.data.prompts.asking import PLAIN, Asking, Example, read_asking
from treadle.recipe.model_names import resolve
from treadle.recipe.schema import AnyStage, Recipe, SRLStage
from treadle.scoring.floors import example_floor
from treadle.scoring.thoughts import PLAIN as PLAIN_TAGS
from treadle.scoring.thoughts import ThoughtTags


@dataclass(frozen=True)
class Shown:
    """What all stages of a run have in common beside the data.

    Args:
        asking: What prompts ask for, with worked examples.
        left_out: Training trajectories, by their row, that are worked examples and therefore not trained on.
        seed: Of the choice of contrasts.
        tags: Where thoughts begin and end in what the model is to write.
    """

    asking: Asking = PLAIN
    left_out: tuple[int, ...] = ()
    seed: int = 0
    tags: ThoughtTags = PLAIN_TAGS

    def with_tags(self, tags: ThoughtTags) -> Shown:
        """The same for a stage with these tags."""
        return replace(self, tags=tags, asking=replace(self.asking, tags=tags.pair))

    def trained_on(self, references: Dataset) -> Dataset:
        """The references of training that are left."""
        if not self.left_out:
            return references
        numbers_N = np.asarray(references.with_format(None)["trajectory"])
        return references.select(np.flatnonzero(~np.isin(numbers_N, self.left_out)))


NOTHING = Shown()
"""Prompts as they are without a recipe."""


def shown_of(recipe: Recipe, prepared: Prepared) -> Shown:
    """What `recipe` adds to its data.

    Raises:
        DataError: The data has too few trajectories for the worked examples.
    """
    examples, left_out = worked_examples(prepared, recipe.prompts.examples, recipe.seed)
    return Shown(Asking(recipe.prompts.think, examples, common_form(prepared)), left_out, recipe.seed)


def load_asking(model: str, tags: tuple[str, str]) -> Asking:
    """What prompts asked for when a model was trained, with worked examples; as in the paper where nothing says.

    Args:
        model: Folder or hub id, whose `treadle_chat.json` is read.
        tags: Of thoughts.

    Raises:
        DataError: The file is damaged there.
    """
    return read_asking(read_file(resolve(model)).get("prompts") or {}, tags)


def prompt_floor(prepared: Prepared, shown: Shown) -> float | None:
    """What similarity a policy earns at most that has learned nothing, or repeats a worked example of its prompt.

    `None` for data whose floor is not known.
    """
    if prepared.floor is None or not shown.asking.examples:
        return prepared.floor
    return max(prepared.floor, _example_floor(prepared.folder, shown.asking.examples))


@cache
def _example_floor(folder: Path, examples: tuple[Example, ...]) -> float:
    own = {example.trajectory for example in examples}
    halves = sample_of(Prepared(folder)).halves()
    floor = example_floor([example.target.action for example in examples], *halves, own=own)
    return floor["value"] if floor else 0.0


def contrasts_of(stage: AnyStage, prepared: Prepared, seed: int) -> Contrasts | None:
    """What the steps of a stage are held against; `None` where its reward does not look at other actions."""
    if not isinstance(stage, SRLStage):
        return None
    holding = next((choice.reward for choice in stage.rewards if choice.reward.most), None)
    if holding is None:
        return None
    most = holding.most if stage.contrasts is None else stage.contrasts
    return Contrasts(pool_of(prepared, seed), most, seed, holding.siblings)
