"""Build TRL's trainer for one stage of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from transformers import Trainer, TrainerCallback

from treadle.data.contrast import pool_of, texts_of
from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.recipe.adapters import lora_config
from treadle.recipe.arguments import compute_dtype, trainer_config
from treadle.recipe.models import first_line, load_model
from treadle.recipe.prefixes import prefix_policy
from treadle.recipe.schema import AnyStage, Recipe, RLStage, RLVRStage, SFTStage, SRLStage
from treadle.recipe.sft_rows import fitting
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.validation_rows import validated_by
from treadle.scoring.margin import margin_reward
from treadle.scoring.rewards import ModelOutput, final_answer_reward, solution_reward, srl_reward
from treadle.scoring.scaled import scaled_reward
from treadle.scoring.weighted import TokenWeights, weighted_reward
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
    network = load_model(model, compute_dtype(recipe) if recipe.lora else "float32", recipe.trust_remote_code)
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
        make = partial(GuardedSFTTrainer, network, config, **kwargs)
    else:
        kwargs |= {"chat": chat, "prefix_policy": prefix_policy(stage)}
        make = partial(SRLTrainer, network, reward_of(stage, recipe), config, **kwargs)
    try:
        return make()
    except (ValueError, ImportError) as error:  # settings that TRL compares with the model, the data or one another
        raise RecipeError(f"stages.{stage.name}: {first_line(error)}") from error


def reward_of(stage: RLStage, recipe: Recipe | None = None) -> Any:
    """The reward function of a stage; its `__name__` is what TRL logs it under.

    Where a stage is validated by what it does not train on, it is one that rewards both.

    Args:
        recipe: For its data and seed, where a reward needs them (`weighted`).
    """
    validated = validated_by(stage) if stage.validate_every else None
    if isinstance(stage, SRLStage):
        reward = _step_reward(stage, recipe)
        if validated != "answers":
            return reward
        both = partial(step_or_answer_reward, step_reward=reward)
        both.__name__ = step_or_answer_reward.__name__
        return both
    assert isinstance(stage, RLVRStage)
    function = step_or_answer_reward if stage.step_share or validated == "steps" else final_answer_reward
    chosen = {"extract": stage.extract, "grader": stage.grader}
    differing = {name: value for name, value in chosen.items() if value != _ANSWER_DEFAULTS[name]}
    if not differing:
        return function
    reward = partial(function, **differing)
    reward.__name__ = function.__name__
    return reward


_ANSWER_DEFAULTS = {"extract": "boxed", "grader": "treadle"}
_STEP_REWARDS = {
    "similarity": srl_reward,
    "margin": margin_reward,
    "scaled": scaled_reward,
    "weighted": weighted_reward,
}


def _step_reward(stage: SRLStage, recipe: Recipe | None) -> Any:
    function = solution_reward if stage.unit == "solution" else _STEP_REWARDS[stage.reward]
    reward = partial(function, autojunk=stage.autojunk, argument_order=stage.argument_order)
    if stage.unit == "step":
        reward = partial(reward, think_tags=stage.think_tags)
    if stage.contrasts is not None:
        reward = partial(reward, most=stage.contrasts)
    if stage.reward == "weighted" and recipe is not None:
        pool = pool_of(Prepared(recipe.data), recipe.seed)
        reward = partial(reward, weights=TokenWeights(texts_of(pool)))
    reward.__name__ = function.__name__
    return reward


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
    more = {name: kwargs[name] for name in ("contrast", "floor", "thought_tags") if isinstance(kwargs.get(name), list)}
    tags = {name: values for name, values in more.items() if name == "thought_tags"}
    truncated = kwargs.pop("truncated", None) or [False] * len(completions)
    for rows, function, columns in (
        (steps, step_reward, {"expert_action": expert_action, **more}),
        (wholes, final_answer_reward, {"answer": answer, **tags}),
    ):
        if rows:
            scores = function(
                [completions[i] for i in rows],
                **{name: [values[i] for i in rows] for name, values in {**columns, "truncated": truncated}.items()},
                **{k: v for k, v in kwargs.items() if k == "log_metric" or (k in _ANSWER_DEFAULTS and rows is wholes)},
            )
            for i, score in zip(rows, scores, strict=True):
                rewards[i] = score
    return rewards
