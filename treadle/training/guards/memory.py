"""Out of memory: by which errors it is known, and how to go on with less."""

from __future__ import annotations

import gc
from typing import Any

import torch

from treadle.training.micro_batches import rows_of, select_rows, trim

# The CPU's allocator and CUDA's libraries raise plain RuntimeErrors.
_MESSAGES = (
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or in an allocation of torch on the CPU."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _MESSAGES)


def free() -> None:
    """Give back what nothing refers to any more. Call it outside the `except`, whose traceback holds activations."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def rows_in(inputs: dict[str, Any]) -> int:
    """Number of rows of a micro-batch, of TRL's GRPO or of supervised training."""
    return (
        rows_of(inputs) if "completion_ids" in inputs else len(next(v for v in inputs.values() if torch.is_tensor(v)))
    )


def halves(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The two halves of a micro-batch by rows; itself if it has one row.

    GRPO's lose superfluous padding. What has no rows (numbers, scalars) goes to both.
    """
    rows = rows_in(inputs)
    if rows < 2:
        return [inputs]
    parts = [torch.arange(rows) < rows // 2, torch.arange(rows) >= rows // 2]
    if "completion_ids" in inputs:
        return [trim(select_rows(inputs, part)) for part in parts]
    return [
        {k: v[part] if torch.is_tensor(v) and v.ndim and len(v) == rows else v for k, v in inputs.items()}
        for part in parts
    ]


def random_state() -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The states of torch's random numbers, on the CPU and on every GPU in use."""
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


def set_random_state(state: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    """Go back to what `random_state` returned."""
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
