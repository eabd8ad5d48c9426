"""Memory of the rollout: keys and values, what its forwards hold, or vLLM's share of the device."""

from __future__ import annotations

from dataclasses import dataclass

from treadle.plan.hardware import GIB, Hardware
from treadle.plan.model import Shape
from treadle.plan.parts import BOTH, Part, Phase
from treadle.plan.tokens import Load, Prompts
from treadle.recipe.schema import RLStage
from treadle.rollout.attention import ROOM

LOGITS_COPIES = 4
"""Copies in float32 of the logits of one new token for each row, while it is drawn (`treadle.rollout.sampling`)."""
VLLM_WIDTH = 2
"""vLLM keeps weights and cache in the dtype of the model's files, 16 bits for all but the smallest models."""
VLLM_SHARE = 0.3
"""TRL's default of `vllm_gpu_memory_utilization`."""


@dataclass(frozen=True)
class Wave:
    """What a rollout without vLLM generates at a time.

    Attributes:
        rows: Completions.
        prompt: Prompt tokens in the cache.
        prefill: Prompt tokens of the first forward.
        count: How many waves a generation takes.
        shared: Whether prompts are shared (`treadle.rollout`), else as transformers generates.
    """

    rows: int
    prompt: int
    prefill: int
    count: int
    shared: bool


def wave_of(stage: RLStage, hardware: Hardware, shape: Shape, prompts: Prompts, load: Load) -> Wave:
    """The largest wave of a generation on one device."""
    rows = load.rows * stage.updates_per_rollout
    shared = shape.no_tree is None and stage.trl.get("shared_rollout", True)
    shared = shared and hardware.sharding != "fsdp"
    if not shared:
        return Wave(rows, rows * prompts.longest, rows * prompts.longest, 1, False)
    # The prompts lie sorted, so those of a trajectory come together.
    trunk = round(rows / stage.rollouts * prompts.distinct)
    bound = stage.trl.get("max_kv_tokens")
    each = stage.max_completion_length + prompts.distinct / stage.rollouts
    if not bound or rows * each <= bound:
        return Wave(rows, trunk, trunk, 1, True)
    at_once = max(1, int((bound - prompts.mean) / each))
    prompt = round(prompts.mean + at_once / stage.rollouts * prompts.distinct)
    return Wave(at_once, prompt, prompt, -(-rows // at_once), True)


def generation_parts(
    stage: RLStage, hardware: Hardware, shape: Shape, wave: Wave, width: int, prefill: int, decode: int
) -> list[Part]:
    """The rollout without vLLM.

    Args:
        width: Bytes of a number in the cache: those of the dtype of the computation.
        prefill, decode: Bytes that a forward of the wave's prompts, and of one token for each row, holds at its peak.
    """
    token = width * shape.cache_width
    longest = stage.max_completion_length
    room = -(-longest // ROOM) * ROOM if wave.shared else longest
    bound = stage.trl.get("max_kv_tokens")
    limit = f"max_kv_tokens {bound:,}" if bound and wave.shared else "all at once"
    how = f"{wave.prompt:,} prompt tokens and {wave.rows:,} rows x {room:,}, {token:,} bytes each, {limit}"
    own = token * wave.rows * room
    logits = 4 * wave.rows * shape.vocabulary
    # A layer's cache is copied when it grows.
    growing = own / shape.layers if room > ROOM or not wave.shared else 0
    # In the prefill there are no completions yet; a forward is over when its token is drawn.
    beyond = max(prefill - own, decode + logits + growing, LOGITS_COPIES * logits)
    parts = [
        Part("KV cache", token * wave.prompt + own, ("rollout",), how),
        Part(
            "rollout's temporaries", beyond, ("rollout",), "of prefill, a new token's forward, or its logits; counted"
        ),
    ]
    if hardware.sharding == "zero3" and stage.trl.get("ds3_gather_for_generation", True):
        size = width * shape.parameters
        parts.append(Part("gathered for rollout", size, ("rollout",), "ds3_gather_for_generation: the whole model"))
    if hardware.sharding == "fsdp":
        size = width * (shape.parameters - shape.inner + 2 * shape.layer)
        parts.append(Part("gathered by FSDP", size, ("rollout",), "embedding, head and two layers"))
    return parts


def vllm_rows(stage: RLStage, hardware: Hardware, shape: Shape, prompts: Prompts) -> int:
    """Completions of full length that vLLM can hold at a time, at least 1; all where the device is not known."""
    fitting = _fitting(stage, hardware, shape, prompts)
    return 10**12 if fitting is None else max(1, fitting)


def vllm_parts(stage: RLStage, hardware: Hardware, shape: Shape, prompts: Prompts) -> list[Part]:
    """vLLM in the same process takes a fixed share of the device; a server is on other devices."""
    if stage.trl.get("vllm_mode", "colocate") != "colocate":
        return []
    share = stage.trl.get("vllm_gpu_memory_utilization", VLLM_SHARE)
    least = sum(_weights_and_row(stage, shape, prompts))
    phases: tuple[Phase, ...] = ("rollout",) if stage.trl.get("vllm_enable_sleep_mode") else BOTH
    fitting = _fitting(stage, hardware, shape, prompts)
    if fitting is None:
        return [Part("vLLM", least, phases, f"at least weights and one row; it takes {share:g} of the device")]
    taken = share * hardware.memory * GIB
    if fitting < 1:
        text = f"needs {least / GIB:.1f} GiB for weights and one row, more than vllm_gpu_memory_utilization {share:g}"
        return [Part("vLLM", least, phases, text)]
    return [Part("vLLM", taken, phases, f"{share:g} of the device: weights and {fitting:,} of the longest rows")]


def _weights_and_row(stage: RLStage, shape: Shape, prompts: Prompts) -> tuple[float, float]:
    split = stage.trl.get("vllm_tensor_parallel_size", 1)
    length = prompts.longest + stage.max_completion_length
    return VLLM_WIDTH * shape.parameters / split, VLLM_WIDTH * shape.cache_width / split * length


def _fitting(stage: RLStage, hardware: Hardware, shape: Shape, prompts: Prompts) -> int | None:
    """Rows of full length beside vLLM's weights, `None` where the device's memory was not given."""
    if hardware.memory is None:
        return None
    colocated = stage.trl.get("vllm_mode", "colocate") == "colocate"
    share = stage.trl.get("vllm_gpu_memory_utilization", VLLM_SHARE) if colocated else 0.9  # vLLM's own default
    weights, row = _weights_and_row(stage, shape, prompts)
    return int((share * hardware.memory * GIB - weights) // row)
