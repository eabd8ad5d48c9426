"""`ResumableGenerations`: `Resumable` for TRL's trainers that serve several micro-batches with one generation.

A checkpoint may lie between the optimizer steps of one generation. TRL counts micro-batches (`_step`) and keeps those
that are ready (`_buffered_inputs`) in memory alone: a resumed run would sample the same prompts again, from other
weights. Here both are part of a checkpoint. On another number of processes the rest of such a generation cannot be
dealt out; it is dropped, and its prompts are sampled anew at the place where the run goes on.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate.utils import send_to_device

from treadle.resumable import Resumable


class ResumableGenerations(Resumable):
    """Goes before `GRPOTrainer` in the bases; see the module."""

    draws_apart = True

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
