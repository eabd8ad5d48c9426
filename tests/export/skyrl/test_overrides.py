"""SkyRL's settings by hand-computed values, and what is refused."""

from __future__ import annotations

import pytest
import yaml

from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.export.expressible import check_expressible, not_carried
from treadle.export.skyrl.engine import SKYRL
from treadle.export.skyrl.overrides import as_text, overrides
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat


def of(recipe, rows=100):
    (stage,) = recipe.stages
    return overrides(stage, recipe, derive_sizes(stage, rows), recipe_chat(recipe), 321, "1-srl")


def test_a_step_of_skyrl_is_a_generation_and_a_round_a_batch_of_rows(recipe_of):
    stage = {"kind": "srl", "updates_per_rollout": 2, "max_steps": 24, "save_every": 5, "validate_every": 4}
    found = of(recipe_of({**stage, "warmup_ratio": 0.1, "scheduler": "cosine"}))
    assert found["trainer.train_batch_size"] == 16  # 8 prompts, twice
    assert found["trainer.policy_mini_batch_size"] == 8
    assert found["trainer.max_training_steps"] == 12
    assert found["trainer.epochs"] == 8  # 12 steps of four rounds, six of which are in 100 rows
    assert found["trainer.ckpt_interval"] == 3
    assert found["trainer.eval_interval"] == 2
    assert found["trainer.policy.optimizer_config.num_warmup_steps"] == 3  # of 24 updates


def test_the_papers_settings_arrive(recipe_of):
    found = of(recipe_of({"kind": "srl", "clip_high": 0.28, "kl": 0.01, "adam_beta2": 0.95, "trl": {"delta": 4.0}}))
    algorithm = "trainer.algorithm"
    expected = {
        "trainer.max_prompt_length": 321,
        "trainer.policy.optimizer_config.lr": 5e-7,
        "trainer.policy.optimizer_config.adam_betas": [0.9, 0.95],
        f"{algorithm}.eps_clip_low": 0.2,
        f"{algorithm}.eps_clip_high": 0.28,
        f"{algorithm}.policy_loss_type": "dual_clip",
        f"{algorithm}.clip_ratio_c": 4.0,
        f"{algorithm}.loss_reduction": "token_mean",
        f"{algorithm}.use_kl_loss": True,
        f"{algorithm}.kl_loss_coef": 0.01,
        f"{algorithm}.dynamic_sampling.type": "filter",
        f"{algorithm}.dynamic_sampling.max_sample_batches": 4,
        "generator.n_samples_per_prompt": 4,
        "generator.sampling_params.max_generate_length": 2048,
        "treadle.threshold": 0.01,
        "treadle.floor": None,
        "treadle.when_short": "train",
        "treadle.weights": {"srl_reward": 1.0},
    }
    assert {name: found[name] for name in expected} == expected
    assert of(recipe_of({"kind": "srl"}))[f"{algorithm}.policy_loss_type"] == "regular"


def test_without_dynamic_sampling_skyrl_filters_nothing(recipe_of):
    found = of(recipe_of({"kind": "srl", "dynamic_sampling": False}))
    assert found["trainer.algorithm.dynamic_sampling.type"] is None
    assert "treadle.weights" not in found
    assert found["trainer.epochs"] == 1  # four steps of one round each


def test_another_tokenizer_than_the_models_is_refused(recipe_of, tmp_path):
    recipe = recipe_of({"kind": "srl"}, tokenizer=str(tmp_path / "model"))
    with pytest.raises(RecipeError, match=r"^tokenizer: SkyRL takes the one in the model's folder"):
        check_expressible(recipe, Prepared(recipe.data), SKYRL)


def test_settings_without_a_place_are_named(recipe_of):
    expected = {"refill", "when_short", "kl", "weight_decay", "dtype", "the best checkpoint", "trust_remote_code"}
    recipe = recipe_of({"kind": "srl", "validate_every": 2, "kl": 0.1, "weight_decay": 0.1}, dtype="float32")
    named = not_carried(*recipe.stages, recipe, SKYRL)
    assert {*expected, "max_staleness"} <= set(named)
    assert "look at sampling/dropped/..." in named["faults"]
    recipe = recipe_of({"kind": "srl", "refill": "full", "when_short": "fill"}, trust_remote_code=True)
    assert not expected & set(not_carried(*recipe.stages, recipe, SKYRL))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5e-7, "5e-07"),
        ("token_mean", "token_mean"),
        ("no", '"no"'),
        ("it's, so: é", '"it\'s, so: é"'),
        ([{"function": "a.b:c", "weight": 1.0}], '[{"function": "a.b:c", "weight": 1.0}]'),
    ],
)
def test_values_are_yaml(value, text):
    assert as_text(value) == text
    if not isinstance(value, float):  # which SkyRL reads by YAML 1.2, where 5e-07 is a number
        assert yaml.safe_load(text) == value
