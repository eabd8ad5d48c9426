"""Rollouts against the trainer: log-probs that differ are stale weights or another model; and memory for rollouts.

Where the rollout engine tells the log-probs of its tokens (vLLM does), they are compared with those that the first
update after a generation computes anyway: no forward is added. Groups that waited for a later generation differ by the
updates since.

A rollout without vLLM that runs out of memory is repeated once with half as much at a time, and so are all further
ones; its random numbers start where they did. Under FSDP and DeepSpeed, where all processes take part in a generation,
the run stops with the setting's name instead.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from treadle.errors import TrainingFault
from treadle.rollout.plan import largest_batch
from treadle.training.guards.memory import free, is_out_of_memory, random_state, set_random_state
from treadle.training.guards.watch import LogpGap

Tensor = torch.Tensor


class WatchedRollouts:
    """Mixin before `PrefixTreeTrainer` in the order of bases; `args` is an `SRLConfig`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._gap = LogpGap()
        self._told: tuple[Tensor, Tensor] | None = None  # the engine's log-probs of a micro-batch, and which count
        self._rows_halved = self._kv_halved = False
        super().__init__(*args, **kwargs)

    # Log-probs

    def compute_loss(self, model: torch.nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        told = None if inputs is None else inputs.get("sampling_per_token_logps")
        since = self._step % (self.args.steps_per_generation * self.num_iterations)
        if told is not None and self.model.training and since < self.args.gradient_accumulation_steps:
            self._told = told, inputs["completion_mask"] * inputs.get("tool_mask", 1)
        try:
            return super().compute_loss(model, inputs, *args, **kwargs)
        finally:
            self._told = None

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> tuple:
        found = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if self._told is not None and torch.is_grad_enabled():
            told_BC, mask_BC = self._told
            self._gap.add(told_BC, found[0], mask_BC)
        return found

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        if self.use_vllm or self._gap.told:
            self._judge_gap()
        return norm

    def _judge_gap(self) -> None:
        sums = torch.tensor([self._gap.take()], dtype=torch.float64, device=self.accelerator.device)
        sums_R3 = self.accelerator.gather(sums)
        total, tokens, largest = sums_R3[:, 0].sum().item(), sums_R3[:, 1].sum().item(), sums_R3[:, 2].max().item()
        if not tokens:
            return
        mean = total / tokens
        metrics = self._metrics["train"]
        metrics["rollout/logp_difference"].append(mean)
        metrics["rollout/logp_difference/max"].append(largest)
        metrics["faults/stale_rollout"].append(float(mean > self.args.max_logp_difference))
        if mean <= self.args.max_logp_difference:
            return
        said = (
            f"the rollout's log-probs differ from the trainer's by {mean:.3g} on average (at most {largest:.3g}; "
            f"max_logp_difference={self.args.max_logp_difference:g}). Likely causes: the rollout engine was not given "
            "the current weights (a vLLM server that another run uses, or that did not answer), it has another "
            "tokenizer, model or dtype, or its temperature is not the trainer's."
        )
        if self.args.stop_on_logp_difference:
            raise TrainingFault(f"{said} The same command continues from the last checkpoint.")
        if self.accelerator.is_main_process:
            warnings.warn(f"{said} stop_on_logp_difference: true stops there.", stacklevel=3)

    # Memory

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> tuple[list, Any]:
        if self._rows_halved and len(prompt_ids) > 1:
            return self._generate_halves(prompt_ids, *args, **kwargs)
        state = random_state()
        try:
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)
        except RuntimeError as error:
            if self.use_vllm or not is_out_of_memory(error):
                raise
            said = str(error).strip().splitlines()[0]
        self._halve_rollouts(prompt_ids, said, images=args[0] if args else None)
        free()
        set_random_state(state)
        try:
            if self._rows_halved:
                return self._generate_halves(prompt_ids, *args, **kwargs)
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingFault(f"out of memory in a rollout, also with half of it at a time. {_REMEDY}") from error

    def _generate_halves(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> tuple[list, Any]:
        """TRL's own generation of two halves, whole groups where there are several."""
        group = self.num_generations
        half = len(prompt_ids) // 2 if len(prompt_ids) < 2 * group else len(prompt_ids) // group // 2 * group
        generate = super()._generate_single_turn
        parts = [generate(part, *args, **kwargs) for part in (prompt_ids[:half], prompt_ids[half:])]
        logps = None if parts[0][1] is None else [row for _, told in parts for row in told]
        return [row for completions, _ in parts for row in completions], logps

    def _halve_rollouts(self, prompt_ids: list[list[int]], said: str, images: Any) -> None:
        """Set what halves rollouts from now on, or stop the run where that cannot be done."""
        reason = None
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            reason = "under FSDP and DeepSpeed all processes take part in it, so it is not repeated"
        elif self._rows_halved or self._kv_halved:
            reason = "it is halved already"
        elif len(prompt_ids) < 2 or images is not None:
            reason = "it is a single row or has images, and cannot be halved"
        if reason is not None:
            raise TrainingFault(f"out of memory in a rollout ({said}); {reason}. {_REMEDY}")
        if self.rollout_is_shared:
            used = largest_batch(prompt_ids, self.max_completion_length, self.args.max_kv_tokens)
            self.args.max_kv_tokens = max(1, used // 2)
            self._kv_halved = True
            how = f"with max_kv_tokens={self.args.max_kv_tokens}"
        else:
            self._rows_halved = True
            how = "with half of the rows at a time"
        warnings.warn(
            f"out of memory in a rollout ({said}): it is repeated, and all further ones are made, {how}. {_REMEDY}",
            stacklevel=3,
        )


_REMEDY = (
    "Set a smaller `max_kv_tokens` (in a recipe under the stage's `trl`) or max_completion_length, or fewer "
    "prompts_per_step."
)
