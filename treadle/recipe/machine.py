"""What a recipe asks of the machine that it is run on: packages, trackers, and how processes share the model."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import torch
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from treadle.errors import RecipeError
from treadle.extras import install
from treadle.recipe.schema import Recipe, WarmupStage
from treadle.repository import in_repository
from treadle.training.sft_trainer import GuardedSFTConfig
from treadle.training.srl_config import SRLConfig

_TRACK = ("tensorboard", "trackio", "wandb")
"""Trackers of the extra `track`."""


def check_packages(recipe: Recipe) -> None:
    """Raise `RecipeError` for what a recipe needs and is not installed, or a tracker that cannot be used."""
    for stage in recipe.stages:
        if stage.trl.get("use_vllm") and find_spec("vllm") is None:
            raise RecipeError(
                f"stages.{stage.name}.trl.use_vllm: vLLM is not installed; {install('vllm')}, or leave use_vllm out to "
                "sample with transformers"
            )
    for tracker in recipe.report_to:
        _check_tracker(tracker)


def _check_tracker(tracker: str) -> None:
    """Make a tracker's callback, as the trainer does where it begins."""
    if tracker in ("none", "all"):
        return
    if tracker not in INTEGRATION_TO_CALLBACK:
        raise RecipeError(f"report_to: unknown {tracker!r}; expected any of {', '.join(INTEGRATION_TO_CALLBACK)}")
    try:
        INTEGRATION_TO_CALLBACK[tracker]()
    except Exception as error:  # whatever another package raises where it is missing, too old or not set up
        said = " ".join(str(error).split()).rstrip(".")
        remedy = f"{install('track')}, or " if tracker in _TRACK else ""
        raise RecipeError(f"report_to: {tracker} cannot be used: {said}; {remedy}take it out of report_to") from error


def devices() -> dict[str, Any]:
    """Arguments of transformers for what this launch computes on and exchanges through.

    accelerate knows DeepSpeed on accelerators alone: a process that is said to run on a CPU gets DDP from it.
    """
    if torch.cuda.is_available():
        return {"use_cpu": False}
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        return {"use_cpu": False, "ddp_backend": "gloo"}
    return {"use_cpu": True}


def check_launch(recipe: Recipe, config: GuardedSFTConfig | SRLConfig) -> None:
    """Raise `RecipeError` where this launch shares a model in a way that the recipe cannot have.

    Args:
        config: Of one of its stages, which knows the launch.
    """
    check_sharding(recipe, _sharding(config))
    if config.n_gpu > 1:  # which TRL refuses
        raise RecipeError(
            f"{config.n_gpu} GPUs are visible to one process, which trains on one: launch a process for each "
            f"(accelerate launch --num_processes {config.n_gpu} -m treadle.cli train ..., "
            f"{in_repository('docs/launch.md')}), or show it one with CUDA_VISIBLE_DEVICES=0"
        )


def check_vllm(recipe: Recipe, device: str) -> None:
    """Raise `RecipeError` where vLLM cannot be given the weights that are trained, which is on a CPU.

    Args:
        device: Type of the device that is trained on, as PyTorch calls it.
    """
    for stage in recipe.stages:
        if device == "cpu" and stage.trl.get("use_vllm"):
            to_server = stage.trl.get("vllm_mode") == "server"
            why = "TRL sends weights to a server from a CUDA device" if to_server else "vLLM takes new weights on a GPU"
            raise RecipeError(
                f"stages.{stage.name}.trl.use_vllm: this trains on the CPU, and {why}; leave use_vllm out to sample "
                "with transformers, which shares prompts' prefixes, too"
            )


def _sharding(config: GuardedSFTConfig | SRLConfig) -> str:
    plugin = config.deepspeed_plugin
    if plugin is not None:
        return "zero3" if plugin.zero_stage == 3 else "zero"
    return "fsdp" if config.fsdp or os.environ.get("ACCELERATE_USE_FSDP") == "true" else "none"


def check_sharding(recipe: Recipe, sharding: str) -> None:
    """Raise `RecipeError` where a model that is shared so cannot be trained as the recipe says.

    Args:
        sharding: `none`, `fsdp`, `zero3`, or `zero` for DeepSpeed with whole weights in each process.
    """
    if recipe.lora and sharding == "zero3":
        raise RecipeError("lora: under ZeRO-3 no process can merge the adapter; use DDP or FSDP2, or leave lora out")
    for stage in recipe.stages:
        if isinstance(stage, WarmupStage) and sharding != "none":
            raise RecipeError(
                f"stages.{stage.name}: a warm-up samples while it trains, with whole weights in every process; run it "
                "under DDP or on one GPU, and the stages after it from its model"
            )
