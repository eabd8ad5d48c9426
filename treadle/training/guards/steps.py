"""Optimizer steps whose loss or gradient is not finite are not applied; a few in a row stop the run.

A skipped step leaves weights and optimizer as they are (no momentum, no decay), while the learning rate's schedule goes
on. All processes skip together. What is not covered: DeepSpeed, which applies a step within its backward, so that one
is noticed and counted but not prevented; and float16 with a gradient scaler, which skips by itself.

Steps are watched, too, for having no effect (`treadle.training.guards.quiet`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed.tensor import DTensor

from treadle.errors import OutputError, TrainingFault
from treadle.files.links import open_own
from treadle.training.guards.halving import Inputs, StepTrace
from treadle.training.guards.quiet import QuietSteps
from treadle.training.processes import Processes


@dataclass(frozen=True)
class StepLimits:
    """When steps are skipped, and when that stops a run.

    Args:
        max_skipped_steps, quiet_steps: See `SRLConfig`.
        scaled: A gradient scaler skips steps by itself.
        shows_weights: Whether weights can be compared between steps, which DeepSpeed does not allow.
    """

    max_skipped_steps: int
    quiet_steps: int
    scaled: bool
    shows_weights: bool

    @classmethod
    def of(cls, args: Any, accelerator: Accelerator, deepspeed: bool) -> StepLimits:
        """Those of a trainer's configuration."""
        return cls(args.max_skipped_steps, args.quiet_steps, accelerator.scaler is not None, not deepspeed)


