"""Out of memory in the update: the optimizer step's micro-batches are taken again in halves, and so from then on.

Once: what does not fit in halves stops the run. Done in one process, for losses that are sums over rows, normalised
over the whole batch, so that halves have the gradient of the whole; other losses, several processes and a micro-batch
of one row stop the run with a message that names the setting. Random numbers of dropout are drawn anew.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from treadle.errors import TrainingFault
from treadle.training.guards.memory import free, halves, is_out_of_memory, rows_in
from treadle.training.micro_batches import GLOBAL_LOSSES

Inputs = dict[str, Any]


class HalvedSteps:
    """Mixin for transformers' trainers, before them in the order of bases.

    Attributes:
        step_inputs: The micro-batches of the optimizer step under way, as they are computed.
        step_losses: Their losses, detached.
        halved: Whether micro-batches are halved.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.step_inputs: list[Inputs] = []
        self.step_losses: list[torch.Tensor] = []
        self.halved = False
        self._repeated: Inputs | None = None
        self._computing = False
        self._logged: list[dict[str, tuple[int, int]]] = []  # of each micro-batch, the metrics' entries that it added
        super().__init__(*args, **kwargs)

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        self._computing = False
        try:
            loss = super().training_step(model, inputs, num_items_in_batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).strip().splitlines()[0]
        else:
            if self._computing:
                self.step_losses.append(loss)
            return loss
        # Not in the `except`: its traceback would keep the activations.
        loss = self._in_halves(model, inputs, num_items_in_batch, said)
        self.step_losses.append(loss)
        return loss

    def _in_halves(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any, said: str) -> torch.Tensor:
        reason = self._why_not_in_halves(num_items_in_batch)
        if reason is not None:
            raise TrainingFault(f"out of memory in the update ({said}); {reason}. {self._setting()}")
        warnings.warn(
            f"out of memory in the update of step {self.state.global_step + 1} ({said}): the step is repeated, and all "
            f"further ones are made, with micro-batches halved. {self._setting()}",
            stacklevel=3,
        )
        self.halved = True
        free()
        model.zero_grad()
        self._forget_logged()
        *before, last = self.step_inputs
        self.step_inputs = []
        try:
            for batch in before:
                with self.compute_loss_context_manager():
                    loss = self.compute_loss(model, batch, num_items_in_batch=num_items_in_batch)
                self.accelerator.backward(loss)
            self._repeated = last
            return super().training_step(model, inputs, num_items_in_batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingFault(f"out of memory in the update, with micro-batches halved. {self._setting()}") from error
        finally:
            self._repeated = None

    def _why_not_in_halves(self, num_items_in_batch: Any) -> str | None:
        if not self._computing:
            return "it was in what prepares the update (log-probs of the policy that sampled, or of the reference)"
        if self.halved:
            return "micro-batches are halved already"
        if self.accelerator.num_processes > 1 or self.args.n_gpu > 1 or self.is_deepspeed_enabled:
            return "with several processes or GPUs, or DeepSpeed, the step is not repeated"
        if rows_in(self.step_inputs[-1]) < 2:
            return "the micro-batch has one row and cannot be halved"
        if getattr(self, "aux_loss_enabled", False):
            return "the router's auxiliary loss is a mean over the micro-batch, which halves would change"
        if "completion_ids" not in self.step_inputs[-1]:
            return None if num_items_in_batch is not None else "the loss is a mean over the micro-batch"
        if self.loss_type not in GLOBAL_LOSSES or self._entropy_bonus_enabled or self.top_entropy_quantile < 1:
            return (
                f"loss_type={self.loss_type!r} with these settings of entropy is not a sum over rows, so halves would "
                f"change it ({', '.join(GLOBAL_LOSSES)} are)"
            )
        return None

    def _setting(self) -> str:
        if getattr(self, "tree_is_used", False):
            now = self.args.max_tree_tokens or "what micro_batch rows would have"
            return f"Set a smaller `max_tree_tokens` (in a recipe under the stage's `trl`; now {now}) or `micro_batch`."
        return (
            f"Set a smaller `micro_batch` in the recipe (per_device_train_batch_size, now "
            f"{self.args.per_device_train_batch_size}), or gradient_checkpointing: true."
        )

    # What is repeated, and what a repetition must not count twice

    def _prepare_inputs(self, inputs: Any) -> Any:
        return self._repeated if self._repeated is not None else super()._prepare_inputs(inputs)

    def compute_loss(self, model: torch.nn.Module, inputs: Inputs | None, *args: Any, **kwargs: Any) -> Any:
        if inputs is None or not torch.is_grad_enabled() or not self.model.training:
            return super().compute_loss(model, inputs, *args, **kwargs)
        self._computing = True
        self.step_inputs.append(inputs)
        metrics = self._metrics["train"]
        lengths = {name: len(values) for name, values in metrics.items()}
        tokens = getattr(self, "_total_train_tokens", 0)
        self._logged.append({})
        *parts, last = halves(inputs) if self.halved else [inputs]
        done = 0.0
        try:
            for part in parts:
                loss = super().compute_loss(model, part, *args, **kwargs)
                self.accelerator.backward(loss)
                done = done + loss.detach()
            # The halves before have had their backward: they count in the value alone.
            loss = super().compute_loss(model, last, *args, **kwargs)
        finally:
            added = {name: (lengths.get(name, 0), len(values)) for name, values in metrics.items()}
            self._logged[-1] = {name: span for name, span in added.items() if span[0] < span[1]}
            self._logged[-1]["_total_train_tokens"] = (tokens, 0)
        return loss + done if parts else loss

    def _forget_logged(self) -> None:
        """Take out the metrics of the micro-batches that are computed again."""
        for spans in reversed(self._logged):
            tokens, _ = spans.pop("_total_train_tokens")
            if hasattr(self, "_total_train_tokens"):
                self._total_train_tokens = tokens
            for name, (start, stop) in spans.items():
                del self._metrics["train"][name][start:stop]
        self._logged = []

    def _end_step(self) -> None:
        """Forget the step's micro-batches; called when its gradient has been looked at."""
        self.step_inputs, self.step_losses, self._logged = [], [], []
