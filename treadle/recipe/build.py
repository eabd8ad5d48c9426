"""Build TRL's trainer for one stage of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from transformers import Trainer, TrainerCallback

from treadle.recipe.adapters import lora_config
from treadle.recipe.arguments import compute_dtype, trainer_config
from treadle.recipe.models import load_model
from treadle.recipe.schema import AnyStage, Recipe, RLStage, RLVRStage, SFTStage, SRLStage
from treadle.recipe.sft_rows import fitting
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.validation_rows import validated_by
from treadle.scoring.rewards import ModelOutput, final_answer_reward, solution_reward, srl_reward
from treadle.training.sft_trainer import GuardedSFTTrainer
from treadle.training.trainer import SRLTrainer


def build_trainer(
    stage: AnyStage,
    recipe: Recipe,
    model: str,
    rows: Dataset,
    folder: Path,
    callbacks: Sequence[TrainerCallback],
    held_out: Dataset | None = None,
) -> Trainer:
    """The trainer of `stage`, starting from `model`, with its output in `folder`.

    Args:
        held_out: Rows that the stage is validated on, where it is.

    Weights that are trained are kept in float32, also where the computation is in bfloat16: at the paper's
    learning rate most of AdamW's steps are smaller than the distance between two bfloat16 numbers and would be
    rounded away. With LoRA only the adapter is trained, which peft keeps in float32.
    """
    config = trainer_config(stage, recipe, folder, derive_sizes(stage, len(rows), PartialState().num_processes))
    chat = recipe_chat(recipe, model)
    network = load_model(model, compute_dtype(recipe) if recipe.lora else "float32")
    kwargs = {
        "train_dataset": rows,
        "eval_dataset": held_out,
        "processing_class": chat.tokenizer,
        "peft_config": lora_config(recipe.lora) if recipe.lora else None,
        "callbacks": list(callbacks),
    }
    chat.end_turns_of(network)
    if isinstance(stage, SFTStage):
        kwargs["train_dataset"] = fitting(rows, chat, config, stage.name)
        kwargs["eval_dataset"] = fitting(held_out, chat, config, stage.name, "held-out ") if held_out else None
        return GuardedSFTTrainer(network, config, **kwargs)
    return SRLTrainer(network, reward_of(stage), config, **kwargs, chat=chat)


def reward_of(stage: RLStage) -> Any:
    """The reward function of a stage; its `__name__` is what TRL logs it under.

    Where a stage is validated by what it does not train on, it is one that rewards both.
    """
    validated = validated_by(stage) if stage.validate_every else None
    if isinstance(stage, SRLStage):
        function = solution_reward if stage.unit == "solution" else srl_reward
        reward = partial(function, autojunk=stage.autojunk, argument_order=stage.argument_order)
        if stage.unit == "step":
            reward = partial(reward, think_tags=stage.think_tags)
        reward.__name__ = function.__name__
        if validated != "answers":
            return reward
        both = partial(step_or_answer_reward, step_reward=reward)
        both.__name__ = step_or_answer_reward.__name__
        return both
    assert isinstance(stage, RLVRStage)
    return step_or_answer_reward if stage.step_share or validated == "steps" else final_answer_reward


def step_or_answer_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str | None],
    answer: Sequence[str],
    step_reward: Callable[..., list[float]] = srl_reward,
    **kwargs: Any,
) -> list[float]:
    """`step_reward` for rows with an expert's action, `final_answer_reward` for the others."""
    rewards: list[float | None] = [None] * len(completions)
    steps = [i for i, action in enumerate(expert_action) if action is not None]
    wholes = [i for i, action in enumerate(expert_action) if action is None]
    truncated = kwargs.pop("truncated", None) or [False] * len(completions)
    for rows, function, column, values in (
        (steps, step_reward, "expert_action", expert_action),
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
