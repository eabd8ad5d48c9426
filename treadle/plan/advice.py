"""Settings that would make a stage fit: each is tried with the same estimate that found that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

from treadle.errors import RecipeError
from treadle.plan.hardware import Hardware
from treadle.recipe.parts import Lora
from treadle.recipe.schema import AnyStage, Recipe, RLStage, WarmupStage
from treadle.recipe.sizes import derive_sizes

MOST_DEVICES = 64
ENDLESS = 10**12
"""Rows of data, where only the division of a batch is asked for."""


class Setting(NamedTuple):
    """What is planned, and what was changed to come to it, as one writes it."""

    stage: AnyStage
    recipe: Recipe
    hardware: Hardware
    change: str = ""


def advise(now: Setting, fits: Callable[[Setting], bool]) -> list[str]:
    """Changes of which each alone makes the stage fit; where there is none, one line with several that do together.

    Args:
        now: What does not fit.
        fits: Whether the stage fits under other settings.

    Returns:
        Lines for people, the mildest change first; empty where all changes together do not suffice.
    """
    alone = [next((setting.change for setting in kind(now) if fits(setting)), None) for kind in KINDS]
    if any(alone):
        return [change for change in alone if change]
    changes: list[str] = []
    for kind in KINDS:
        tried = list(kind(now))
        enough = next((setting.change for setting in tried if fits(setting)), None)
        if enough:
            return [" and ".join([*changes, enough])]
        if tried:  # the strongest is kept, and the next kind is tried on top of it
            now = tried[-1]
            changes.append(now.change)
    return []


def _changed(now: Setting, change: str, **update: Any) -> Setting:
    stage = now.stage.model_copy(update=update)
    return now._replace(stage=stage, change=f"stages.{stage.name}.{change}")


def _trl(now: Setting, **update: Any) -> Setting:
    name, value = next(iter(update.items()))
    shown = str(value).lower() if isinstance(value, bool) else value
    return _changed(now, f"trl.{name}={shown}", trl=now.stage.trl | update)


def _checkpointing(now: Setting) -> Iterator[Setting]:
    if not now.stage.gradient_checkpointing:
        yield _changed(now, "gradient_checkpointing=true", gradient_checkpointing=True)


def _micro_batch(now: Setting) -> Iterator[Setting]:
    """Halved as long as the batch divides; a budget of tokens is halved with it."""
    size, budget = now.stage.micro_batch, now.stage.trl.get("max_tree_tokens")
    while size > 1:
        size //= 2
        budget = budget and budget // 2
        change = f"micro_batch={size}"
        update: dict[str, Any] = {"micro_batch": size}
        if budget:
            update["trl"] = now.stage.trl | {"max_tree_tokens": budget}
            change += f" stages.{now.stage.name}.trl.max_tree_tokens={budget}"
        if divides(now.stage.model_copy(update=update), now.hardware.gpus):
            yield _changed(now, change, **update)


def divides(stage: AnyStage, gpus: int) -> bool:
    """Whether a step's rows divide into the micro-batches of that many devices."""
    try:
        derive_sizes(stage, ENDLESS, gpus)
    except RecipeError:
        return False
    return True


def _kv_tokens(now: Setting) -> Iterator[Setting]:
    stage = now.stage
    if isinstance(stage, RLStage) and not stage.trl.get("use_vllm") and now.hardware.sharding != "fsdp":
        rows = stage.prompts_per_step * stage.rollouts * stage.updates_per_rollout
        most = stage.trl.get("max_kv_tokens") or rows * stage.max_completion_length
        for size in (2**n for n in range(22, 10, -1)):
            if stage.max_completion_length < size < most:
                yield _trl(now, max_kv_tokens=size)


def _vllm(now: Setting) -> Iterator[Setting]:
    stage = now.stage
    if stage.trl.get("use_vllm") and stage.trl.get("vllm_mode", "colocate") == "colocate":
        if not stage.trl.get("vllm_enable_sleep_mode"):
            yield _trl(now, vllm_enable_sleep_mode=True)
        yield _trl(now, vllm_mode="server")


def _dtype(now: Setting) -> Iterator[Setting]:
    if now.recipe.dtype == "float32" and now.hardware.device == "cuda":
        yield now._replace(recipe=now.recipe.model_copy(update={"dtype": "bfloat16"}), change="dtype=bfloat16")


def _lora(now: Setting) -> Iterator[Setting]:
    if now.recipe.lora is None and now.hardware.sharding != "zero3":
        change = "lora.r=16 (with a learning rate for adapters)"
        yield now._replace(recipe=now.recipe.model_copy(update={"lora": Lora(r=16)}), change=change)


def _sharding(now: Setting) -> Iterator[Setting]:
    if now.hardware.device == "cpu" or any(isinstance(stage, WarmupStage) for stage in now.recipe.stages):
        return
    kind = now.hardware.sharding if now.hardware.sharding != "none" else "fsdp"
    first = now.hardware.gpus if now.hardware.sharding == "none" else now.hardware.gpus + 1
    for gpus in takewhile(lambda n: n <= MOST_DEVICES, (2**n for n in range(1, 99))):
        if gpus >= first and divides(now.stage, gpus):
            hardware = replace(now.hardware, gpus=gpus, sharding=kind)
            yield now._replace(hardware=hardware, change=f"--sharding {kind} --gpus {gpus}")


KINDS = (_checkpointing, _micro_batch, _kv_tokens, _vllm, _dtype, _lora, _sharding)
"""From the mildest to what changes the run most."""
