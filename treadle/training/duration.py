"""A stage whose length is given in minutes: it ends, with a model, after the step in which they are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Duration(TrainerCallback):
    """Ends training after some seconds, those before an interruption counted.

    Args:
        seconds: Length of the stage.
        elapsed: Seconds of training so far, in the main process; the others follow it.
    """

    def __init__(self, seconds: float, elapsed: Callable[[], float]) -> None:
        self._seconds = seconds
        self._elapsed = elapsed

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        over = state.is_world_process_zero and self._elapsed() >= self._seconds
        if args.world_size > 1:  # all end after the same step
            told = torch.tensor(int(over), device=args.device)
            torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
            over = bool(told)
        if over:
            control.should_training_stop = True
            if args.eval_strategy != "no":  # the last weights are measured, so that they can be the best
                control.should_evaluate = control.should_save = True
        return control
