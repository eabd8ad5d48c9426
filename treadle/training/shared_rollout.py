"""GRPO in which a rollout without vLLM prefills every distinct prompt prefix once, the lowest layer of `SRLTrainer`.

`_generate_single_turn` is TRL's seam for it, and `treadle.rollout` the generation. What a model or a setting does not
allow is done as TRL does it, with one warning that names the reason. vLLM shares prefixes by itself; here its hit rate
is read.

On this layer meet the mixins that know TRL's trainer and nothing of treadle's: `Resumable` (checkpoints),
`GuardedRollouts` (rewards that fail) and `ValidatingByReward`.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer
from trl.extras.profiling import profiling_context
from trl.models import unwrap_model_for_generation

from treadle import rollout
from treadle.rollout import vllm_cache
from treadle.training.guards.rollouts import GuardedRollouts
from treadle.training.resume.resumable import Resumable
from treadle.training.validation import ValidatingByReward


class SharedRolloutTrainer(GuardedRollouts, Resumable, ValidatingByReward, GRPOTrainer):
    """`GRPOTrainer` with shared prefixes in its rollouts, resumable to the byte; its args are an `SRLConfig`.

    Attributes:
        rollout_is_shared: Whether generation goes through shared prefixes.
    """

    draws_apart = True

    def __init__(self, model: Any, reward_funcs: Any, args: Any, *more: Any, **kwargs: Any) -> None:
        super().__init__(model, reward_funcs, args, *more, **kwargs)
        self._warned: set[str] = set()
        asked = args.shared_rollout and not (self.use_vllm or self.use_transformers_continuous_batching)
        reason = self._why_no_shared_rollout() if asked else None
        self.rollout_is_shared = asked and reason is None
        if reason is not None:
            self._warn_once(f"every row's prompt is computed for itself: {reason}. shared_rollout=False silences this.")

    def _warn_once(self, text: str) -> None:
        if text not in self._warned and self.accelerator.is_main_process:
            warnings.warn(text, stacklevel=3)
        self._warned.add(text)

    def _of_all(self, items: list[Any]) -> list[Any]:
        """The items of all processes, in their order."""
        return gather_object(items) if self.accelerator.num_processes > 1 else items

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], images: Any, multimodal_fields: Any, *more: Any, **kwargs: Any
    ) -> tuple[list[list[int]], Any]:
        if self.use_vllm:
            return self._generate_by_vllm(prompt_ids, images, multimodal_fields, *more, **kwargs)
        if images is not None or not self.rollout_is_shared:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, *more, **kwargs)
        # As in TRL's own path for `generate`.
        with (
            profiling_context(self, "treadle.generate_completions"),
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                generation_kwargs=self.generation_kwargs,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as network,
            torch.no_grad(),
            self._dist.summon_full_params(self.model_wrapped, recurse=False),
        ):
            budget = self.args.max_kv_tokens
            return rollout.generate_completions(network, prompt_ids, self.generation_config, budget), None

    def _generate_by_vllm(self, prompt_ids: list[list[int]], *more: Any, **kwargs: Any) -> tuple[list, Any]:
        """vLLM shares prompts itself, as they come trajectory by trajectory; its hit rate goes into the metrics."""
        url = self.args.vllm_server_base_url or f"http://{self.args.vllm_server_host}:{self.args.vllm_server_port}"
        told = self.vllm_mode == "server" and self.accelerator.is_main_process
        before = vllm_cache.read_counts(url) if told else None
        generated = super()._generate_single_turn(prompt_ids, *more, **kwargs)
        rate = vllm_cache.hit_rate(before, vllm_cache.read_counts(url) if before else None)
        if rate is not None:
            self._metrics["train" if self.model.training else "eval"]["vllm/prefix_cache_hit_rate"].append(rate)
        return generated

    def _why_no_shared_rollout(self) -> str | None:
        if self.is_fsdp_enabled:
            return "under FSDP all processes must make equal numbers of forwards"
        plugin = self.accelerator.state.deepspeed_plugin
        if plugin is not None and plugin.zero_stage == 3 and not self.args.ds3_gather_for_generation:
            return "under ZeRO-3 without ds3_gather_for_generation all processes must make equal numbers of forwards"
        return rollout.why_not(self.accelerator.unwrap_model(self.model), self.generation_config)
