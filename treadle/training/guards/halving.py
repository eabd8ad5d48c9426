"""Out of memory in the update: the optimizer step's micro-batches are taken again in halves, and so from then on.

Once: what does not fit in halves stops the run. Done in one process, for losses that are sums over rows, normalised
over the whole batch, so that halves have the gradient of the whole; other losses, several processes and a micro-batch
of one row stop the run with a message that names the setting. Random numbers of dropout are drawn anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from treadle.errors import TrainingFault
from treadle.training.guards.memory import free, halves, is_out_of_memory, rows_in

Inputs = dict[str, Any]


@dataclass
class StepTrace:
    """The optimizer step under way.

    Args:
        inputs: Its micro-batches, as they are computed.
        losses: Their losses, detached.
        logged: Of each, the entries of the metrics' lists that it added.
    """

    inputs: list[Inputs] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    logged: list[dict[str, tuple[int, int]]] = field(default_factory=list)

    def end(self) -> None:
        """Forget the step; called when its gradient has been looked at."""
        self.inputs, self.losses, self.logged = [], [], []


class Halving:
    """Guards the micro-batches of optimizer steps; its state is whether they are halved.

    Args:
        metrics: TRL's lists of values since the last log.
        backward: Of a loss.
        never: Why halves would not do, whatever the micro-batch; `None` if they would.
        remedy: What to set for smaller micro-batches, for people.

    Attributes:
        trace: The step under way.
        halved: Whether micro-batches are halved.
        repeated: The micro-batch that is taken again, in place of what the loop would prepare.
    """

    def __init__(
        self,
        metrics: dict[str, list[float]],
        backward: Callable[[torch.Tensor], None],
        never: str | None,
        remedy: str,
    ) -> None:
        self.trace = StepTrace()
        self.halved = False
        self.repeated: Inputs | None = None
        self._metrics = metrics
        self._backward = backward
        self._never = never
        self._remedy = remedy
        self._computing = False

    def around_step(
        self,
        step: Callable[[], torch.Tensor],
        loss_of: Callable[[Inputs], torch.Tensor],
        begin_again: Callable[[], None],
        number: int,
        is_mean: bool = False,
    ) -> torch.Tensor:
        """transformers' `training_step`, with halves where it runs out of memory.

        Args:
            step: Prepares a micro-batch, or takes `repeated`, computes its loss and goes backward.
            loss_of: The loss of a micro-batch that was computed before.
            begin_again: Takes back what the step's micro-batches have left, such as gradients.
            number: Of the optimizer step, from 1.
            is_mean: Whether the loss is a mean over the micro-batch, which halves would change.

        Raises:
            TrainingFault: There is not enough memory for halves either, or they would not do.
        """
        self._computing = False
        try:
            loss = step()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).strip().splitlines()[0]
        else:
            if self._computing:
                self.trace.losses.append(loss)
            return loss
        # Not in the `except`: its traceback would keep the activations.
        reason = self._why_not(is_mean)
        if reason is not None:
            raise TrainingFault(f"out of memory in the update ({said}); {reason}. {self._remedy}")
        warnings.warn(
            f"out of memory in the update of step {number} ({said}): the step is repeated, and all further ones are "
            f"made, with micro-batches halved. {self._remedy}",
            stacklevel=4,
        )
        self.halved = True
        free()
        begin_again()
        self._forget_logged()
        *before, self.repeated = self.trace.inputs
        self.trace.inputs = []
        try:
            for batch in before:
                self._backward(loss_of(batch))
            loss = step()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingFault(f"out of memory in the update, with micro-batches halved. {self._remedy}") from error
        finally:
            self.repeated = None
        self.trace.losses.append(loss)
        return loss

    def _why_not(self, is_mean: bool) -> str | None:
        if not self._computing:
            return "it was in what prepares the update (log-probs of the policy that sampled, or of the reference)"
        if self.halved:
            return "micro-batches are halved already"
        if self._never is not None:
            return self._never
        if rows_in(self.trace.inputs[-1]) < 2:
            return "the micro-batch has one row and cannot be halved"
        return "the loss is a mean over the micro-batch" if is_mean else None

    def around_loss(self, loss_of: Callable[[Inputs], torch.Tensor], inputs: Inputs) -> torch.Tensor:
        """The loss of a micro-batch in training, of its halves where these are taken.

        Args:
            loss_of: Computes it.
            inputs: The micro-batch.
        """
        self._computing = True
        self.trace.inputs.append(inputs)
        self.trace.logged.append({})
        lengths = {name: len(values) for name, values in self._metrics.items()}
        *parts, last = halves(inputs) if self.halved else [inputs]
        done = 0.0
        try:
            for part in parts:
                loss = loss_of(part)
                self._backward(loss)
                done = done + loss.detach()
            # The halves before have had their backward: they count in the value alone.
            loss = loss_of(last)
        finally:
            added = {name: (lengths.get(name, 0), len(values)) for name, values in self._metrics.items()}
            self.trace.logged[-1] = {name: span for name, span in added.items() if span[0] < span[1]}
        return loss + done if parts else loss

    def _forget_logged(self) -> None:
        """Take out the metrics of the micro-batches that are computed again."""
        for spans in reversed(self.trace.logged):
            for name, (start, stop) in spans.items():
                del self._metrics[name][start:stop]
        self.trace.logged = []

    def state(self) -> bool:
        """Whether micro-batches are halved."""
        return self.halved

    def load_state(self, state: bool) -> None:
        """Go on from what `state` returned."""
        self.halved = state


def why_never(args: Any, processes: int, deepspeed: bool, has_aux_loss: bool = False) -> str | None:
    """Why no trainer's steps are repeated in halves with these settings; `None` if nothing speaks against it.

    Args:
        args: transformers' `TrainingArguments`.
        processes: Their number.
        deepspeed: Whether DeepSpeed is used.
        has_aux_loss: Whether the model's router has a loss of its own.
    """
    if processes > 1 or args.n_gpu > 1 or deepspeed:
        return "with several processes or GPUs, or DeepSpeed, the step is not repeated"
    if has_aux_loss:
        return "the router's auxiliary loss is a mean over the micro-batch, which halves would change"
    return None


def micro_batch_remedy(rows: int) -> str:
    """What to set for smaller micro-batches.

    Args:
        rows: Rows of a micro-batch now.
    """
    return (
        f"Set a smaller `micro_batch` in the recipe (per_device_train_batch_size, now {rows}), or "
        "gradient_checkpointing: true."
    )
