"""What a GRPO trainer does between its steps: it logs, validates and saves, and goes on from what was saved.

- Logs have the seconds of each phase, and tables of completions hold text.
- Validation is TRL's own evaluation, with random numbers of its own and the exact mean reward of the rows
  (`treadle.training.validation`).
- A checkpoint holds the micro-batches that are left of a generation, TRL's `_buffered_inputs`, besides what every
  trainer's does (`treadle.training.resume`).
"""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate.utils import send_to_device

from treadle.training.parts import Parts
from treadle.training.resume.resumable import Resumable
from treadle.training.tracking import as_text
from treadle.training.validation import validation_stream

Tensor = torch.Tensor


class BetweenSteps(Resumable):
    """Goes before `GRPOTrainer` in the bases; see the module."""

    parts: Parts
    draws_apart = True

    _unused = 0, 0  # micro-batches of a checkpoint's generation that were not used up, and of all

    @property
    def _generate_every(self) -> int:
        """Micro-batches that one generation serves."""
        return self.args.steps_per_generation * self.num_iterations

    @property
    def _mode(self) -> str:
        return "train" if self.model.training else "eval"

    def _clocked(self, phase: str) -> AbstractContextManager[None]:
        return self.parts.clock(phase) if self.model.training else nullcontext()  # all of a validation is one phase

    # Logs and validation

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self.model.training:
            logs |= self.parts.clock.take()
        if self.log_completions:
            for column in (self._logs["prompt"], self._logs["completion"]):
                for place, conversation in enumerate(column):
                    column[place] = as_text(conversation)
        super().log(logs, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with self.parts.clock("validation"), validation_stream(self.args.seed, self.parts.processes.index):
            metrics = super().evaluate(*args, **kwargs)
        if metrics.get("eval_reward", 0.0) is None:
            metrics["eval_reward"] = math.nan  # not a completion could be scored; never better than another
        return metrics

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        self.parts.held_out.begin()
        output = super().evaluation_loop(*args, **kwargs)
        mean = self.parts.held_out.mean(output.num_samples * self.num_generations_eval)
        if mean is not None:
            self._metrics["eval"]["reward"] = [mean]
        return output

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, None, None]:
        if self.num_generations_eval > 1:
            return super().prediction_step(model, inputs, *args, **kwargs)
        # Single completions have no group to be better than: their advantages are zero. Without the forward a batch of
        # validation may be as large as one of generation.
        self._prepare_inputs(inputs)
        return torch.zeros((), device=self.accelerator.device), None, None

    # Checkpoints: one may lie between the optimizer steps of one generation

    def saving(self) -> AbstractContextManager[None]:
        """Counts the time."""
        return self.parts.clock("save")

    def shared_state(self) -> dict[str, Any]:
        """What all processes hold alike, and how many micro-batches are unused."""
        unused = -self._step % self._generate_every
        return {**super().shared_state(), "unused": [unused, self._generate_every]}

    def load_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from what `shared_state` returned."""
        super().load_shared_state(state)
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        self._unused = state["unused"]

    def process_state(self) -> dict[str, Any]:
        """What this process alone holds, and the micro-batches that it has still to use."""
        held = None
        if self._step % self._generate_every:
            done = self._step % self.args.steps_per_generation if self.num_iterations == 1 else 0
            held = [None if number < done else batch for number, batch in enumerate(self._buffered_inputs)]
        return {**super().process_state(), "step": self._step, "buffered": held}

    def load_process_state(self, state: dict[str, Any] | None) -> None:
        """Go on from what `process_state` returned; without it the rest of the generation is sampled anew."""
        super().load_process_state(state)
        unused, of_all = self._unused
        if state is not None:
            self._step = state["step"]
            self._buffered_inputs = send_to_device(state["buffered"], self.accelerator.device)
        elif unused and self.accelerator.is_main_process:
            print(
                "treadle: the checkpoint was saved by another number of processes or with another micro_batch: the "
                f"rest of its last generation ({unused} of {of_all} micro-batches) is dropped and sampled anew",
                file=sys.stderr,
            )
