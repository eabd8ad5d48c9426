"""The estimate of a whole recipe: memory and time of every stage, and what would make fit what does not."""

from __future__ import annotations

from dataclasses import dataclass

from treadle.plan.advice import ENDLESS, Setting, advise
from treadle.plan.hardware import GIB, Hardware
from treadle.plan.memory import memory_of, states_of
from treadle.plan.model import Shape, shape_of
from treadle.plan.parts import Part, Phase, peak
from treadle.plan.times import Duration, times_of
from treadle.plan.tokens import Load, Prompts, load_of, prompts_of
from treadle.recipe.machine import check_sharding
from treadle.recipe.schema import AnyStage, Recipe, RLStage
from treadle.recipe.sizes import derive_sizes


@dataclass(frozen=True)
class StagePlan:
    """The estimate of one stage.

    Attributes:
        prompts, load: What it forwards.
        parts: Memory of one device.
        phase, peak: The phase that holds the most, and its bytes.
        fits: Whether that is within the device; `None` where its memory was not given.
        advice: Settings that make it fit, where it does not.
        durations: Parts of one optimizer step.
        sampling_rounds: Rollouts that dynamic sampling may make for one step; the time is of one.
        no_tree: Why the prefix tree is not used, `None` where it is or where there is none to use (SFT).
    """

    stage: AnyStage
    shape: Shape
    prompts: Prompts
    load: Load
    parts: list[Part]
    phase: Phase
    peak: float
    fits: bool | None
    advice: list[str]
    durations: list[Duration]
    sampling_rounds: int
    no_tree: str | None


def estimate(recipe: Recipe, hardware: Hardware) -> list[StagePlan]:
    """The plan of each stage of a recipe.

    Raises:
        ModelError: The model's config is not there or not of a kind that can be planned.
        DataError: The lengths of prompts are neither in the data nor given.
        RecipeError: Batches do not divide among the devices, the optimizer is not known, or the recipe cannot be
            trained with that sharding.
    """
    check_sharding(recipe, hardware.sharding)
    plans = []
    for stage in recipe.stages:
        derive_sizes(stage, ENDLESS, hardware.gpus)
        plans.append(_plan(stage, recipe, hardware))
    return plans


def _plan(stage: AnyStage, recipe: Recipe, hardware: Hardware) -> StagePlan:
    prompts = prompts_of(stage, recipe, hardware)
    shape, load, parts = _memory(stage, recipe, hardware, prompts)
    phase, most = peak(parts)
    fits = None if hardware.memory is None else most <= hardware.memory * GIB
    advice = []
    if fits is False:

        def enough(setting: Setting) -> bool:
            shape = shape_of(setting.recipe.model, setting.recipe.lora, recipe.trust_remote_code)
            alone = states_of(setting.stage, setting.recipe, setting.hardware, shape)
            if peak(alone)[1] > hardware.memory * GIB:  # which spares the counting
                return False
            found = _memory(setting.stage, setting.recipe, setting.hardware, prompts)[2]
            return peak(found)[1] <= hardware.memory * GIB

        advice = advise(Setting(stage, recipe, hardware), enough)
    durations = times_of(stage, recipe, hardware, shape, prompts, load)
    rl = isinstance(stage, RLStage)
    rounds = stage.max_sampling_rounds if rl and stage.dynamic_sampling else 1
    reason = _why_no_tree(stage, shape) if rl else None
    return StagePlan(stage, shape, prompts, load, parts, phase, most, fits, advice, durations, rounds, reason)


def _memory(stage: AnyStage, recipe: Recipe, hardware: Hardware, prompts: Prompts) -> tuple[Shape, Load, list[Part]]:
    shape = shape_of(recipe.model, recipe.lora, recipe.trust_remote_code)
    tree = isinstance(stage, RLStage) and _why_no_tree(stage, shape) is None
    load = load_of(stage, prompts, hardware.gpus, tree)
    return shape, load, memory_of(stage, recipe, hardware, shape, prompts, load)


def _why_no_tree(stage: RLStage, shape: Shape) -> str | None:
    return shape.no_tree if stage.trl.get("prefix_tree", True) else "prefix_tree: false"
