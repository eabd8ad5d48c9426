from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from treadle.errors import RecipeError
from treadle.recipe.schema import Recipe, SRLStage, load_recipe, parse_recipe, resolved
from treadle.recipe.sizes import derive_sizes

MINIMAL = {"model": "m", "data": "d", "output": "o", "stages": [{"kind": "srl"}, {"kind": "rlvr"}]}


def test_defaults_are_the_papers():
    recipe = parse_recipe(MINIMAL)
    srl, rlvr = recipe.stages
    assert (srl.prompts_per_step, srl.rollouts, srl.temperature, srl.kl) == (512, 8, 1.0, 0.0)
    assert (srl.learning_rate, srl.max_grad_norm, srl.epochs, srl.warmup_ratio) == (5e-7, 1.0, 30, 0.0)
    assert rlvr.prompts_per_step == 128
    sft = parse_recipe({**MINIMAL, "stages": [{"kind": "sft"}]}).stages[0]
    assert (sft.batch_size, sft.learning_rate, sft.scheduler, sft.warmup_ratio, sft.epochs) == (
        64,
        5e-6,
        "cosine",
        0.3,
        3,
    )


def test_stages_get_their_kind_as_name():
    assert [s.name for s in parse_recipe(MINIMAL).stages] == ["srl", "rlvr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": "x"}, "unknown key 'modle'; did you mean 'model'"),
        (
            {"stages": [{"kind": "srl", "learning_rat": 1}]},
            r"unknown key 'stages.0.learning_rat'; did you mean 'learning_rate'",
        ),
        ({"stages": [{"kind": "sft", "rollouts": 8}]}, r"unknown key 'stages.0.rollouts'"),
        ({"lora": {"rank": 8}}, r"unknown key 'lora.rank'"),
        ({"stages": [{"kind": "srl", "max_steps": "ten"}]}, r"stages.0.max_steps: found 'ten'"),
        (
            {"stages": [{"kind": "srl", "temperature": 0}]},
            r"stages.0.temperature: found 0; input should be greater than 0",
        ),
        ({"stages": [{"kind": "dpo"}]}, r"stages.0.kind: found 'dpo', expected one of sft, rlvr, srl"),
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


def test_derived_sizes_by_hand():
    # 100 prompts, 20 a step: 5 steps a pass, 3 passes; 20 * 8 = 160 completions in micro-batches of 32.
    stage = SRLStage(kind="srl", prompts_per_step=20, micro_batch=32, epochs=3, max_completion_length=10)
    sizes = derive_sizes(stage, 100)
    assert (sizes.accumulation, sizes.optimizer_steps, sizes.rollouts_per_step) == (5, 15, 160)
    assert sizes.new_tokens_per_step == 1600
    assert "100 rows, 20 a step x rollouts = 160 completions" in sizes.describe()


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        ({"prompts_per_step": 5, "micro_batch": 32}, 100, "set prompts_per_step=4 or a micro-batch that divides 40"),
        (
            {"prompts_per_step": 128, "micro_batch": 8},
            100,
            "takes 128 prompts, but the data has 100; set prompts_per_step=100",
        ),
        ({"prompts_per_step": 60, "micro_batch": 8, "updates_per_rollout": 2}, 100, "set prompts_per_step=50"),
    ],
)
def test_impossible_arithmetic_gives_the_fitting_value(settings, rows, message):
    with pytest.raises(RecipeError, match=message):
        derive_sizes(SRLStage(kind="srl", **settings), rows)


def test_shipped_recipes_are_valid():
    recipes = sorted((Path(__file__).parent.parent.parent / "recipes").glob("*.yaml"))
    assert {p.name for p in recipes} >= {"miniature.yaml", "math_qwen2.5_7b.yaml"}
    for path in recipes:
        load_recipe(path)
