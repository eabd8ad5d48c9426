"""What is planned for: the machine, how the model is divided over it, and what a recipe does not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import psutil
import torch

from treadle.errors import RecipeError

Sharding = Literal["none", "fsdp", "zero3"]
Device = Literal["cuda", "cpu"]
GIB = 2**30
_FLAGS = {"memory": "gpu_memory"}
"""Fields that have another name on the command line."""


@dataclass(frozen=True)
class Hardware:
    """The machine. What is `None` is not known, and what rests on it is not estimated.

    Args:
        gpus: Devices that train, one process each.
        memory: GiB of one device.
        tflops: Peak operations of one device in the dtype of the computation, in 1e12 a second.
        bandwidth: Bytes that one device reads from its memory, in 1e9 a second.
        utilisation: Share of the peak that forward and backward reach.
        tokens_per_second: Measured rate of the rollout, of all devices together; comes before `bandwidth`.
        sharding: `none` keeps all on each device (data parallelism), `fsdp` is FSDP2 with whole layers gathered,
            `zero3` DeepSpeed's ZeRO-3.
        device: `auto` dtypes are bfloat16 on `cuda` and float32 on `cpu`.
        prompt_tokens: Tokens of every prompt, instead of what the data says.
        completion_tokens: Mean tokens of a completion, for the time; the recipe's maximum by default.
    """

    gpus: int = 1
    memory: float | None = None
    tflops: float | None = None
    bandwidth: float | None = None
    utilisation: float = 0.4
    tokens_per_second: float | None = None
    sharding: Sharding = "none"
    device: Device = "cuda"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in (
            "gpus",
            "memory",
            "tflops",
            "bandwidth",
            "tokens_per_second",
            "prompt_tokens",
            "completion_tokens",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RecipeError(f"--{_FLAGS.get(name, name).replace('_', '-')} {value}: expected a number above 0")
        if not 0 < self.utilisation <= 1:
            raise RecipeError(f"--utilisation {self.utilisation}: expected a share of the peak, above 0 and up to 1")
        for name, allowed in (("sharding", Sharding), ("device", Device)):
            if getattr(self, name) not in get_args(allowed):
                raise RecipeError(f"--{name} {getattr(self, name)}: expected {' or '.join(get_args(allowed))}")
        if self.sharding != "none" and self.device == "cpu":
            raise RecipeError(f"--sharding {self.sharding} --device cpu: sharding is planned for GPUs; leave one out")

    @property
    def flags(self) -> str:
        """With which `treadle plan` plans for the same memory and device."""
        device = "" if self.device == "cuda" else f" --device {self.device}"
        return device + ("" if self.memory is None else f" --gpu-memory {self.memory:.3g}")

    @property
    def shards(self) -> int:
        """Devices over which weights, gradients and optimizer states are divided."""
        return 1 if self.sharding == "none" else self.gpus


def this_machine() -> Hardware:
    """The first GPU of this machine, or where there is none its CPU with the memory that is free."""
    if torch.cuda.is_available():
        return Hardware(memory=torch.cuda.get_device_properties(0).total_memory / GIB)
    return Hardware(memory=psutil.virtual_memory().available / GIB, device="cpu")
