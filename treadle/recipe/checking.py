"""What is checked of a recipe before any model is loaded, and the sizes that follow from it."""

from __future__ import annotations

import os
from dataclasses import replace

from treadle.data.prepared import Prepared
from treadle.files.output import check_place
from treadle.recipe.adapters import with_adapter
from treadle.recipe.arguments import trainer_config
from treadle.recipe.folders import stage_folders
from treadle.recipe.machine import check_launch, check_packages
from treadle.recipe.models import check_model, read_config, skeleton
from treadle.recipe.prefixes import check_prefix, describe_prefix
from treadle.recipe.rehearsal import ROWS, can_rehearse, rehearse
from treadle.recipe.rewards import check_rewards
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import Recipe, RLStage, WarmupStage
from treadle.recipe.sft_rows import counted
from treadle.recipe.shown import shown_of
from treadle.recipe.sizes import Sizes, derive_sizes
from treadle.recipe.speaking import check_prompts, picked_rows, recipe_chat
from treadle.recipe.thoughts import check_thoughts, describe_thoughts, untaught
from treadle.recipe.training_data import check_steps, count_without_answer, similarity_floor, training_rows
from treadle.recipe.validation_rows import describe_validation
from treadle.recipe.warmup import Warmup


def check(recipe: Recipe) -> list[Sizes]:
    """Everything that can be checked before a model is loaded; returns the derived sizes of each stage.

    Raises:
        TreadleError: Data, model folder, tokenizer, adapter, batch arithmetic, packages or the launch are wrong, or
            TRL refuses a stage's settings (`treadle.recipe.rehearsal`).
    """
    check_packages(recipe)
    prepared = Prepared(recipe.data)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    check_place(recipe.output)
    check_model(recipe.model, recipe.trust_remote_code)
    chat = recipe_chat(recipe)
    if recipe.lora:
        config, trust = read_config(recipe.model, recipe.trust_remote_code), recipe.trust_remote_code
        with_adapter(skeleton(config, trust_remote_code=trust), recipe.lora)
    sizes, shown = [], shown_of(recipe, prepared).with_tags(chat.thought_tags)
    for stage, folder in zip(recipe.stages, stage_folders(recipe), strict=True):
        check_steps(stage, prepared)
        check_prefix(stage, prepared)
        stage = with_sampling_floor(stage, prepared, shown)
        check_thoughts(stage, chat.thought_tags)
        if isinstance(stage, RLStage):
            check_rewards(stage, prepared, recipe.seed)
        rows, cut = counted(stage, recipe, prepared, chat, shown)
        is_warmup = isinstance(stage, WarmupStage)
        warmup = Warmup(stage, recipe, prepared, shown, chat, folder) if is_warmup else None
        size = derive_sizes(stage, warmup.prompts if warmup else rows, processes)
        more = {
            "without_answer": count_without_answer(stage, prepared),
            "cut": cut,
            "prefix": describe_prefix(stage, prepared),
            "validation": describe_validation(stage, prepared, shown),
            "examples": len(shown.left_out),
            "thoughts": describe_thoughts(chat, recipe.prompts.think),
            "untaught": untaught(stage, recipe.stages, chat.thought_tags),
            "warmup": warmup.describe() if warmup else "",
        }
        more |= {
            "similarity_floor": similarity_floor(stage, prepared, shown),
            "sampling_floor": stage.sampling_floor if isinstance(stage, RLStage) else None,
        }
        sizes.append(replace(size, **more))
        check_launch(recipe, trainer_config(stage, recipe, folder, size))
        check_prompts(stage, picked_rows(stage, prepared, shown), chat)
        if can_rehearse():
            # Nothing else has written the prompts of a cold start here, and a few will do.
            rehearse(stage, recipe, size, training_rows(stage, prepared, shown, ROWS if is_warmup else None), chat)
    return sizes
