"""Build TRL's trainer for one stage of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from transformers import Trainer, TrainerCallback

from treadle.chat.chat import Chat
from treadle.errors import RecipeError
from treadle.recipe.adapters import lora_config
from treadle.recipe.arguments import compute_dtype, trainer_config
from treadle.recipe.models import first_line, load_model
from treadle.recipe.prefixes import prefix_policy
from treadle.recipe.rewards import rewards_of
from treadle.recipe.schema import AnyStage, Recipe, SFTStage
from treadle.recipe.sft_rows import fitting
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat
from treadle.training.sft_trainer import GuardedSFTConfig, GuardedSFTTrainer
from treadle.training.srl_config import SRLConfig
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
    chat.end_turns_of(network)
    if isinstance(stage, SFTStage):
        rows = fitting(rows, chat, config, stage.name)
        held_out = fitting(held_out, chat, config, stage.name, "held-out ") if held_out else None
    adapter = lora_config(recipe.lora) if recipe.lora else None
    more = {"peft_config": adapter, "callbacks": list(callbacks)}
    return make_trainer(stage, recipe, config, network, chat, rows, held_out, **more)


def make_trainer(
    stage: AnyStage,
    recipe: Recipe,
    config: GuardedSFTConfig | SRLConfig,
    network: Any,
    chat: Chat,
    rows: Dataset,
    held_out: Dataset | None,
    **kwargs: Any,
) -> Trainer:
    """The trainer of a stage, of what belongs to it.

    Args:
        rows, held_out: As the stage is given them; of SFT as tokens.

    Raises:
        RecipeError: Settings that TRL compares with the model, the data or one another do not go together.
    """
    kwargs |= {"train_dataset": rows, "eval_dataset": held_out, "processing_class": chat.tokenizer}
    try:
        if isinstance(stage, SFTStage):
            return GuardedSFTTrainer(network, config, **kwargs)
        kwargs |= {"chat": chat, "prefix_policy": prefix_policy(stage)}
        return SRLTrainer(network, rewards_of(stage, recipe), config, **kwargs)
    except (ValueError, ImportError) as error:
        raise RecipeError(f"stages.{stage.name}: {first_line(error)}") from error
