"""What a run says while it goes: a progress bar, `metrics.jsonl`, and a clean stop on Ctrl-C."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from treadle.completion import FormatFault

_SHOWN = {
    "loss": "loss",
    "reward": "reward",
    "similarity": "similarity",
    "sampling/kept_groups": "kept",
    "thought_tokens": "thought",
}


class MetricsFile(TrainerCallback):
    """Appends every log to `metrics.jsonl`, whatever other trackers are set.

    A line holds `step`, `seconds` of training so far and all metrics. When a stage resumes, lines of steps after
    the checkpoint are removed, so that each step stands there once, and the seconds go on from there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        before = truncate_after(self.path, state.global_step)
        self._started = time.monotonic() - (before["seconds"] if before else 0.0)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        line = {"step": state.global_step, "seconds": round(time.monotonic() - self._started, 2), **_finite(logs)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _finite(logs: dict[str, Any]) -> dict[str, Any]:
    """The metrics with null for what is no finite number, which JSON does not know (a skipped step's gradient norm)."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in logs.items()}


def truncate_after(path: Path, step: int, key: str = "step") -> dict[str, Any] | None:
    """Keep only the whole lines of a JSON lines file whose `key` is at most `step`; returns the last of them."""
    if not path.is_file():
        return None
    lines = path.read_bytes().splitlines(keepends=True)  # bytes end lines only at \n and \r, which JSON escapes
    kept = [line for line in lines if line.endswith(b"\n") and json.loads(line)[key] <= step]
    if len(kept) < len(lines):
        path.write_bytes(b"".join(kept))
    return json.loads(kept[-1]) if kept else None


class ProgressBar(TrainerCallback):
    """One line a stage: steps, reward, similarity, kept groups, thought length and format faults by kind."""

    def __init__(self, name: str, quiet: bool = False) -> None:
        self.name = name
        self.quiet = quiet
        self._bar: tqdm | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and not self.quiet:
            self._bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc=self.name,
                unit="step",
                file=sys.stderr,
                mininterval=0.0 if sys.stderr.isatty() else 30.0,
                dynamic_ncols=True,
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self._bar is None or not logs:
            return
        shown = {name: f"{logs[key]:.3g}" for key, name in _SHOWN.items() if logs.get(key) is not None}
        faults = {fault: logs.get(f"format/{fault}") or 0.0 for fault in FormatFault}
        shown |= {str(fault): f"{share:.0%}" for fault, share in faults.items() if share >= 0.005}
        self._bar.set_postfix(shown, refresh=False)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class StopOnSignal(TrainerCallback):
    """Ctrl-C or SIGTERM: finish the optimizer step, save a checkpoint, stop. A second Ctrl-C stops at once.

    Use as a context manager around training; `stopped` tells afterwards whether a signal came.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.stopped and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stopped = True
        print("\nstopping after this step; Ctrl-C again stops at once", file=sys.stderr, flush=True)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        if args.world_size > 1:  # a signal may have reached only some of the processes
            asked = torch.tensor(int(self.stopped), device=args.device)
            torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
            self.stopped = bool(asked)
        if self.stopped:
            control.should_save = True
            control.should_training_stop = True
        return control
