"""verl's trainer on a CPU, by the registries that it has for other devices and engines, with a rollout that is told.

verl imports this in each of its processes, by `VERL_USE_EXTERNAL_MODULES=tests.export.verl.on_cpu` and
`VERL_PLATFORM=cpu`. The file named by `GIVEN` has for each prompt, its tokens with spaces between, the completions that
it is answered with.
"""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import torch
from verl.plugin.platform.platform_cuda import PlatformCUDA
from verl.plugin.platform.platform_manager import PlatformRegistry


@PlatformRegistry.register(platform="cpu")
class PlatformCPU(PlatformCUDA):
    """The CPU where verl asks for a device. Ray is told of a GPU for each process, as verl counts these."""

    device_name = "cpu"
    # torch.cpu tells neither its name nor of memory; most of what torch.cuda tells of that is 0 without a GPU.
    device_module = SimpleNamespace(
        **{**vars(torch.cuda), **vars(torch.cpu), "mem_get_info": lambda: (0, 0), "get_device_name": lambda: "CPU"}
    )

    def is_available(self) -> bool:
        return True

    def current_device(self) -> str:
        return "cpu"

    def set_device(self, device_index: int) -> None:
        pass

    def synchronize(self, device_index: int | None = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        pass

    def communication_backend_name(self) -> str:
        return "gloo"


import ray  # noqa: E402, here and below after the platform is known, by which verl's modules decide
from verl.utils import distributed  # noqa: E402
from verl.workers.engine import EngineRegistry, FSDPEngineWithLMHead  # noqa: E402
from verl.workers.rollout import base, replica  # noqa: E402


def gloo(timeout_second: int | None = None, backend: str | None = None) -> None:
    """verl's own asks torch for `cpu:gloo,cpu:gloo`, and torch takes no device twice."""
    if not torch.distributed.is_initialized():
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        torch.distributed.init_process_group("gloo", rank=rank, world_size=size)


distributed.initialize_global_process_group_ray = gloo


@EngineRegistry.register(model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu")
class CPUEngine(FSDPEngineWithLMHead):
    """As on a GPU."""


class Server:
    """Answers each prompt with its completions, one after the other."""

    def __init__(self) -> None:
        self._given = json.loads(Path(os.environ["GIVEN"]).read_text())
        self._asked = {prompt: count() for prompt in self._given}

    async def generate(self, prompt_ids: list[int], **asked) -> replica.TokenOutput:
        prompt = " ".join(map(str, prompt_ids))
        completions = self._given[prompt]
        ids = completions[next(self._asked[prompt]) % len(completions)]
        logps = [0.0] * len(ids)  # verl only compares them with the trainer's
        told = {"log_probs": logps, "stop_reason": "completed", "extra_fields": {"global_steps": 0}}
        return replica.TokenOutput(token_ids=ids, **told)

    async def sleep(self) -> None:
        pass


class Replica(replica.RolloutReplica):
    """One server that has no weights."""

    async def launch_servers(self) -> None:
        self._server_handle, self._server_address = ray.remote(Server).remote(), "given"
        self.servers = [self._server_handle]


class Adapter(base.BaseRollout):
    """Takes the trainer's weights and does nothing with them."""

    async def resume(self, tags: list[str]) -> None:
        pass

    async def update_weights(self, weights, **told) -> None:
        for _ in weights:
            pass

    async def release(self) -> None:
        pass


replica.RolloutReplicaRegistry.register("given", lambda: Replica)
base._ROLLOUT_REGISTRY["given", "async"] = f"{__name__}.Adapter"  # has no `register` of its own
