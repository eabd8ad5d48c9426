"""Optimizer steps whose loss or gradient is not finite are not applied; a few in a row stop the run.

A skipped step leaves weights and optimizer as they are (no momentum, no decay), while the learning rate's schedule goes
on. All processes skip together. What is not covered: DeepSpeed, which applies a step within its backward, so that one
is noticed and counted but not prevented; and float16 with a gradient scaler, which skips by itself.

Steps are watched, too, for having no effect (`treadle.training.guards.watch.QuietSteps`), and halved where memory does
not suffice (`treadle.training.guards.halving`).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from treadle.errors import TrainingFault
from treadle.training.guards.halving import HalvedSteps, Inputs
from treadle.training.guards.watch import QuietSteps


class GuardedSteps(HalvedSteps):
    """Mixin for transformers' trainers, the first of the bases; `args` has `max_skipped_steps` and `quiet_steps`.

    Attributes:
        skipped_steps: Optimizer steps that were not applied since the stage began.
        skipped_in_row: Of these, those since the last one that was applied.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.skipped_steps = self.skipped_in_row = 0
        self._not_finite: list[str] = []
        self._rate_applied = 0.0
        super().__init__(*args, **kwargs)
        self._quiet = QuietSteps(self.args.quiet_steps)

    # State of a checkpoint, see `treadle.training.resume.resumable`

    def shared_state(self) -> dict[str, Any]:
        """The counts, and whether micro-batches are halved, besides what other classes keep."""
        own = {"skipped_steps": self.skipped_steps, "skipped_in_row": self.skipped_in_row, "halved": self.halved}
        return super().shared_state() | {"guarded_steps": own}

    def set_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        super().set_shared_state(state)
        for name, value in state.get("guarded_steps", {}).items():
            setattr(self, name, value)

    # Gradients

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self._note_gradients(model)
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        if grad_norm is None:
            self._note_gradients(model)
        norm = super()._get_grad_norm(model, grad_norm)
        number = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
        bad_losses = self._bad_losses()
        weights = [p for p in model.parameters() if p.requires_grad] if not self.is_deepspeed_enabled else []
        same = bool(weights) and self._quiet.see_weights(weights, self._rate_applied)
        bad_losses, differing = self._summed(bad_losses, not same)
        scaled = self.accelerator.scaler is not None
        if not scaled and (bad_losses or not torch.isfinite(torch.tensor(number))):
            self._skip(model, number, bad_losses)
        else:
            self._applied(number, unchanged=not differing)
        self._end_step()
        return norm

    def _bad_losses(self) -> int:
        if not self.step_losses:
            return 0
        return int((~torch.stack([loss.float() for loss in self.step_losses]).isfinite()).sum())

    def _summed(self, *counts: int) -> list[int]:
        """Over all processes; the one exchange that this class makes in a step."""
        if self.accelerator.num_processes == 1:
            return list(counts)
        told = torch.tensor([counts], device=self.accelerator.device)
        return self.accelerator.gather(told).sum(0).tolist()

    def _note_gradients(self, model: torch.nn.Module) -> None:
        """Before clipping spreads them: which gradients are not finite, looked at when the next skip is the last."""
        if self.skipped_in_row + 1 < self.args.max_skipped_steps:
            return
        self._not_finite = []
        for name, parameter in model.named_parameters():
            gradient = parameter.grad
            if gradient is None:
                continue
            held = gradient.to_local() if isinstance(gradient, DTensor) else gradient
            if not held.isfinite().all():
                self._not_finite.append(name)

    def _applied(self, norm: float, unchanged: bool) -> None:
        self.skipped_in_row = 0
        said = self._quiet.see_gradient(norm)
        if self._quiet.without_gradient:
            self._metrics["train"]["faults/quiet_steps"].append(float(self._quiet.without_gradient))
        elif unchanged:
            said = self._quiet.why_unchanged(self._rate_applied)
            self._metrics["train"]["faults/quiet_steps"].append(float(self._quiet.limit))
        if said and self.accelerator.is_main_process:
            warnings.warn(said, stacklevel=3)
        # Weights that this step leaves alone for want of a gradient are no wonder.
        self._rate_applied = self._get_learning_rate() if norm else 0.0

    def _skip(self, model: torch.nn.Module, norm: float, bad_losses: int) -> None:
        """Leave the optimizer nothing to apply."""
        for parameter in model.parameters():
            parameter.grad = None
        self._rate_applied = 0.0
        self.skipped_steps += 1
        self.skipped_in_row += 1
        self._metrics["train"]["faults/skipped_steps"].append(float(self.skipped_steps))
        self._metrics["train"]["faults/losses_not_finite"].append(float(bad_losses))
        step = self.state.global_step + 1
        said = f"step {step} is not applied: gradient norm {norm:g}, {bad_losses} losses not finite"
        if self.skipped_in_row < self.args.max_skipped_steps:
            if self.accelerator.is_main_process:
                warnings.warn(f"{said} (number {self.skipped_in_row} in a row)", stacklevel=3)
            return
        raise TrainingFault(
            f"{said}, nor were those before: {self.skipped_in_row} in a row (max_skipped_steps="
            f"{self.args.max_skipped_steps}). {self._saved(step, norm)} Likely causes: weights that are not finite "
            "since an earlier step (see grad_norm in metrics.jsonl and the parameters named in the file), a learning "
            "rate that is too high, an overflow in the dtype of the computation (dtype: float32), or a row with "
            "extreme values. The same command continues from the last checkpoint."
        )

    def _saved(self, step: int, norm: float) -> str:
        """Save the step for inspection; returns a sentence that says where."""
        several = self.accelerator.num_processes > 1
        name = f"fault-step-{step}-rank-{self.accelerator.process_index}.pt" if several else f"fault-step-{step}.pt"
        path = Path(self.args.output_dir) / name
        content = {
            "step": step,
            "grad_norm": norm,
            "losses": [loss.item() for loss in self.step_losses],
            "parameters_not_finite": self._not_finite,
            "micro_batches": [_on_cpu(inputs) for inputs in self.step_inputs],
            "texts": [self._texts(inputs) for inputs in self.step_inputs],
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                torch.save(content, file)
        except (OSError, RuntimeError) as error:  # torch reports a full disk by a RuntimeError
            return f"Its micro-batches could not be saved ({error})."
        return f"Its micro-batches are in {path}, to be read by torch.load({str(path)!r})."

    def _texts(self, inputs: Inputs) -> list[str]:
        """The rows of a micro-batch, decoded without padding."""
        tokenizer = getattr(self.processing_class, "tokenizer", self.processing_class)
        if "completion_ids" in inputs:
            ids_BT = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
            mask_BT = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        else:
            ids_BT = inputs["input_ids"]
            mask_BT = inputs.get("attention_mask", torch.ones_like(ids_BT))
        return [tokenizer.decode(ids[mask.bool()]) for ids, mask in zip(ids_BT, mask_BT, strict=True)]


def _on_cpu(inputs: Inputs) -> Inputs:
    return {name: value.detach().cpu() if torch.is_tensor(value) else value for name, value in inputs.items()}
