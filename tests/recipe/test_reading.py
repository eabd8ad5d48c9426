from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from treadle.errors import RecipeError
from treadle.recipe.reading import load_recipe, parse_recipe, resolved
from treadle.recipe.schema import Recipe

MINIMAL = {"model": "m", "data": "d", "output": "o", "stages": [{"kind": "srl"}, {"kind": "rlvr"}]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": "x"}, "unknown key 'modle'; did you mean 'model'"),
        (
            {"stages": [{"kind": "srl", "learning_rat": 1}]},
            r"unknown key 'stages.0.learning_rat'; did you mean 'learning_rate'",
        ),
        (
            {"stages": [{"kind": "sft", "rollouts": 8}]},
            r"'stages.0.rollouts'; it is for stages of kind warmup, rlvr, srl, and this is one of kind sft",
        ),
        ({"lora": {"rank": 8}}, r"unknown key 'lora.rank'"),
        (
            {"learning_rate": 1e-6},
            r"'learning_rate'; it belongs to a stage: stages: \[{kind: srl, lear",
        ),
        ({"stages": [{"kind": "srl", "num_generations": 8}]}, r"'stages.0.num_generations'; here it is rollouts"),
        ({"stages": [{"kind": "sft", "lr": 1}]}, r"'stages.0.lr'; here it is learning_rate"),
        ({"stages": [{"kind": "srl", "vllm_mode": 1}]}, r"belongs under trl: as in trl: {vllm_mode: ...}"),
        ({"stages": [{"kind": "grpo"}]}, r"did you mean rlvr \(rewarded by final answers\) or srl"),
        ({"stages": [{"kind": "rlvrr"}]}, r"found 'rlvrr', expected .*; did you mean rlvr"),
        ({"stages": [{"kind": "srl", "max_steps": "ten"}]}, r"stages.0.max_steps: found 'ten'"),
        (
            {"stages": [{"kind": "srl", "temperature": 0}]},
            r"stages.0.temperature: found 0; input should be greater than 0",
        ),
        ({"stages": [{"kind": "dpo"}]}, r"stages.0.kind: found 'dpo', expected one of sft, warmup, rlvr, srl"),
        ({"stages": [{}]}, r"stages.0: missing key 'kind'"),
        ({"stages": []}, "stages: found"),
        ({"stages": [{"kind": "srl"}, {"kind": "srl"}]}, "two stages are called 'srl'"),
        (
            {"stages": [{"kind": "srl", "trl": {"use_vlm": True}}]},
            r"stages.srl.trl: unknown key 'use_vlm'; did you mean 'use_vllm'",
        ),
        (
            {"stages": [{"kind": "srl", "trl": {"num_generations": 2}}]},
            r"stages.srl.trl.num_generations: set it by the recipe's own key rollouts",
        ),
        ({"dtype": "float8"}, "dtype: found 'float8'"),
    ],
)
def test_mistakes_name_the_key_and_the_remedy(change, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe({**MINIMAL, **change})


def test_a_folder_in_place_of_a_recipe(tmp_path):
    with pytest.raises(RecipeError, match=r"a folder, expected a recipe file .*`treadle init` writes one"):
        load_recipe(tmp_path)
    with pytest.raises(RecipeError, match="no such recipe file; `treadle init`"):
        load_recipe(tmp_path / "gone.yaml")


def test_missing_key_shows_an_example():
    with pytest.raises(RecipeError, match="missing key 'data'; add it, for instance data: data/s1k"):
        parse_recipe({k: v for k, v in MINIMAL.items() if k != "data"})


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    return path


def test_overrides_reach_everything(file):
    recipe = load_recipe(
        file,
        ["stages.srl.max_steps=3", "stages.1.learning_rate=1e-4", "output=/x", "lora.r=4", "stages.srl.trl.top_k=5"],
    )
    assert recipe.stages[0].max_steps == 3
    assert recipe.stages[1].learning_rate == 1e-4
    assert (str(recipe.output), recipe.lora.r, recipe.stages[0].trl) == ("/x", 4, {"top_k": 5})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.sft.max_steps=3", "no stage 'sft'; found srl, rlvr"),
        ("max_steps", "expected key.path=value"),
        ("model.x=3", "model is a value, not a section"),
        ("sed=3", "unknown key 'sed'; did you mean 'seed'"),
    ],
)
def test_wrong_overrides(file, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(file, [override])


def test_files_that_are_no_recipes(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe file"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(RecipeError, match="not readable as YAML"):
        load_recipe(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("- a")
    with pytest.raises(RecipeError, match="found list, expected keys"):
        load_recipe(tmp_path / "b.yaml")


def test_the_resolved_recipe_is_the_same_recipe():
    recipe = parse_recipe(MINIMAL)
    assert Recipe.model_validate(yaml.safe_load(resolved(recipe))) == recipe


def test_shipped_recipes_are_valid():
    recipes = sorted((Path(__file__).parent.parent.parent / "recipes").glob("*.yaml"))
    assert {p.name for p in recipes} >= {"miniature.yaml", "math_qwen2.5_7b.yaml"}
    for path in recipes:
        load_recipe(path)
