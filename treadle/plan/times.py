"""Operations and seconds of one optimizer step: rollout, log-prob passes, update, optimizer.

Operations are those of the matrix products (docs/plan.md); seconds follow from a peak and the share of it that is
reached or, where memory is the limit, from the bytes that are read. Rewards, loading and communication are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from treadle.plan.hardware import Hardware
from treadle.plan.memory import dtype_of
from treadle.plan.model import Shape
from treadle.plan.rollout import vllm_rows, wave_of
from treadle.plan.tokens import Load, Prompts, load_of
from treadle.recipe.schema import AnyStage, Recipe, RLStage, SFTStage

ADAMW_TRAFFIC = 28
"""Bytes that AdamW in float32 moves for each trained parameter: four numbers read, three written."""


@dataclass(frozen=True)
class Duration:
    """One part of a step on one device.

    Attributes:
        operations: Floating-point operations, as they are planned.
        without_tree: The same with every row forwarded for itself; `None` where no tree is used.
        seconds: `None` where it cannot be estimated.
        seconds_without_tree: Likewise.
        rests_on: For people.
    """

    name: str
    operations: float
    without_tree: float | None
    seconds: float | None
    seconds_without_tree: float | None
    rests_on: str


@dataclass(frozen=True)
class Passes:
    """How often the parts of a forward are computed: forward, backward, and again under checkpointing."""

    linear: float
    attention: float
    head: float


def operations(shape: Shape, tokens: float, pairs: float, scored: float, passes: Passes) -> float:
    """Floating-point operations of tokens through the network.

    Args:
        tokens: Tokens that are forwarded.
        pairs: Pairs of a token and one that it attends to.
        scored: Tokens whose logits are computed.
        passes: How often each part is computed.
    """
    linear = 2 * (shape.inner + shape.adapter) * tokens
    attention = 4 * shape.attention_width * pairs
    return passes.linear * linear + passes.attention * attention + passes.head * 2 * shape.head * scored


FORWARD = Passes(1, 1, 1)


def update_passes(stage: AnyStage, lora: bool) -> Passes:
    """A backward costs two forwards in linear layers, or one where their weights are not trained, and two and a half
    in attention, which computes its scores again; logits are computed again, too."""
    again = 1 if stage.gradient_checkpointing else 0
    backward = 1 if lora else 2
    return Passes(1 + backward + again, 3.5 + again, 2 + backward)


def pairs_of(stage: AnyStage, prompts: Prompts, load: Load, completion: float, tree: bool) -> float:
    """Pairs of a token and one that it attends to, of all rows of a step on one device."""
    if isinstance(stage, SFTStage):
        return load.rows * prompts.pairs
    leaf = completion * prompts.mean + completion * (completion + 1) / 2
    trunk = prompts.distinct_pairs / stage.rollouts if tree else prompts.pairs
    return load.rows * (leaf + trunk)


def times_of(
    stage: AnyStage, recipe: Recipe, hardware: Hardware, shape: Shape, prompts: Prompts, load: Load
) -> list[Duration]:
    """The parts of a step.

    Args:
        load: As for the memory; its `tree` says whether the tree is used.
    """
    rl = isinstance(stage, RLStage)
    completion = (hardware.completion_tokens or stage.max_completion_length) if rl else 0
    used = load_of(stage, prompts, hardware.gpus, load.tree, completion if rl else None)
    rate = hardware.tflops and hardware.tflops * 1e12 * hardware.utilisation
    pairs = pairs_of(stage, prompts, used, completion, used.tree)
    pairs_alone = pairs_of(stage, prompts, used, completion, False)

    def part(name: str, passes: Passes, rests_on: str) -> Duration:
        flops = operations(shape, used.forwarded, pairs, used.scored, passes)
        alone = operations(shape, used.padded, pairs_alone, used.scored, passes) if used.tree else None
        return Duration(name, flops, alone, rate and flops / rate, rate and alone and alone / rate, rests_on)

    found = []
    forwarded = f"{used.forwarded:,} tokens" + (f" ({used.padded:,} without the tree)" if used.tree else "")
    if rl:
        found.append(_rollout(stage, recipe, hardware, shape, prompts, used, completion, rate))
        corrected = stage.trl.get("use_vllm") and stage.trl.get("vllm_importance_sampling_correction", True)
        if stage.updates_per_rollout > 1 or corrected:
            found.append(part("old log-probs", FORWARD, forwarded))
        if stage.kl > 0:
            found.append(part("reference log-probs", FORWARD, forwarded))
    how = "with gradient checkpointing" if stage.gradient_checkpointing else "without gradient checkpointing"
    found.append(part("update", update_passes(stage, recipe.lora is not None), f"{forwarded} {how}"))
    trained = (shape.adapter or shape.parameters) / hardware.shards
    seconds = hardware.bandwidth and ADAMW_TRAFFIC * trained / (hardware.bandwidth * 1e9)
    found.append(Duration("optimizer", 0, None, seconds, None, f"{ADAMW_TRAFFIC} bytes a trained parameter"))
    return found


def _rollout(
    stage: RLStage,
    recipe: Recipe,
    hardware: Hardware,
    shape: Shape,
    prompts: Prompts,
    load: Load,
    completion: float,
    rate: float | None,
) -> Duration:
    """One sampling round of one optimizer step."""
    vllm = bool(stage.trl.get("use_vllm"))
    wave = wave_of(stage, hardware, shape, prompts, load)
    shared = vllm or wave.shared
    new = load.rows * completion
    trunk = load.rows / stage.rollouts * prompts.distinct if shared else load.rows * prompts.longest
    pairs = pairs_of(stage, prompts, load, completion, shared)
    flops = operations(shape, trunk + new, pairs, new, FORWARD)
    if hardware.tokens_per_second:
        seconds = new * hardware.gpus / hardware.tokens_per_second
        return Duration("rollout", flops, None, seconds, None, f"{new:,.0f} new tokens at the given rate")
    if not hardware.bandwidth:
        return Duration("rollout", flops, None, None, None, f"{new:,.0f} new tokens; give a bandwidth or a rate")
    width = dtype_of(recipe, hardware).itemsize
    read = 2 * shape.parameters if vllm else _read(recipe, width) * shape.parameters
    generation = load.rows * stage.updates_per_rollout
    rows = min(generation, vllm_rows(stage, hardware, shape, prompts) if vllm else wave.rows)
    waves = -(-generation // rows)
    own = rows * completion / 2
    cache = width * shape.cache_width * (own + (rows * prompts.mean if not wave.shared or vllm else wave.prompt))
    each = (read + cache) / (hardware.bandwidth * 1e9)
    text = f"{waves} x {completion:,.0f} forwards of {rows:,} rows, each reading weights and cache"
    if stage.updates_per_rollout > 1:
        text += f", for {stage.updates_per_rollout} steps"
    if rate:
        each = max(each, operations(shape, rows, rows * (prompts.mean + completion / 2), rows, FORWARD) / rate)
    prefill = operations(shape, trunk, load.rows / stage.rollouts * prompts.distinct_pairs, 0, FORWARD)
    seconds = waves * completion * each / stage.updates_per_rollout + (prefill / rate if rate else 0.0)
    return Duration("rollout", flops, None, seconds, None, text)


def _read(recipe: Recipe, width: int) -> int:
    """Bytes moved for a parameter in one forward: float32 weights are cast each time, read, written and read again."""
    return 4 if width == 4 else 2 if recipe.lora is not None else 4 + 2 + 2
