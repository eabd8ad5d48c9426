"""Hydra overrides by hand-computed values, and what is refused."""

from __future__ import annotations

import pytest

from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.export.expressible import check_expressible, not_carried
from treadle.export.verl.engine import VERL
from treadle.export.verl.overrides import as_text, overrides
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat


def of(recipe, rows=100):
    (stage,) = recipe.stages
    return overrides(stage, recipe, derive_sizes(stage, rows), recipe_chat(recipe), 321, "1-srl")


def test_a_step_of_verl_is_a_generation(recipe_of):
    stage = {"kind": "srl", "updates_per_rollout": 2, "max_steps": 12, "save_every": 5, "validate_every": 4}
    found = of(recipe_of(stage))
    assert found["data.train_batch_size"] == 16  # 8 prompts, twice
    assert found["actor_rollout_ref.actor.ppo_mini_batch_size"] == 8
    assert found["trainer.total_training_steps"] == 6
    assert found["trainer.save_freq"] == 3
    assert found["trainer.test_freq"] == 2
    assert found["trainer.total_epochs"] == 1  # 6 steps of 16 of 100 rows


def test_epochs_become_steps(recipe_of):
    found = of(recipe_of({"kind": "srl", "max_steps": None, "epochs": 2}))
    assert found["trainer.total_training_steps"] == 24  # 100 // 8, twice
    assert found["trainer.total_epochs"] == 2
    assert found["trainer.test_freq"] == -1


def test_the_papers_settings_arrive(recipe_of):
    found = of(recipe_of({"kind": "srl", "clip_high": 0.28, "kl": 0.01, "adam_beta2": 0.95}))
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    expected = {
        "data.max_prompt_length": 321,
        "data.max_response_length": 2048,
        f"{actor}.clip_ratio_low": 0.2,
        f"{actor}.clip_ratio_high": 0.28,
        f"{actor}.use_kl_loss": True,
        f"{actor}.kl_loss_coef": 0.01,
        f"{actor}.loss_agg_mode": "token-mean",
        f"{actor}.optim.lr": 5e-7,
        f"{actor}.optim.betas": [0.9, 0.95],
        f"{actor}.optim.clip_grad": 1.0,
        f"{rollout}.n": 4,
        f"{rollout}.temperature": 1.0,
        "algorithm.adv_estimator": "grpo",
        "+trainer.v1.sampler.sampler_kwargs.threshold": 0.01,
        "+trainer.v1.sampler.sampler_kwargs.max_rounds": 4,
        "+trainer.v1.sampler.sampler_kwargs.weights": {"srl_reward": 1.0},
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("told", "dtype"), [("auto", "bfloat16"), ("bfloat16", "bfloat16"), ("float32", "float32")])
def test_computation_and_rollouts_are_of_the_recipes_dtype(recipe_of, told, dtype):
    found = of(recipe_of({"kind": "srl"}, dtype=told))
    for part in ("actor", "ref"):
        precision = found[f"+actor_rollout_ref.{part}.fsdp_config.mixed_precision"]
        assert precision == {"param_dtype": dtype, "reduce_dtype": "float32", "buffer_dtype": "float32"}
    assert found["actor_rollout_ref.actor.fsdp_config.model_dtype"] == "fp32"  # of the weights
    assert found["actor_rollout_ref.rollout.dtype"] == dtype


def test_rewards_are_named_with_their_settings(recipe_of):
    stage = {"kind": "srl", "think_tags": "lenient", "reward": ["similarity", {"name": "edit", "weight": 0.5}]}
    found = of(recipe_of(stage))
    similarity, edit = found["+reward.reward_kwargs.steps"]
    assert similarity == {
        "function": "treadle.scoring.rewards:srl_reward",
        "weight": 1.0,
        "think_tags": "lenient",
        "autojunk": False,
        "argument_order": "model_first",
    }
    assert (edit["function"], edit["weight"]) == ("treadle.scoring.edit:edit_reward", 0.5)
    assert found["+trainer.v1.sampler.sampler_kwargs.weights"] == {"srl_reward": 1.0, "edit_reward": 0.5}
    answers = of(recipe_of({"kind": "rlvr", "extract": "phrase"}))["+reward.reward_kwargs.answers"]
    named = {"function": "treadle.scoring.rewards:final_answer_reward", "weight": 1.0}
    assert answers == [{**named, "extract": "phrase", "grader": "treadle"}]


