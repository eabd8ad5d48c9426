"""Recipes over the prepared miniature world, with a tokenizer that has a chat template."""

from __future__ import annotations

import pytest

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from treadle.recipe.reading import parse_recipe


@pytest.fixture
def recipe_of(prepared_world, tmp_path):
    """Makes a recipe of stages, and further keys of it."""
    byte_tokenizer(TEMPLATES["qwen2_5"]).save_pretrained(tmp_path / "model")

    def make(*stages, **more):
        common = {"prompts_per_step": 8, "rollouts": 4, "micro_batch": 4, "max_steps": 4}
        told = {"model": str(tmp_path / "model"), "data": str(prepared_world), "output": str(tmp_path / "run")}
        return parse_recipe({**told, **more, "stages": [{**common, **stage} for stage in stages]})

    return make
