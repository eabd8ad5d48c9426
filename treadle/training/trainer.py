"""`SRLTrainer`: TRL's `GRPOTrainer` with dynamic sampling, prefix trees and a record of every rollout.

Losses, distribution and trackers are TRL's. Each of TRL's seams is overridden here once, in the order in which a step
runs, and hands the work to a part that knows nothing of the trainer:

| part | its idea | modules |
|---|---|---|
| prompts | which prompts, in which order, and which rest | `prompts`, `prompt_order`, `prompt_rest` |
| prefixes | how much of the expert's solution a prompt begins with | `prefixes` |
| sampling | groups: rewarded, kept, refilled, left over | `dynamic_sampling`, `sampling`, `groups` |
| rollouts | completions: shared prefixes, vLLM, or TRL's own | `rollouts` |
| rewards | reward functions, guarded | `guards.rewards` |
| batches | groups to TRL's batch, and that to micro-batches | `batches`, `cutting`, `micro_batches` |
| logps | log-probs through the tree, or TRL's | `logps` |
| guards | memory, rewards, steps, stale rollouts | `guards` |
| record | `rollouts.jsonl`, time of phases | `rollout_log`, `phases` |

`treadle.training.parts` puts them together; logs, validation, checkpoints are `between_steps`. With `dynamic_sampling`,
`prefix_tree`, `shared_rollout`, `group_by_trajectory` and `log_rollouts` all false it is a plain `GRPOTrainer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from trl import GRPOTrainer
from trl.extras.profiling import profiling_context
from trl.models.utils import disable_gradient_checkpointing

from treadle.chat.chat import Chat
from treadle.training.batches import Deal
from treadle.training.between_steps import BetweenSteps
from treadle.training.guards.async_rewards import guarded
from treadle.training.micro_batches import Batch
from treadle.training.parts import Methods, Parts
from treadle.training.prefixes.policy import PrefixPolicy
from treadle.training.prompts import Row
from treadle.training.rewards import default_reward, earns_at_most_one
from treadle.training.rollouts import Generated, PromptIds, whole_network
from treadle.training.sampling import Drop, check_floor
from treadle.training.srl_config import SRLConfig


class SRLTrainer(BetweenSteps, GRPOTrainer):
    """`GRPOTrainer` with dynamic sampling, on prefix trees, resumable to the byte.

    Args are those of `GRPOTrainer`, and `chat`, how the model is spoken to, and `prefix_policy`, which begins prompts
    with what the data set's column `prefix_texts` has of the expert's solution. Without `reward_funcs` the step-wise
    similarity reward is used, which reads the data set's column `expert_action`.

    Attributes:
        parts: What it is made of.
        tree_is_used, rollout_is_shared: Whether log-probs, and generation without vLLM, go through shared prefixes.
    """

    _tag_names = ["trl", "grpo", "srl"]  # noqa: RUF012, as in TRL

    def __init__(
        self,
        model: Any,
        reward_funcs: Callable | Sequence[Callable] | None = None,
        args: SRLConfig | None = None,
        *more: Any,
        chat: Chat | None = None,
        prefix_policy: PrefixPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        args = SRLConfig("srl") if args is None else args
        reward_funcs = default_reward(args) if reward_funcs is None else reward_funcs
        functions = reward_funcs if isinstance(reward_funcs, (list, tuple)) else [reward_funcs]
        if all(map(earns_at_most_one, functions)):
            check_floor(args.sampling_floor, args.reward_weights or [1.0] * len(functions))
        super().__init__(model, [guarded(f, args.reward_seconds) for f in functions], args, *more, **kwargs)
        methods = Methods(
            self._whole_network,
            self._generate,
            self._calculate_rewards,
            self._policy_logps,
            self._write_rollouts,
            self._metrics["train"],
            self._pending_extra_logs,
            lambda: self.state.global_step / max(self.state.max_steps, 1),
        )
        self.parts = parts = Parts(self, methods, self._tokenizer, chat, prefix_policy)
        self.stateful, self.tree_is_used = parts.with_state, parts.tree_is_used
        self.rollout_is_shared = parts.shared_rollout is not None
        self._deal: Deal | None = None  # whose groups TRL makes a batch of right now

    # The prompts of an epoch

    def _get_train_sampler(self, dataset: Any = None) -> Sampler:
        if not self.shuffle_dataset:
            return super()._get_train_sampler(dataset)
        return self.parts.prompts.sampler(
            self.train_dataset if dataset is None else dataset,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self._generate_every,
        )

    # One micro-batch of a step; before the first of a generation, that generation

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        step = partial(super().training_step, model, inputs, num_items_in_batch)

        def loss_of(batch: Batch) -> Tensor:
            with self.compute_loss_context_manager():
                return self.compute_loss(model, batch, num_items_in_batch=num_items_in_batch)

        with self.parts.clock("update"):
            return self.parts.halving.around_step(step, loss_of, model.zero_grad, self.state.global_step + 1)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if self.parts.halving.repeated is not None:
            return self.parts.halving.repeated
        if not self.model.training or not (self.tree_is_used or self.args.dynamic_sampling):
            return super()._prepare_inputs(generation_batch)
        if self._step % self._generate_every == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self.parts.cutter.cut(self._generate_and_score_completions(generation_batch))
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _generate_and_score_completions(self, inputs: list[Row]) -> Batch | None:
        parts = self.parts
        if not self.model.training or not self.args.dynamic_sampling:
            batch = super()._generate_and_score_completions(inputs)
            if self.model.training:
                self._write_rollouts()
                parts.judge_generation(self.state.global_step)
            return batch
        proposed = parts.processes.all(inputs[:: self.num_generations])
        groups, found = parts.sampling.collect(proposed, self.state.global_step)
        parts.judge_generation(self.state.global_step)
        if not groups and parts.cutter.settings.may_skip:
            parts.log_without_batch(found, self.reward_func_names, self._pending_metrics)
            return None
        fillers = [group for _, group in found.dropped]
        self._deal = deal = Deal(groups, found.wanted, fillers, self.args.steps_per_generation, parts.processes)
        self._pending_extra_logs.update(deal.extras())
        try:
            batch = super()._generate_and_score_completions(deal.inputs)
        finally:
            self._deal = None
        logps = parts.groups.logps_BC if parts.keeps_old_logps else None
        batch = deal.finish(batch, logps, parts.prefix_loss.tokens)
        parts.sampling.log_rewards(found, self.reward_func_names)
        return batch

    # Prompts and completions

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple:
        return self.parts.rendered(prompts) or super()._tokenize_prompts(prompts)

    def _generate(self, prompts: list[Any]) -> tuple:
        with self._clocked("rollout"):
            return self._deal.rollout() if self._deal else self.parts.decoder.restored(super()._generate(prompts))

    def _generate_single_turn(
        self, prompt_ids: PromptIds, images: Any, multimodal_fields: Any, *more: Any, **kwargs: Any
    ) -> Generated:
        parts, by_trl = self.parts, super()._generate_single_turn

        def generate(ids: PromptIds) -> Generated:
            if not self.rollout_is_shared or images is not None:
                return by_trl(ids, images, multimodal_fields, *more, **kwargs)
            with profiling_context(self, "treadle.generate_completions"):
                return parts.shared_rollout(ids)

        if self.use_vllm:
            return parts.prefix_cache.around(partial(generate, prompt_ids), self._metrics[self._mode])
        return parts.rollout_memory.around_generation(generate, prompt_ids, divisible=images is None)

    def _whole_network(self) -> AbstractContextManager[torch.nn.Module]:
        summoned = self._dist.summon_full_params(self.model_wrapped, recurse=False)
        return whole_network(self.model_wrapped, self.accelerator, self.args, self.generation_kwargs, summoned)

    # Rewards

    def _calculate_rewards(self, inputs: list, prompts: list, completions: list, completion_ids_list: list) -> Tensor:
        with self._clocked("reward"):
            if self._deal is not None:
                return self._deal.rewards_BF()
            rewards, mode = self.parts.rewards, self._mode
            inputs = rewards.told(inputs, completion_ids_list)
            rewards_BF = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            told = (self._metrics[mode], self.reward_func_names, self._pending_extra_logs)
            rewards.rewarded(rewards_BF, inputs, completions, mode, self.state.global_step, *told)
            return rewards_BF

    def _write_rollouts(self, reasons: Sequence[Drop | None] | None = None) -> None:
        if self.parts.rollout_log:
            self.parts.rollout_log.write(self.state.global_step, reasons)

    # Log-probs, loss and gradients

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        *more: Any,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if batch_size is not None and not self.model.training:
            # A batch of validation is as large as one of generation, and log-probs take more memory.
            batch_size = min(batch_size, self.args.per_device_train_batch_size)
        by_trl = super()._get_per_token_logps_and_entropies

        def logps(*asked: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
            asked = (model, *asked, batch_size, compute_entropy)
            return (*self.parts.tree_logps(*asked), None) if self.tree_is_used else by_trl(*asked, *more, **kwargs)

        with nullcontext() if torch.is_grad_enabled() else self._clocked("logps"):
            found = self.parts.prefix_loss.around_logps(logps, input_ids, attention_mask, logits_to_keep)
        self.parts.stale.see(found[0])
        return found

    def _policy_logps(self, ids_BL: Tensor, mask_BL: Tensor, kept: int) -> tuple:
        rows = self.args.per_device_train_batch_size
        with torch.no_grad(), disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            return self._get_per_token_logps_and_entropies(self.model, ids_BL, mask_BL, kept, rows)

    def compute_loss(self, model: torch.nn.Module, inputs: Batch | None, *args: Any, **kwargs: Any) -> Tensor:
        if inputs is None:  # a backward that has nothing to do
            return torch.zeros((), device=self.accelerator.device, requires_grad=True)
        compute = super().compute_loss
        if not torch.is_grad_enabled() or not self.model.training:
            return compute(model, inputs, *args, **kwargs)
        is_first_update = self._step % self._generate_every < self.args.gradient_accumulation_steps
        share = self.current_gradient_accumulation_steps / self.args.steps_per_generation

        def loss_of(part: Batch) -> Tensor:
            with self.parts.stale.around_loss(part, is_first_update):
                return self.parts.prefix_loss.around_loss(partial(compute, model, part, *args, **kwargs), part, share)

        return self.parts.halving.around_loss(loss_of, inputs)

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self.parts.step_guard.before_clipping(model)
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        if grad_norm is None:
            self.parts.step_guard.before_clipping(model)
        norm = super()._get_grad_norm(model, grad_norm)
        self.parts.stale.gradients()
        self.parts.step_guard.gradients(model, norm, self._get_learning_rate, self.state.global_step + 1)
        return norm
