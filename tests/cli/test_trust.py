"""The one flag with which code of a model's folder is executed: who has it, and what it changes."""

from __future__ import annotations

import json

import pytest
from typer.main import get_command

from treadle.cli.main import app
from treadle.cli.trust import trusting
from treadle.recipe.reading import load_recipe

STAGE = {"kind": "srl", "max_steps": 1, "prompts_per_step": 2, "rollouts": 2}


@pytest.fixture
def recipe(tmp_path):
    def write(**more):
        file = tmp_path / "recipe.yaml"
        file.write_text(json.dumps({"model": "a/b", "data": "d", "output": "o", "stages": [STAGE], **more}))
        return file

    return write


def test_with_the_flag_code_is_trusted_and_without_the_recipe_says(recipe):
    assert load_recipe(recipe(), trusting(True)).trust_remote_code is True
    assert load_recipe(recipe(), trusting(False)).trust_remote_code is False
    assert load_recipe(recipe(trust_remote_code=True), trusting(False)).trust_remote_code is True
    assert load_recipe(recipe(trust_remote_code=False), trusting(True)).trust_remote_code is True


def test_every_command_that_loads_a_model_has_the_flag_off():
    """As docs/security.md lists them; `train` has the recipe's key, and the others load none from elsewhere."""
    flags = {
        name: [option for option in command.params if "--trust-remote-code" in option.opts]
        for name, command in get_command(app).commands.items()
    }
    assert {name for name, found in flags.items() if found} == {
        "init",
        "prepare",
        "merge",
        "check",
        "plan",
        "evaluate",
    }
    for found in flags.values():
        assert all(option.is_flag and not option.default for option in found)
