"""A model folder, prepared data and a recipe that have nothing to mend, for tests to change one thing of."""

from __future__ import annotations

import json

import pytest

from treadle.check import Subject
from treadle.recipe.reading import parse_recipe

SRL = {"kind": "srl", "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8, "max_completion_length": 8}
SFT = {"kind": "sft", "batch_size": 2, "micro_batch": 2}


@pytest.fixture
def prepared(prepared_world):
    return prepared_world


@pytest.fixture
def subject(tiny_folder, tmp_path):
    """Makes a subject of the tiny model and a recipe with these stages; `data` says whether its data is looked at."""

    def make(*stages, data=True, **changes):
        content = {"model": str(tiny_folder), "data": str(tmp_path / "data"), "output": str(tmp_path / "run")}
        recipe = parse_recipe({**content, "dtype": "float32", "stages": list(stages or [SRL]), **changes})
        return Subject(recipe.model, recipe, data)

    return make


@pytest.fixture
def edit():
    """Changes values of a JSON file."""

    def change(path, **values):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change
