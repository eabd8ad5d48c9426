"""Memory of one device, part by part, in the two phases of a step: rollout and update.

Weights, gradients and optimizer states follow from exact numbers of parameters, what a micro-batch holds is counted on
the model's code (`treadle.plan.counting`), the rollout's cache follows from lengths. Sharded parts are divided evenly.
docs/plan.md has the formulae and their sources.
"""

from __future__ import annotations

import torch

from treadle.errors import RecipeError
from treadle.plan.counting import Work, count_forward, count_update
from treadle.plan.hardware import Hardware
from treadle.plan.model import Shape
from treadle.plan.parts import BOTH, Part
from treadle.plan.rollout import generation_parts, vllm_parts, wave_of
from treadle.plan.tokens import Load, Prompts
from treadle.recipe.schema import AnyStage, Recipe, RLStage

OPTIMIZERS = {
    "adamw_torch": 8.0,
    "adamw_torch_fused": 8.0,
    "adamw_bnb_8bit": 2.0,
    "adamw_8bit": 2.0,
    "sgd": 0.0,
    "lion_32bit": 4.0,
    "lion_8bit": 1.0,
}
"""Bytes of optimizer state for each trained parameter, by transformers' names."""
LIVE_PARAMETERS = 1_000_000_000
BUCKET = 500_000_000
"""Defaults of DeepSpeed: `stage3_max_live_parameters`; `stage3_prefetch_bucket_size` and `reduce_bucket_size`."""


def dtype_of(recipe: Recipe, hardware: Hardware) -> torch.dtype:
    """Dtype of the computation on the device that is planned for."""
    if recipe.dtype == "auto":
        return torch.bfloat16 if hardware.device == "cuda" else torch.float32
    return getattr(torch, recipe.dtype)


def memory_of(
    stage: AnyStage, recipe: Recipe, hardware: Hardware, shape: Shape, prompts: Prompts, load: Load
) -> list[Part]:
    """The parts of a stage.

    Raises:
        RecipeError: The optimizer of `trl.optim` is not one whose states are known.
    """
    parts = states_of(stage, recipe, hardware, shape) + _update(stage, recipe, hardware, shape, load)
    if isinstance(stage, RLStage):
        width = dtype_of(recipe, hardware).itemsize
        if stage.trl.get("use_vllm"):
            parts += vllm_parts(stage, hardware, shape, prompts)
        else:
            wave = wave_of(stage, hardware, shape, prompts, load)
            padded = 0 if wave.shared else wave.rows
            prefill = count_forward(_work(stage, recipe, hardware, wave.prefill, rows=padded)).peak
            decode = count_forward(_work(stage, recipe, hardware, wave.rows)).peak
            parts += generation_parts(stage, hardware, shape, wave, width, prefill, decode)
    return parts


def states_of(stage: AnyStage, recipe: Recipe, hardware: Hardware, shape: Shape) -> list[Part]:
    """Weights, gradients, optimizer and reference model: what does not depend on tokens.

    Raises:
        RecipeError: See `memory_of`.
    """
    name = str(getattr(stage.trl.get("optim"), "value", stage.trl.get("optim") or "adamw_torch_fused"))
    if name not in OPTIMIZERS:
        raise RecipeError(
            f"stages.{stage.name}.trl.optim: {name!r} has states of unknown size; expected one of "
            f"{', '.join(OPTIMIZERS)}, or plan with one of them as a bound"
        )
    width = dtype_of(recipe, hardware).itemsize
    shards, trained = hardware.shards, shape.adapter or shape.parameters
    over = f" / {shards} devices" if shards > 1 else ""
    exact = f"{shape.parameters:,} parameters, exact"
    master, gradient = 0, 4
    if recipe.lora is None:
        kept = width if hardware.sharding == "zero3" else 4
        weights, text = kept * shape.parameters, f"{exact}, x {kept} bytes{over}"
    else:
        weights = width * shape.parameters + 4 * shape.adapter
        text = f"{exact}, x {width} bytes, adapter of {shape.adapter:,} x 4{over}"
    if hardware.sharding == "zero3" and width == 2 and recipe.lora is None:
        master, gradient = 4, 2
    parts = [
        Part("weights", weights / shards, BOTH, text),
        Part("gradients", gradient * trained / shards, ("update",), f"{trained:,} trained x {gradient} bytes{over}"),
        Part("optimizer", OPTIMIZERS[name] * trained / shards, BOTH, f"{name}: {OPTIMIZERS[name]:g} bytes each{over}"),
    ]
    if master:
        parts.append(Part("master weights", master * trained / shards, BOTH, f"ZeRO's float32 copy{over}"))
    if hardware.gpus > 1 and hardware.sharding == "none":
        parts.append(Part("DDP buckets", 4 * trained, BOTH, "PyTorch's DDP keeps a second copy of the gradients"))
    if isinstance(stage, RLStage) and stage.kl > 0 and recipe.lora is None:
        text = f"kl > 0 without LoRA: a second model, x 4 bytes{over}"
        parts.append(Part("reference model", 4 * shape.parameters / shards, BOTH, text))
    return parts


def _work(stage: AnyStage, recipe: Recipe, hardware: Hardware, tokens: int, scored: int = 1, rows: int = 0) -> Work:
    compute = dtype_of(recipe, hardware)
    # Sharded weights are gathered in the dtype of the computation, so that nothing is cast.
    kept = torch.float32 if recipe.lora is None and hardware.sharding == "none" else compute
    lora = None if recipe.lora is None else recipe.lora.model_dump_json()
    checkpointing = stage.gradient_checkpointing
    sizes = (max(tokens, 1), max(scored, 1), checkpointing, hardware.device, rows)
    return Work(recipe.model, lora, kept, compute, *sizes, recipe.trust_remote_code)


def _update(stage: AnyStage, recipe: Recipe, hardware: Hardware, shape: Shape, load: Load) -> list[Part]:
    count = count_update(_work(stage, recipe, hardware, load.micro_batch, load.micro_scored, load.micro_rows))
    how = "with gradient checkpointing" if stage.gradient_checkpointing else "without gradient checkpointing"
    text = f"micro-batch of {load.micro_batch:,} tokens {how}, counted"
    beyond = "most beyond that at a time: casts, a layer's own, logits in pieces, new gradients; counted"
    parts = [
        Part("activations", count.held, ("update",), text),
        Part("update's temporaries", count.peak - count.held, ("update",), beyond),
    ]
    width = dtype_of(recipe, hardware).itemsize
    ends = shape.parameters - shape.inner
    if hardware.sharding == "fsdp":
        gathered = width * (ends + 2 * shape.layer) * (1 if recipe.lora else 2)
        parts.append(Part("gathered by FSDP", gathered, ("update",), "embedding, head, two layers; their gradients"))
    if hardware.sharding == "zero3":
        gathered = width * (min(shape.parameters, LIVE_PARAMETERS) + 2 * min(shape.parameters, BUCKET))
        parts.append(Part("gathered by ZeRO-3", gathered, ("update",), "DeepSpeed's default limits of live parameters"))
    return parts
