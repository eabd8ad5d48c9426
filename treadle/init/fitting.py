"""What of a recipe this machine, or a GPU that is named, can hold: by `treadle plan`'s estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from treadle.errors import ModelError, RecipeError
from treadle.plan import Hardware, estimate
from treadle.plan.hardware import GIB, this_machine
from treadle.plan.memory import states_of
from treadle.plan.model import shape_of
from treadle.plan.parts import peak
from treadle.recipe.parts import Lora
from treadle.recipe.schema import Recipe

MICRO_BATCHES = (8, 4, 2, 1)


class Fit(NamedTuple):
    """What was chosen.

    Args:
        lora, micro_batch: What the recipe is to have.
        said: What it needs of what there is, for people.
        fits: Whether it does; `None` where the model cannot be planned.
    """

    lora: Lora | None
    micro_batch: int
    said: str
    fits: bool | None


def machine(gpu_memory: float | None = None) -> tuple[Hardware, str]:
    """What is planned for, and its name.

    Args:
        gpu_memory: GiB of a GPU elsewhere.
    """
    if gpu_memory is not None:
        return Hardware(memory=gpu_memory), f"a GPU of {gpu_memory:g} GiB"
    here = this_machine()
    if here.device == "cuda":
        return here, f"this machine's GPU of {here.memory:.0f} GiB"
    return here, f"this machine's {here.memory:.1f} GiB of free memory, without a GPU"


def fitting(recipe_with: Callable[[Lora | None, int], Recipe], hardware: Hardware, where: str) -> Fit:
    """The largest micro-batch, of all weights if they fit and else of an adapter, that fits.

    Args:
        recipe_with: The recipe with an adapter or none, and a micro-batch.
        hardware: With its memory.
        where: Its name.
    """
    needed = 0.0
    try:
        for lora in (None, Lora()):
            if not _states_fit(recipe_with(lora, 1), hardware):
                continue
            for micro_batch in MICRO_BATCHES:
                plans = estimate(recipe_with(lora, micro_batch), replace(hardware, memory=None))
                needed = max(plan.peak for plan in plans) / GIB
                if needed <= hardware.memory:
                    return Fit(lora, micro_batch, f"{needed:.1f} GiB by estimate, of {where}", True)
    except (ModelError, RecipeError) as problem:
        return Fit(None, MICRO_BATCHES[0], f"not estimated: {problem}", None)
    least = f"{needed:.1f} GiB" if needed else "weights and optimizer alone are more"
    return Fit(Lora(), 1, f"does not fit by estimate, even with an adapter: {least}, there is {where}", False)


def _states_fit(recipe: Recipe, hardware: Hardware) -> bool:
    """Whether weights, gradients and optimizer alone fit, which spares the counting of the rest."""
    shape = shape_of(recipe.model, recipe.lora, recipe.trust_remote_code)
    return all(peak(states_of(stage, recipe, hardware, shape))[1] <= hardware.memory * GIB for stage in recipe.stages)
