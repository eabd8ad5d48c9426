"""From a stage of a recipe to the configuration of TRL's trainer, checked before any model is loaded."""

from __future__ import annotations

import difflib
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from treadle.errors import RecipeError
from treadle.recipe.machine import devices
from treadle.recipe.other_names import OWNED
from treadle.recipe.parts import FAULT_LIMITS
from treadle.recipe.rewards import reward_weights
from treadle.recipe.schema import AnyStage, Recipe, RLVRStage, SFTStage, SRLStage, Stage
from treadle.recipe.sizes import Sizes
from treadle.recipe.trl_values import check_optimizer, typed
from treadle.training.sampling import check_floor
from treadle.training.sft_trainer import GuardedSFTConfig
from treadle.training.srl_config import SRLConfig


def check_trl_keys(stage: Stage, where: str) -> None:
    """Raise `RecipeError` for a key in `trl:` that TRL's config class lacks or that the recipe sets itself."""
    target = GuardedSFTConfig if isinstance(stage, SFTStage) else SRLConfig
    known = [f.name for f in fields(target) if f.init]
    for key in stage.trl:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"see {target.__name__}"
            raise RecipeError(f"{where}: stages.{stage.name}.trl: unknown key {key!r}; {hint}")
        if key == "assistant_only_loss":
            raise RecipeError(
                f"{where}: stages.{stage.name}.trl.{key}: leave it out; nothing but the assistant's turn is trained "
                "on, unless completion_only_loss: false"
            )
        if key in OWNED:
            raise RecipeError(f"{where}: stages.{stage.name}.trl.{key}: set it by the recipe's own key {OWNED[key]}")


def compute_dtype(recipe: Recipe) -> str:
    """`bfloat16` or `float32`: the dtype of the computation."""
    if recipe.dtype != "auto":
        return recipe.dtype
    return "bfloat16" if torch.cuda.is_available() else "float32"


def trainer_config(stage: AnyStage, recipe: Recipe, folder: Path, sizes: Sizes) -> GuardedSFTConfig | SRLConfig:
    """The configuration of the trainer that runs `stage` with its output in `folder`.

    Args:
        stage: With a number for `sampling_floor`, see `with_sampling_floor`.

    Raises:
        RecipeError: transformers or TRL refuse a value; the message is theirs, with the stage's name.
    """
    try:
        config = _config(stage, _common(stage, recipe, folder) | _validation(stage, sizes), sizes)
        check_optimizer(config)
        if isinstance(config, SRLConfig):
            check_floor(config.sampling_floor, config.reward_weights or [1.0])
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None
    except (TypeError, ValueError, ImportError, AttributeError, LookupError, OSError) as error:
        raise RecipeError(f"stages.{stage.name}: {' '.join(str(error).split())}") from error
    return config


def _config(stage: AnyStage, arguments: dict[str, Any], sizes: Sizes) -> GuardedSFTConfig | SRLConfig:
    if isinstance(stage, SFTStage):
        return GuardedSFTConfig(
            **arguments,
            gradient_accumulation_steps=sizes.accumulation,
            max_length=stage.max_length,
            # TRL's default looks for texts, which are tokens here.
            **{"completion_only_loss": True, **typed(stage.trl, GuardedSFTConfig)},
        )
    return SRLConfig(
        **arguments,
        prompts_per_step=stage.prompts_per_step,
        steps_per_generation=sizes.accumulation * stage.updates_per_rollout,
        num_generations=stage.rollouts,
        temperature=stage.temperature,
        max_completion_length=stage.max_completion_length,
        beta=stage.kl,
        epsilon=stage.clip_low,
        epsilon_high=stage.clip_high,
        dynamic_sampling=stage.dynamic_sampling,
        sampling_threshold=stage.sampling_threshold,
        sampling_floor=stage.sampling_floor,
        max_sampling_rounds=stage.max_sampling_rounds,
        when_short=stage.when_short,
        refill=stage.refill,
        max_staleness=stage.max_staleness,
        rest_after=stage.rest_after,
        prefix_loss=stage.prefix.loss if isinstance(stage, RLVRStage) and stage.prefix else 0.0,
        log_rollouts=stage.log_rollouts,
        reward_weights=reward_weights(stage),
        **_reading(stage),
        **typed(stage.trl, SRLConfig),
    )


def _reading(stage: AnyStage) -> dict[str, Any]:
    """How the reward reads and compares completions, which guards read alike."""
    if not isinstance(stage, SRLStage):
        return {}
    return {name: getattr(stage, name) for name in ("think_tags", "autojunk", "argument_order")}


def _common(stage: AnyStage, recipe: Recipe, folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "seed": recipe.seed,
        "num_train_epochs": stage.epochs,
        "max_steps": stage.max_steps or -1,
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": stage.scheduler,
        "warmup_steps": stage.warmup_ratio,  # transformers 5 reads a value below 1 as a share
        "weight_decay": stage.weight_decay,
        "adam_beta2": stage.adam_beta2,
        "max_grad_norm": stage.max_grad_norm,
        "per_device_train_batch_size": stage.micro_batch,
        "gradient_checkpointing": stage.gradient_checkpointing,
        "bf16": compute_dtype(recipe) == "bfloat16",
        "save_steps": stage.save_every,
        "report_to": recipe.report_to,
        "trust_remote_code": recipe.trust_remote_code,
        **{name: getattr(stage, name) for name in FAULT_LIMITS if hasattr(stage, name)},
        **{k: v for k, v in _defaults(folder).items() if k not in stage.trl},
    }


def _validation(stage: AnyStage, sizes: Sizes) -> dict[str, Any]:
    """Validation by TRL's evaluation. What was best is kept by treadle itself, without `load_best_model_at_end`."""
    if stage.validate_every is None:
        return {}
    settings = {"eval_strategy": "steps", "eval_steps": stage.validate_every}
    if isinstance(stage, SFTStage):
        rows = stage.micro_batch
        settings |= {"metric_for_best_model": "eval_loss", "greater_is_better": False}
    else:
        # All rows at once, unless that is more completions than a process generates at a time in training.
        of_a_step = sizes.accumulation * stage.micro_batch
        share = math.ceil(stage.validation_rows * of_a_step / sizes.rollouts_per_step)
        rows = min(share, of_a_step * stage.updates_per_rollout)
        settings |= {"metric_for_best_model": "eval_reward", "greater_is_better": True, "num_generations_eval": 1}
    return settings | ({} if "per_device_eval_batch_size" in stage.trl else {"per_device_eval_batch_size": rows})


def _defaults(folder: Path) -> dict[str, Any]:
    """What `trl:` may have otherwise."""
    return {
        "project": "treadle",
        "run_name": f"{folder.absolute().parent.name}/{folder.name}",  # the same for a run that is continued
        "logging_steps": 1,
        "save_total_limit": 2,
        "disable_tqdm": True,
        **devices(),
    }
