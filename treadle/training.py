"""Build TRL's trainer for one stage of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import Trainer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from treadle.config import AnyStage, Recipe, RLStage, RLVRStage, SFTStage, SRLStage
from treadle.errors import RecipeError
from treadle.models import load_model, load_tokenizer
from treadle.rewards import ModelOutput, final_answer_reward, solution_reward, srl_reward
from treadle.trainer import SRLConfig, SRLTrainer, accumulation_steps


@dataclass(frozen=True)
class Sizes:
    """What follows from a stage and its data, shown by `--dry-run`.

    Args:
        rows: Prompts or conversations in the data.
        rows_per_step: Those of one optimizer step.
        rollouts_per_step: Completions of one optimizer step, 0 for SFT.
        new_tokens_per_step: Upper bound of generated tokens in one round, 0 for SFT.
    """

    rows: int
    rows_per_step: int
    rollouts_per_step: int
    accumulation: int
    optimizer_steps: int
    new_tokens_per_step: int

    def describe(self) -> str:
        """One line for people."""
        text = f"{self.rows:,} rows, {self.rows_per_step:,} a step"
        if self.rollouts_per_step:
            text += f" x rollouts = {self.rollouts_per_step:,} completions"
        text += f", {self.accumulation:,} micro-batches accumulated, {self.optimizer_steps:,} optimizer steps"
        if self.new_tokens_per_step:
            text += f", at most {self.new_tokens_per_step:,} new tokens a step and sampling round"
        return text


def derive_sizes(stage: AnyStage, rows: int, processes: int = 1) -> Sizes:
    """Derived sizes of a stage.

    Raises:
        RecipeError: The batch does not divide into micro-batches or is larger than the data; the message
            gives the value that fits.
    """
    if isinstance(stage, SFTStage):
        if stage.batch_size % (stage.micro_batch * processes):
            fitting = max(1, round(stage.batch_size / (stage.micro_batch * processes))) * stage.micro_batch * processes
            raise RecipeError(
                f"stages.{stage.name}: batch_size={stage.batch_size} does not divide into micro-batches of "
                f"{stage.micro_batch} on {processes} process(es); set batch_size={fitting}"
            )
        per_epoch = math.ceil(rows / stage.batch_size)
        steps = stage.max_steps or math.ceil(per_epoch * stage.epochs)
        return Sizes(rows, stage.batch_size, 0, stage.batch_size // (stage.micro_batch * processes), steps, 0)
    try:
        accumulation = accumulation_steps(stage.prompts_per_step, stage.rollouts, stage.micro_batch, processes)
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None
    per_generation = stage.prompts_per_step * stage.updates_per_rollout
    if per_generation > rows:
        raise RecipeError(
            f"stages.{stage.name}: one generation takes {per_generation} prompts, but the data has {rows}; "
            f"set prompts_per_step={max(1, rows // stage.updates_per_rollout)} or less"
        )
    per_epoch = rows // per_generation * stage.updates_per_rollout
    rollouts = stage.prompts_per_step * stage.rollouts
    return Sizes(
        rows=rows,
        rows_per_step=stage.prompts_per_step,
        rollouts_per_step=rollouts,
        accumulation=accumulation,
        optimizer_steps=stage.max_steps or math.ceil(per_epoch * stage.epochs),
        new_tokens_per_step=rollouts * stage.max_completion_length,
    )


def build_trainer(
    stage: AnyStage, recipe: Recipe, model: str, rows: Dataset, folder: Path, callbacks: Sequence[TrainerCallback]
) -> Trainer:
    """The trainer of `stage`, starting from `model`, with its output in `folder`."""
    dtype = recipe.dtype if recipe.dtype != "auto" else "bfloat16" if torch.cuda.is_available() else "float32"
    arguments = _common_arguments(stage, recipe, folder, dtype)
    network = load_model(model, dtype)
    kwargs = {
        "train_dataset": rows,
        "processing_class": load_tokenizer(recipe.tokenizer or model),
        "peft_config": _lora(recipe),
        "callbacks": list(callbacks),
    }
    if isinstance(stage, SFTStage):
        sft = SFTConfig(
            **{
                **arguments,
                "per_device_train_batch_size": stage.micro_batch,
                "gradient_accumulation_steps": derive_sizes(stage, len(rows), _processes()).accumulation,
                "max_length": stage.max_length,
                **stage.trl,
            }
        )
        return SFTTrainer(network, args=sft, **kwargs)
    sizes = derive_sizes(stage, len(rows), _processes())
    config = SRLConfig(
        **{
            **arguments,
            "prompts_per_step": stage.prompts_per_step,
            "per_device_train_batch_size": stage.micro_batch,
            "steps_per_generation": sizes.accumulation * stage.updates_per_rollout,
            "num_generations": stage.rollouts,
            "temperature": stage.temperature,
            "max_completion_length": stage.max_completion_length,
            "beta": stage.kl,
            "epsilon": stage.clip_low,
            "epsilon_high": stage.clip_high,
            "dynamic_sampling": stage.dynamic_sampling,
            "sampling_threshold": stage.sampling_threshold,
            "max_sampling_rounds": stage.max_sampling_rounds,
            "when_short": stage.when_short,
            "log_rollouts": stage.log_rollouts,
            **stage.trl,
        }
    )
    return SRLTrainer(network, reward_of(stage), config, **kwargs)


def _processes() -> int:
    from accelerate import PartialState

    return PartialState().num_processes


def _common_arguments(stage: AnyStage, recipe: Recipe, folder: Path, dtype: str) -> dict[str, Any]:
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
        "gradient_checkpointing": stage.gradient_checkpointing,
        "bf16": dtype == "bfloat16",
        "use_cpu": not torch.cuda.is_available(),
        "logging_steps": 1,
        "save_steps": stage.save_every,
        "save_total_limit": 2,
        "report_to": recipe.report_to,
        "disable_tqdm": True,
    }


def _lora(recipe: Recipe) -> LoraConfig | None:
    if recipe.lora is None:
        return None
    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=recipe.lora.target_modules,
        task_type="CAUSAL_LM",
    )


def reward_of(stage: RLStage) -> Any:
    """The reward function of a stage; its `__name__` is what TRL logs it under."""
    if isinstance(stage, SRLStage):
        function = solution_reward if stage.unit == "solution" else srl_reward
        reward = partial(function, autojunk=stage.autojunk)
        if stage.unit == "step":
            reward = partial(reward, think_tags=stage.think_tags)
        reward.__name__ = function.__name__
        return reward
    assert isinstance(stage, RLVRStage)
    return step_or_answer_reward if stage.step_share else final_answer_reward


def step_or_answer_reward(
    completions: Sequence[ModelOutput], expert_action: Sequence[str | None], answer: Sequence[str], **kwargs: Any
) -> list[float]:
    """`srl_reward` for rows with an expert's action, `final_answer_reward` for the others."""
    rewards: list[float | None] = [None] * len(completions)
    steps = [i for i, action in enumerate(expert_action) if action is not None]
    wholes = [i for i, action in enumerate(expert_action) if action is None]
    truncated = kwargs.pop("truncated", None) or [False] * len(completions)
    for rows, function, column, values in (
        (steps, srl_reward, "expert_action", expert_action),
        (wholes, final_answer_reward, "answer", answer),
    ):
        if rows:
            scores = function(
                [completions[i] for i in rows],
                **{column: [values[i] for i in rows], "truncated": [truncated[i] for i in rows]},
                **{k: v for k, v in kwargs.items() if k == "log_metric"},
            )
            for i, score in zip(rows, scores, strict=True):
                rewards[i] = score
    return rewards
