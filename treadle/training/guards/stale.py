"""Rollouts against the trainer: log-probs that differ are stale weights, or another model.

Where the rollout engine tells the log-probs of its tokens (vLLM does), they are compared with those that the first
update after a generation computes anyway: no forward is added. Groups that waited for a later generation differ by the
updates since.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from treadle.errors import TrainingFault
from treadle.training.processes import Processes

Tensor = torch.Tensor


class LogpGap:
    """Differences between the log-probs that the rollout engine told and those of the trainer, token by token."""

    def __init__(self) -> None:
        self.told = False  # whether anything was ever compared
        self._sums = [0.0, 0.0, 0.0]  # of absolute differences, of tokens, and the largest difference

    def add(self, rollout_BC: torch.Tensor, trainer_BC: torch.Tensor, mask_BC: torch.Tensor) -> None:
        """Add a micro-batch; tokens that the engine could not score (NaN) do not count."""
        self.told = True
        told = mask_BC.bool() & ~rollout_BC.isnan()
        gap = (rollout_BC - trainer_BC.detach()).abs()[told].double()
        if gap.numel():
            total, tokens, largest = self._sums
            self._sums = [total + gap.sum().item(), tokens + gap.numel(), max(largest, gap.max().item())]

    def take(self) -> tuple[float, float, float]:
        """What was added since the last call: sum of absolute differences, tokens, largest difference."""
        sums, self._sums = self._sums, [0.0, 0.0, 0.0]
        return tuple(sums)


class StaleRollouts:
    """Compares the rollout engine's log-probs with the trainer's, and speaks or stops where they differ.

    Args:
        most: Mean difference above which to speak, in nats.
        stops: Stop the run there.
        always: Whether every process judges every step: an engine may tell some of them nothing.
        processes: All processes.
        metrics: TRL's lists of values since the last log.
    """

    def __init__(
        self, most: float, stops: bool, always: bool, processes: Processes, metrics: dict[str, list[float]]
    ) -> None:
        self._most = most
        self._stops = stops
        self._always = always
        self._processes = processes
        self._metrics = metrics
        self._gap = LogpGap()
        self._told: tuple[Tensor, Tensor] | None = None  # the engine's log-probs of a micro-batch, and which count

    @contextmanager
    def around_loss(self, inputs: dict[str, Any] | None, is_first_update: bool) -> Iterator[None]:
        """While the loss of a micro-batch is computed.

        Args:
            inputs: The micro-batch.
            is_first_update: Whether the policy is the one that sampled.
        """
        told_BC = None if inputs is None else inputs.get("sampling_per_token_logps")
        if told_BC is not None and is_first_update:
            self._told = told_BC, inputs["completion_mask"] * inputs.get("tool_mask", 1)
        try:
            yield
        finally:
            self._told = None

    def see(self, logps_BC: Tensor) -> None:
        """Told the trainer's log-probs as the loss computes them."""
        if self._told is not None and torch.is_grad_enabled():
            told_BC, mask_BC = self._told
            self._gap.add(told_BC, logps_BC, mask_BC)

    def gradients(self) -> None:
        """Judge the optimizer step whose gradients are there.

        Raises:
            TrainingFault: The difference is too large, and the run shall stop there.
        """
        if not (self._always or self._gap.told):
            return
        sums = torch.tensor([self._gap.take()], dtype=torch.float64, device=self._processes.device)
        sums_R3 = self._processes.gather(sums)
        total, tokens, largest = sums_R3[:, 0].sum().item(), sums_R3[:, 1].sum().item(), sums_R3[:, 2].max().item()
        if not tokens:
            return
        mean = total / tokens
        self._metrics["rollout/logp_difference"].append(mean)
        self._metrics["rollout/logp_difference/max"].append(largest)
        self._metrics["faults/stale_rollout"].append(float(mean > self._most))
        if not mean > self._most:  # also where it is no number: such a loss is `StepGuard`'s to judge
            return
        said = (
            f"the rollout's log-probs differ from the trainer's by {mean:.3g} on average (at most {largest:.3g}; "
            f"max_logp_difference={self._most:g}). Likely causes: the rollout engine was not given "
            "the current weights (a vLLM server that another run uses, or that did not answer), it has another "
            "tokenizer, model or dtype, or its temperature is not the trainer's."
        )
        if self._stops:
            raise TrainingFault(f"{said} The same command continues from the last checkpoint.")
        if self._processes.is_main:
            warnings.warn(f"{said} stop_on_logp_difference: true stops there.", stacklevel=3)
