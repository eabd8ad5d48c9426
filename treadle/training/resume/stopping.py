"""A clean stop: on Ctrl-C or SIGTERM, and before the time that a batch queue gives is up.

Either way the optimizer step is finished, a checkpoint saved, and the run ends with a message and exit code 130.
"""

from __future__ import annotations

import signal
import sys
import time
from enum import IntEnum
from types import FrameType
from typing import Any

import torch
import torch.distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Stop(IntEnum):
    """Why a run stops. Where processes have different reasons, the highest counts."""

    TIME = 1
    SIGINT = signal.SIGINT
    SIGTERM = signal.SIGTERM

    def __str__(self) -> str:
        return "max_hours: another step might not fit" if self is Stop.TIME else self.name


class StopRequest(TrainerCallback):
    """Ctrl-C, SIGTERM or the clock: finish the optimizer step, save a checkpoint, stop. A second Ctrl-C stops at once.

    Use as a context manager around training. By the clock a run stops when the longest step so far and a checkpoint
    would no longer fit before the deadline; a step counts with its logging and validation, and a checkpoint, until one
    was saved, as long as a step. At least one step is made.

    Args:
        deadline: In seconds of `time.monotonic`; `None` for no end.

    Attributes:
        reason: Why the run is to stop, `None` if it is not.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.reason: Stop | None = None
        self._previous: dict[int, Any] = {}
        self._since = 0.0
        self._step_seconds = 0.0
        self._save_seconds: float | None = None

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = Stop(number)
        print("\nstopping after this step; Ctrl-C again stops at once", file=sys.stderr, flush=True)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._since = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        now = time.monotonic()
        self._step_seconds = max(self._step_seconds, now - self._since)
        self._since = now
        if self.reason is None and not self.another_step_fits():
            self.reason = Stop.TIME
        if args.world_size > 1:  # a signal may have reached only some of the processes, and clocks differ
            asked = torch.tensor(int(self.reason or 0), device=args.device)
            torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
            self.reason = Stop(int(asked)) if asked else None
        if self.reason is not None:
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._save_seconds = max(self._save_seconds or 0.0, time.monotonic() - self._since)

    def another_step_fits(self) -> bool:
        """Whether the longest step so far and a checkpoint fit before the deadline."""
        if self.deadline is None:
            return True
        save_seconds = self._step_seconds if self._save_seconds is None else self._save_seconds
        return time.monotonic() + self._step_seconds + save_seconds < self.deadline