class StepGuard:
    """Guards the gradients of optimizer steps; its state are the counts.

    Args:
        limits: See there.
        trace: The step under way.
        processes: All processes.
        metrics: TRL's lists of values since the last log.
        folder: Where a step that stops the run is saved.
        decode: Token ids to text.

    Attributes:
        skipped: Optimizer steps that were not applied since the stage began.
        in_row: Of these, those since the last one that was applied.
    """

    def __init__(
        self,
        limits: StepLimits,
        trace: StepTrace,
        processes: Processes,
        metrics: dict[str, list[float]],
        folder: Path,
        decode: Callable[[torch.Tensor], str],
    ) -> None:
        self.skipped = self.in_row = 0
        self._limits = limits
        self._trace = trace
        self._processes = processes
        self._metrics = metrics
        self._folder = folder
        self._decode = decode
        self._quiet = QuietSteps(limits.quiet_steps)
        self._not_finite: list[str] = []
        self._rate_applied = 0.0

    def before_clipping(self, model: torch.nn.Module) -> None:
        """Before clipping spreads them: which gradients are not finite, looked at when the next skip is the last."""
        if self.in_row + 1 < self._limits.max_skipped_steps:
            return
        self._not_finite = []
        for name, parameter in model.named_parameters():
            gradient = parameter.grad
            if gradient is None:
                continue
            held = gradient.to_local() if isinstance(gradient, DTensor) else gradient
            if not held.isfinite().all():
                self._not_finite.append(name)

    def gradients(
        self, model: torch.nn.Module, norm: torch.Tensor | float, rate: Callable[[], float], step: int
    ) -> None:
        """Judge the optimizer step whose gradients are there, and leave nothing of them where it is not to be applied.

        Args:
            model: Holds the gradients.
            norm: Of all of them.
            rate: The learning rate of this step.
            step: Its number, from 1.

        Raises:
            TrainingFault: Too many steps in a row are not applied.
        """
        norm = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
        losses = self._trace.losses
        bad_losses = int((~torch.stack([loss.float() for loss in losses]).isfinite()).sum()) if losses else 0
        weights = [p for p in model.parameters() if p.requires_grad] if self._limits.shows_weights else []
        same = bool(weights) and self._quiet.see_weights(weights, self._rate_applied)
        bad_losses, differing = self._processes.sums(bad_losses, not same)
        if not self._limits.scaled and (bad_losses or not math.isfinite(norm)):
            self._skip(model, norm, bad_losses, step)
        else:
            self._applied(norm, rate, unchanged=not differing, empty=not losses)
        self._trace.end()

    def _applied(self, norm: float, rate: Callable[[], float], unchanged: bool, empty: bool) -> None:
        if not empty:  # a step that had nothing to do says nothing about those before
            self.in_row = 0
        said = self._quiet.see_gradient(norm)
        if self._quiet.without_gradient:
            self._metrics["faults/quiet_steps"].append(float(self._quiet.without_gradient))
        elif unchanged:
            said = self._quiet.why_unchanged(self._rate_applied)
            self._metrics["faults/quiet_steps"].append(float(self._quiet.limit))
        if said and self._processes.is_main:
            warnings.warn(said, stacklevel=4)
        # Weights that this step leaves alone for want of a gradient are no wonder.
        self._rate_applied = rate() if norm else 0.0

    def _skip(self, model: torch.nn.Module, norm: float, bad_losses: int, step: int) -> None:
        """Leave the optimizer nothing to apply."""
        for parameter in model.parameters():
            parameter.grad = None
        self._rate_applied = 0.0
        self.skipped += 1
        self.in_row += 1
        self._metrics["faults/skipped_steps"].append(float(self.skipped))
        self._metrics["faults/losses_not_finite"].append(float(bad_losses))
        said = f"step {step} is not applied: gradient norm {norm:g}, {bad_losses} losses not finite"
        if self.in_row < self._limits.max_skipped_steps:
            if self._processes.is_main:
                warnings.warn(f"{said} (number {self.in_row} in a row)", stacklevel=4)
            return
        raise TrainingFault(
            f"{said}, nor were those before: {self.in_row} in a row (max_skipped_steps="
            f"{self._limits.max_skipped_steps}). {self._saved(step, norm)} Likely causes: weights that are not finite "
            "since an earlier step (see grad_norm in metrics.jsonl and the parameters named in the file), a learning "
            "rate that is too high, an overflow in the dtype of the computation (dtype: float32), or a row with "
            "extreme values. The same command continues from the last checkpoint."
        )

    def _saved(self, step: int, norm: float) -> str:
        """Save the step for inspection; returns a sentence that says where."""
        rank = f"-rank-{self._processes.index}" if self._processes.count > 1 else ""
        path = self._folder / f"fault-step-{step}{rank}.pt"
        content = {
            "step": step,
            "grad_norm": norm,
            "losses": [loss.item() for loss in self._trace.losses],
            "parameters_not_finite": self._not_finite,
            "micro_batches": [_on_cpu(inputs) for inputs in self._trace.inputs],
            "texts": [self._texts(inputs) for inputs in self._trace.inputs],
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_own(path, "wb") as file:
                torch.save(content, file)
        except (OSError, RuntimeError, OutputError) as error:  # torch reports a full disk by a RuntimeError
            return f"Its micro-batches could not be saved ({error})."
        return f"Its micro-batches are in {path}, to be read by torch.load({str(path)!r})."

    def _texts(self, inputs: Inputs) -> list[str]:
        """The rows of a micro-batch, decoded without padding."""
        if "completion_ids" in inputs:
            ids_BT = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
            mask_BT = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        else:
            ids_BT = inputs["input_ids"]
            mask_BT = inputs.get("attention_mask", torch.ones_like(ids_BT))
        return [self._decode(ids[mask.bool()]) for ids, mask in zip(ids_BT, mask_BT, strict=True)]

    def state(self) -> dict[str, int]:
        """The counts."""
        return {"skipped": self.skipped, "in_row": self.in_row}

    def load_state(self, state: dict[str, int]) -> None:
        """Go on from what `state` returned."""
        self.skipped, self.in_row = state["skipped"], state["in_row"]


def _on_cpu(inputs: Inputs) -> Inputs:
    return {name: value.detach().cpu() if torch.is_tensor(value) else value for name, value in inputs.items()}
