"""Supervised fine-tuning with the guards, validation and checkpoints of `SRLTrainer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig, SFTTrainer

from treadle.training.guards.halving import Halving, Inputs, micro_batch_remedy, why_never
from treadle.training.guards.steps import StepGuard, StepLimits
from treadle.training.processes import Processes
from treadle.training.resume.resumable import Resumable
from treadle.training.sft_tree import use_tree_for_labels, why_not
from treadle.training.srl_config import check_fault_settings, choose_precision
from treadle.training.validation import validation_stream


@dataclass
class GuardedSFTConfig(SFTConfig):
    """`SFTConfig` with limits of faults and the prefix tree.

    Args:
        prefix_tree: Compute prefixes that rows of a micro-batch share once, and the head at labels alone.
        max_skipped_steps, quiet_steps: See `SRLConfig`.
    """

    prefix_tree: bool = field(default=True, metadata={"help": "Share prefixes of a micro-batch's rows."})
    max_skipped_steps: int = field(default=3, metadata={"help": "Skipped steps in a row before stopping."})
    quiet_steps: int = field(default=5, metadata={"help": "Steps without gradient or change before a warning."})

    def __post_init__(self) -> None:
        check_fault_settings(self)
        choose_precision(self)
        super().__post_init__()


class GuardedSFTTrainer(Resumable, SFTTrainer):
    """TRL's `SFTTrainer`, guarded, resumable to the byte, whose validation leaves training's random stream alone."""

    def __init__(self, model: Any, args: GuardedSFTConfig, **kwargs: Any) -> None:
        super().__init__(model, args, **kwargs)
        if why_not(self.model, args, getattr(self, "aux_loss_enabled", False)) is None:
            use_tree_for_labels(self.model)
        self.processes = processes = Processes(self.accelerator)
        metrics = self._metrics["train"]
        self.halving = Halving(
            metrics,
            self.accelerator.backward,
            why_never(args, processes.count, self.is_deepspeed_enabled, getattr(self, "aux_loss_enabled", False)),
            micro_batch_remedy(args.per_device_train_batch_size),
        )
        self.step_guard = StepGuard(
            StepLimits.of(args, self.accelerator, self.is_deepspeed_enabled),
            self.halving.trace,
            processes,
            metrics,
            Path(args.output_dir),
            getattr(self.processing_class, "tokenizer", self.processing_class).decode,
        )
        self.stateful = {"halving": self.halving, "steps": self.step_guard}
        self._tokens_before_step = 0

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        step = partial(super().training_step, model, inputs, num_items_in_batch)

        def loss_of(batch: Inputs) -> torch.Tensor:
            with self.compute_loss_context_manager():
                return self.compute_loss(model, batch, num_items_in_batch=num_items_in_batch)

        def begin_again() -> None:
            model.zero_grad()
            self._total_train_tokens = self._tokens_before_step

        is_mean = num_items_in_batch is None
        return self.halving.around_step(step, loss_of, begin_again, self.state.global_step + 1, is_mean)

    def _prepare_inputs(self, inputs: Any) -> Any:
        return super()._prepare_inputs(inputs) if self.halving.repeated is None else self.halving.repeated

    def compute_loss(self, model: torch.nn.Module, inputs: Inputs, *args: Any, **kwargs: Any) -> Any:
        compute = super().compute_loss
        if not torch.is_grad_enabled() or not self.model.training:
            return compute(model, inputs, *args, **kwargs)
        if not self.halving.trace.inputs:
            self._tokens_before_step = self._total_train_tokens
        return self.halving.around_loss(lambda part: compute(model, part, *args, **kwargs), inputs)

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self.step_guard.before_clipping(model)
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        if grad_norm is None:
            self.step_guard.before_clipping(model)
        norm = super()._get_grad_norm(model, grad_norm)
        self.step_guard.gradients(model, norm, self._get_learning_rate, self.state.global_step + 1)
        return norm

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with validation_stream(self.args.seed, self.processes.index):
            return super().evaluate(*args, **kwargs)

    def shared_state(self) -> dict[str, Any]:
        """What all processes hold alike, and the tokens trained on so far."""
        return {**super().shared_state(), "tokens": self._total_train_tokens}

    def load_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from what `shared_state` returned."""
        super().load_shared_state(state)
        self._total_train_tokens = state["tokens"]
