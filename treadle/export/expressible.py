"""What of a recipe an engine cannot do: refused where the method would be another one, else named in the README."""

from __future__ import annotations

from typing import Any

from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.export.engine import Engine, Reasons
from treadle.recipe.schema import Recipe, RLStage, RLVRStage, SFTStage
from treadle.recipe.training_data import judged_as_tasks
from treadle.repository import in_repository

REWARDS = ("similarity", "margin", "scaled", "exact", "edit", "answer")
"""Rewards that need nothing but the row, and give a number for each completion."""

CARRIED = (
    "vllm_gpu_memory_utilization",
    "vllm_tensor_parallel_size",
    "vllm_max_model_length",
    "top_p",
    "top_k",
    "delta",
)
CARRIED += ("loss_type", "scale_rewards", "save_total_limit", "run_name", "project")
"""Keys of `trl:` that have a place in the configuration of each engine."""
HARMLESS = ("use_vllm", "vllm_mode", "prefix_tree", "shared_rollout", "max_tree_tokens", "max_kv_tokens")
HARMLESS += ("logging_steps", "disable_tqdm", "use_cpu", "per_device_eval_batch_size")
"""Keys of `trl:` that change no result: how TRL and treadle compute and speak."""


def check_expressible(recipe: Recipe, prepared: Prepared, engine: Engine) -> None:
    """Raise `RecipeError` for what would be another method there; the message names the key and what to do."""
    if recipe.lora:
        raise RecipeError(f"lora: {engine.name} trains all weights here; take `lora` out, or use `treadle train`")
    for key, reason in engine.refusals(recipe):
        raise RecipeError(f"{key}: {reason}")
    for stage in recipe.stages:
        for key, reason in _refusals(stage, prepared, engine):
            raise RecipeError(f"stages.{stage.name}.{key}: {reason}")


def _refusals(stage: Any, prepared: Prepared, engine: Engine) -> Reasons:
    name = engine.name
    if isinstance(stage, SFTStage):
        yield (
            "kind",
            f"{stage.kind} is no reinforcement learning, which alone is exported; run it with `treadle train`, take it "
            "out of the recipe, and set `model` to the folder of its result",
        )
        return
    for choice in stage.rewards:
        if choice.reward.name not in REWARDS:
            yield "reward", f"{choice.reward.name} is not computed on {name}; expected one of {', '.join(REWARDS)}"
    if isinstance(stage, RLVRStage) and stage.prefix:
        yield (
            "prefix",
            f"a prefix policy changes prompts while it trains, which {name}'s data set does not; leave it out",
        )
    if stage.rest_after is not None:
        yield "rest_after", f"{name} draws all prompts alike; leave it out"
    if stage.minutes is not None:
        yield "minutes", f"{name} ends a stage by steps; set max_steps"
    if stage.scheduler not in engine.schedulers:
        yield "scheduler", f"{stage.scheduler} is none of {name}'s; set one of {', '.join(engine.schedulers)}"
    if stage.max_steps and stage.max_steps % stage.updates_per_rollout:
        fitting = -(-stage.max_steps // stage.updates_per_rollout) * stage.updates_per_rollout
        yield (
            "max_steps",
            f"a step of {name} makes {stage.updates_per_rollout} updates, so that it ends at {fitting}; set that",
        )
    for key, value in stage.trl.items():
        if key == "loss_type" and value != "dapo":
            yield f"trl.{key}", f"{value} is not exported, dapo alone ({name}'s mean over tokens)"
        elif key == "scale_rewards" and value not in (True, False, "group", "none"):
            yield f"trl.{key}", f"{name} scales by group or not at all; found {value!r}"
        elif key not in (*CARRIED, *HARMLESS):
            yield f"trl.{key}", f"has no place in {name}'s configuration; leave it out"
    if judged_as_tasks(stage, prepared):
        yield (
            "kind",
            f"rows of {prepared.folder} are judged by their domain's own verdict, which {name}'s workers have not",
        )


def not_carried(stage: RLStage, recipe: Recipe, engine: Engine) -> dict[str, str]:
    """Settings that are left out because they change no method: each with what holds on the engine."""
    name = engine.name
    out = {
        "group_by_trajectory": f"{name} shuffles rows, not trajectories, so that a batch shares fewer prefixes",
        "the divisor of advantages": f"{name} adds 1e-6 to a group's standard deviation, TRL 1e-4: at most 1% at 0.01",
        "faults": f"no guard of {in_repository('docs/faults.md')} runs there; look at "
        f"{engine.metric_prefix}sampling/dropped/... in {name}'s metrics",
    }
    if stage.dynamic_sampling and stage.max_staleness:
        out["max_staleness"] = "surplus groups are discarded, as with 0; counted as discarded_surplus_groups"
    if stage.validate_every and stage.updates_per_rollout > 1:
        out["validate_every"] = "rounded up to whole generations, as save_every"
    if recipe.max_hours:
        out["max_hours"] = "the job's own limit; the same command goes on from the last checkpoint"
    return out | engine.not_carried(stage, recipe)
