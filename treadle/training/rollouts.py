"""Completions: with every distinct prompt prefix prefilled once, by vLLM, or as TRL generates them.

`treadle.rollout` generates with shared prefixes. What a model or a setting does not allow is done as TRL does it;
`why_not_shared` names the reason. vLLM shares prefixes by itself; here its hit rate is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from transformers import GenerationConfig
from trl import GRPOConfig
from trl.models import unwrap_model_for_generation

from treadle import rollout
from treadle.rollout import vllm_cache

PromptIds = list[list[int]]
Generated = tuple[list[list[int]], list[list[float]] | None]


def why_not_shared(
    model: torch.nn.Module, generation: GenerationConfig, accelerator: Accelerator, gathers: bool
) -> str | None:
    """Why every row's prompt is computed for itself; `None` if prefixes are shared.

    Args:
        model: As it was given, unwrapped.
        generation: How to sample.
        accelerator: How the model is spread over processes.
        gathers: Whether ZeRO-3 gathers its weights for generation.
    """
    if getattr(accelerator.state, "fsdp_plugin", None) is not None:
        return "under FSDP all processes must make equal numbers of forwards"
    plugin = accelerator.state.deepspeed_plugin
    if plugin is not None and plugin.zero_stage == 3 and not gathers:
        return "under ZeRO-3 without ds3_gather_for_generation all processes must make equal numbers of forwards"
    return rollout.why_not(model, generation)


@contextmanager
def whole_network(
    model: torch.nn.Module,
    accelerator: Accelerator,
    args: GRPOConfig,
    generation_kwargs: dict[str, Any],
    summoned: AbstractContextManager[Any],
) -> Iterator[torch.nn.Module]:
    """The model for a rollout, without gradient and with whole weights, as in TRL's own path for `generate`.

    Mixed precision is entered around the whole rollout and not only around each forward, because weights are cast to
    half precision once for as long as it lasts: a forward of one token a row costs less than casting them.

    Args:
        model: As accelerate has wrapped it.
        accelerator: It has.
        args: The trainer's configuration.
        generation_kwargs: Of TRL's `generate`.
        summoned: In which FSDP's weights are whole.
    """
    with (
        unwrap_model_for_generation(
            model,
            accelerator,
            gather_deepspeed3_params=args.ds3_gather_for_generation,
            generation_kwargs=generation_kwargs,
            gradient_checkpointing_kwargs=args.gradient_checkpointing_kwargs,
        ) as network,
        torch.no_grad(),
        summoned,
        accelerator.autocast(),
    ):
        yield network


class SharedRollout:
    """Generation through shared prefixes.

    Args:
        generation: How to sample.
        network: Gives the model for generation, with whole weights.
        max_kv_tokens: See `SRLConfig`.

    Attributes:
        max_kv_tokens: May be lowered between rollouts.
    """

    def __init__(
        self,
        generation: GenerationConfig,
        network: Callable[[], AbstractContextManager[torch.nn.Module]],
        max_kv_tokens: int | None,
    ) -> None:
        self.max_kv_tokens = max_kv_tokens
        self._generation = generation
        self._network = network

    def __call__(self, prompt_ids: PromptIds) -> Generated:
        """Completions of the prompts, without log-probs."""
        with self._network() as network:
            return rollout.generate_completions(network, prompt_ids, self._generation, self.max_kv_tokens), None


class PrefixCache:
    """How often a vLLM server found a prompt's prefix in its cache; colocated engines keep no statistics.

    Args:
        url: The server's; `None` where there is none, or where another process asks it.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url

    def around(self, generate: Callable[[], Generated], metrics: dict[str, list[Any]]) -> Generated:
        """Generate, and put the hit rate into the metrics if the server tells it."""
        before = vllm_cache.read_counts(self._url) if self._url else None
        generated = generate()
        rate = vllm_cache.hit_rate(before, vllm_cache.read_counts(self._url) if before else None)
        if rate is not None:
            metrics["vllm/prefix_cache_hit_rate"].append(rate)
        return generated