def test_without_dynamic_sampling_the_buffer_is_verls_own(recipe_of):
    found = of(recipe_of({"kind": "srl", "dynamic_sampling": False}))
    assert not any("sampler" in name for name in found)
    assert found["data.gen_batch_size"] == 8


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"kind": "srl", "reward": "weighted"}, r"stages\.srl\.reward: weighted is not computed on verl"),
        ({"kind": "rlvr", "prefix": "adaptive"}, r"stages\.rlvr\.prefix"),
        ({"kind": "srl", "rest_after": 2}, r"stages\.srl\.rest_after"),
        ({"kind": "srl", "minutes": 5}, r"stages\.srl\.minutes.*set max_steps"),
        ({"kind": "srl", "scheduler": "linear"}, r"stages\.srl\.scheduler: linear is none of verl's"),
        ({"kind": "srl", "max_steps": 5, "updates_per_rollout": 2}, r"stages\.srl\.max_steps.*ends at 6"),
        ({"kind": "srl", "trl": {"loss_type": "grpo"}}, r"stages\.srl\.trl\.loss_type: grpo is not exported"),
        ({"kind": "srl", "trl": {"scale_rewards": "batch"}}, r"stages\.srl\.trl\.scale_rewards"),
        (
            {"kind": "srl", "trl": {"mask_truncated_completions": True}},
            r"trl\.mask_truncated_completions: has no place",
        ),
    ],
)
def test_what_would_be_another_method_is_refused(recipe_of, stage, said):
    recipe = recipe_of(stage)
    with pytest.raises(RecipeError, match=said):
        check_expressible(recipe, Prepared(recipe.data), VERL)


def test_what_is_no_reinforcement_learning_is_refused(recipe_of):
    recipe = recipe_of({"kind": "srl"})
    for kind in ("sft", "warmup"):
        stage = {"kind": kind, "batch_size": 8, "micro_batch": 8}
        content = {**recipe.model_dump(exclude={"stages"}), "stages": [stage]}
        with pytest.raises(RecipeError, match=f"{kind} is no reinforcement learning.*run it with `treadle train`"):
            check_expressible(type(recipe).model_validate(content), Prepared(recipe.data), VERL)
    with pytest.raises(RecipeError, match="lora: verl trains all weights here"):
        check_expressible(recipe_of({"kind": "srl"}, lora={"r": 4}), Prepared(recipe.data), VERL)


def test_settings_without_a_place_are_named(recipe_of):
    recipe = recipe_of({"kind": "srl", "validate_every": 2, "warmup_ratio": 0.1}, max_hours=3)
    assert {"max_staleness", "the best checkpoint", "warmup_ratio", "max_hours"} <= set(
        not_carried(*recipe.stages, recipe, VERL)
    )
    stage = {"kind": "srl", "updates_per_rollout": 2, "scheduler": "cosine", "weight_decay": 0.1}
    recipe = recipe_of(stage)
    named = not_carried(*recipe.stages, recipe, VERL)
    assert {"scheduler", "weight_decay"} <= set(named)
    assert "look at training/sampling/dropped/..." in named["faults"]
    recipe = recipe_of({"kind": "srl", "max_staleness": 0})
    named = {"max_staleness", "the best checkpoint", "max_hours", "scheduler", "weight_decay"}
    assert not named & set(not_carried(*recipe.stages, recipe, VERL))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "True"),
        (5e-7, "5e-07"),
        ("token-mean", "token-mean"),
        ("true", "'true'"),
        ("it's, so", r"'it\'s, so'"),
        ([1, "a b"], "[1,'a b']"),
        ({"function": "a.b:c", "weight": 1.0}, "{function:'a.b:c',weight:1.0}"),
    ],
)
def test_values_in_hydras_grammar(value, text):
    assert as_text(value) == text
