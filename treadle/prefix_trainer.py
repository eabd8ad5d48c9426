"""GRPO in which what completions share is computed once: `PrefixTreeTrainer`, between TRL's trainer and `SRLTrainer`.

TRL's seams, and what each does here:

- `_get_train_sampler`: the steps of one trajectory stay adjacent (`treadle.prompt_order`).
- `_generate_single_turn`: every distinct prompt prefix is prefilled once (`treadle.rollout`).
- `_get_per_token_logps_and_entropies`: policy, old and reference log-probs through the tree (`treadle.tree`).
- `_prepare_inputs`, `compute_loss`: siblings stay in one micro-batch; micro-batches are filled up to a budget of
  tokens, and what is left over of their fixed number is skipped.

What a model or a setting does not allow is done as TRL does it, with one warning that names the reason.
Several processes take part in every forward: they agree on the number of micro-batches and on the rows of each.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import torch
from accelerate.utils import gather_object, send_to_device
from torch.utils.data import Sampler
from trl import GRPOTrainer
from trl.extras.profiling import profiling_context
from trl.models import unwrap_model_for_generation

from treadle import rollout, tree
from treadle.guarded_rollouts import GuardedRollouts
from treadle.micro_batches import (
    GLOBAL_LOSSES,
    Batch,
    add_empty_rows,
    even_parts,
    rows_of,
    select_rows,
    split_updates,
    trim,
)
from treadle.prompt_order import TrajectorySampler, trajectories_of
from treadle.resumable import Resumable
from treadle.rollout import vllm_cache
from treadle.validation import ValidatingByReward

Tensor = torch.Tensor


class PrefixTreeTrainer(GuardedRollouts, Resumable, ValidatingByReward, GRPOTrainer):
    """`GRPOTrainer` on prefix trees, resumable to the byte; its args are an `SRLConfig`.

    Attributes:
        tree_is_used, rollout_is_shared: Whether log-probs and generation go through shared prefixes.
    """

    draws_apart = True

    def __init__(self, model: Any, reward_funcs: Any, args: Any, *more: Any, **kwargs: Any) -> None:
        super().__init__(model, reward_funcs, args, *more, **kwargs)
        self._trajectory_N = trajectories_of(self.train_dataset) if args.group_by_trajectory else None
        self._warned: set[str] = set()
        reason = self._why_no_tree() if args.prefix_tree else None
        self.tree_is_used = args.prefix_tree and reason is None
        if reason is not None:
            self._warn_once(f"log-probs are computed row by row: {reason}. prefix_tree=False silences this.")
        asked = args.shared_rollout and not (self.use_vllm or self.use_transformers_continuous_batching)
        reason = self._why_no_shared_rollout() if asked else None
        self.rollout_is_shared = asked and reason is None
        if reason is not None:
            self._warn_once(f"every row's prompt is computed for itself: {reason}. shared_rollout=False silences this.")
        if self.tree_is_used:
            for network in filter(None, (self.model, self.ref_model)):
                tree.use_tree_attention(network)

    def _why_no_tree(self) -> str | None:
        if self.args.cast_lm_head_to_fp32:
            return "cast_lm_head_to_fp32 changes the head, which the tree calls in pieces"
        if self.aux_loss_enabled:
            return "the router's auxiliary loss needs the outputs of whole rows (router_aux_loss_coef=0 leaves it out)"
        if self.args.use_liger_kernel:
            return "use_liger_kernel replaces the model's forward"
        return tree.why_not(self.model)

    def _warn_once(self, text: str) -> None:
        if text not in self._warned and self.accelerator.is_main_process:
            warnings.warn(text, stacklevel=3)
        self._warned.add(text)

    # Order of the prompts

    def _get_train_sampler(self, dataset: Any = None) -> Sampler:
        rows = self.train_dataset if dataset is None else dataset
        if not self.shuffle_dataset:
            return super()._get_train_sampler(dataset)
        return TrajectorySampler(
            rows,
            self._trajectory_N if rows is self.train_dataset else None,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.num_iterations * self.args.steps_per_generation,
            seed=self.args.seed,
        )

    # Generation

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

    # Log-probs

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if batch_size is not None and not self.model.training:
            # A batch of validation is as large as one of generation, and log-probs take more memory.
            batch_size = min(batch_size, self.args.per_device_train_batch_size)
        if not self.tree_is_used:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, compute_aux_loss, **more
            )
        parts = [range(len(input_ids))]
        if batch_size is not None and len(input_ids):
            budget = self._tree_budget(input_ids.shape[1], batch_size)
            parts = tree.cut_by_tokens(input_ids, attention_mask, logits_to_keep, budget, len(input_ids)).parts
            parts += [range(0)] * (max(self._of_all([len(parts)])) - len(parts))
        logps, entropies, forwarded = [], [], 0
        for part in parts:
            ids_BL, mask_BL = input_ids[part.start : part.stop], attention_mask[part.start : part.stop]
            packed = tree.build_tree(ids_BL, mask_BL, logits_to_keep)
            forwarded += packed.size
            with self.accelerator.autocast():
                logps_BC, entropies_BC = tree.tree_scores(
                    model, ids_BL, mask_BL, logits_to_keep, self.temperature, compute_entropy, packed
                )
            logps.append(logps_BC)
            entropies.append(entropies_BC)
        if torch.is_grad_enabled():
            self._metrics["train"]["prefix_tree/tokens"].append(forwarded)
            self._metrics["train"]["prefix_tree/saved"].append(int(attention_mask.sum()) / forwarded)
        return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None

    # Micro-batches

    def _cut(self, batch: Batch) -> list[Batch | None]:
        """The micro-batches of one generation, in order; `None` for a backward that has nothing to do.

        Each run of micro-batches between the borders of optimizer steps and of generations gets as many rows as in
        TRL; within it, losses that are normalised globally allow micro-batches by tokens.
        """
        together = math.gcd(self.args.steps_per_generation, self.args.gradient_accumulation_steps)
        count = self.args.steps_per_generation // together
        shuffle = not self.tree_is_used
        parts: list[Batch | None] = []
        for update in split_updates(batch, self.num_generations, count, shuffle):
            if self.tree_is_used and self.loss_type in GLOBAL_LOSSES:
                parts += self._by_tokens(update, together)
            else:
                parts += self._as_many_rows(even_parts(update, together, by_length=shuffle))
        return parts

    def _by_tokens(self, update: Batch, count: int) -> list[Batch | None]:
        # Wholly masked rows add nothing; a micro-batch of them alone would count as one with entropy 0.
        update = select_rows(update, update["completion_mask"].any(1))
        ids_BL = torch.cat([update["prompt_ids"], update["completion_ids"]], dim=1)
        mask_BL = torch.cat([update["prompt_mask"], update["completion_mask"]], dim=1)
        budget = self._tree_budget(ids_BL.shape[1], self.args.per_device_train_batch_size)
        cut = tree.cut_by_tokens(ids_BL, mask_BL, update["completion_ids"].shape[1], budget, count)
        if cut.tokens > budget:
            self._warn_once(
                f"a micro-batch forwards {cut.tokens:,} tokens, more than the budget of {budget:,}: there are {count} "
                "micro-batches and single rows cannot be cut. Set a smaller per_device_train_batch_size for more "
                "micro-batches, or a larger max_tree_tokens."
            )
        # All processes skip the same backwards, the first ones: gradients are exchanged after the last. DeepSpeed
        # counts backwards itself, so there nothing is skipped.
        needed = count if self.is_deepspeed_enabled else max(self._of_all([len(cut.parts)]))
        parts = [select_rows(update, torch.arange(part.start, part.stop)) for part in cut.parts]
        parts = [trim(part) for part in [*parts, *[select_rows(update, torch.arange(0))] * (needed - len(parts))]]
        return [*[None] * (count - needed), *self._as_many_rows(parts)]

    def _as_many_rows(self, parts: list[Batch]) -> list[Batch]:
        """The micro-batches with as many rows as those of the other processes, which TRL's metrics count on."""
        rows_N = map(max, zip(*self._of_all([[rows_of(part) for part in parts]]), strict=True))
        return [add_empty_rows(part, rows - rows_of(part)) for part, rows in zip(parts, rows_N, strict=True)]

    def _tree_budget(self, columns: int, rows: int) -> int:
        """By default what TRL would forward in one micro-batch, so that the tree never holds more."""
        return self.args.max_tree_tokens or columns * rows

    def _of_all(self, items: list[Any]) -> list[Any]:
        """The items of all processes, in their order."""
        return gather_object(items) if self.accelerator.num_processes > 1 else items

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if not self.model.training or not (self.tree_is_used or self.args.dynamic_sampling):
            return super()._prepare_inputs(generation_batch)
        if self._step % self._generate_every == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self._cut(self._generate_and_score_completions(generation_batch))
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    # A checkpoint may lie between the optimizer steps of one generation.

    def shared_state(self) -> dict[str, Any]:
        unused = -self._step % self._generate_every
        return {**super().shared_state(), "unused": unused, "generate_every": self._generate_every}

    def set_shared_state(self, state: dict[str, Any]) -> None:
        super().set_shared_state(state)
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        self._unused = state["unused"], state["generate_every"]

    def process_state(self) -> dict[str, Any]:
        held = None
        if self._step % self._generate_every:
            done = self._step % self.args.steps_per_generation if self.num_iterations == 1 else 0
            held = [None if number < done else batch for number, batch in enumerate(self._buffered_inputs)]
        return {**super().process_state(), "step": self._step, "buffered": held}

    def set_process_state(self, state: dict[str, Any] | None) -> None:
        super().set_process_state(state)
        if state is not None:
            self._step = state["step"]
            self._buffered_inputs = send_to_device(state["buffered"], self.accelerator.device)
        elif self._unused[0] and self.accelerator.is_main_process:
            print(
                f"treadle: the checkpoint was saved by another number of processes: the rest of its last generation "
                f"({self._unused[0]} of {self._unused[1]} micro-batches) is dropped and sampled anew",
                file=sys.stderr,
            )

    @property
    def _generate_every(self) -> int:
        """Micro-batches that one generation serves."""
        return self.args.steps_per_generation * self.num_iterations

    def compute_loss(self, model: torch.nn.Module, inputs: Batch | None, *args: Any, **kwargs: Any) -> Tensor:
        if inputs is None:
            return torch.zeros((), device=self.accelerator.device, requires_grad=True)
        return super().compute_loss(model, inputs, *args, **kwargs)
