"""What a run says while it goes: a progress bar and `metrics.jsonl`."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerState

from treadle.scoring.completion import FormatFault
from treadle.training.journal import append_lines, truncate_after
from treadle.training.metric_lines import log_of

Logs = dict[str, Any] | None

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
    the checkpoint are removed, so that each step stands there once, and the seconds go on from there; so is the
    summary that transformers adds when training stops, which is written anew at the end.

    Args:
        path: The file.
        similarity_floor: What a policy that has learned nothing earns at most, put beside every similarity.
        held_out_floor: The same where the reward of a validation is a similarity, put beside that reward.
    """

    def __init__(self, path: Path, similarity_floor: float | None = None, held_out_floor: float | None = None) -> None:
        self.path = path
        self.similarity_floor = similarity_floor
        self.held_out_floor = held_out_floor
        self._started = 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        before = truncate_after(self.path, state.global_step, read=log_of)
        self._started = time.monotonic() - (before["seconds"] if before else 0.0)

    def elapsed(self) -> float:
        """Seconds of training so far, in the main process."""
        return time.monotonic() - self._started

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Logs = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        line = {"step": state.global_step, "seconds": round(self.elapsed(), 2), **_finite(logs)}
        floor = self.floor_of(logs)
        if floor is not None:
            line["similarity_floor"] = round(floor, 4)
        append_lines(self.path, [json.dumps(line) + "\n"])

    def floor_of(self, logs: dict[str, Any]) -> float | None:
        """That of a log's similarity, of training or of a validation; or of a validation's reward."""
        if self.held_out_floor is not None and logs.get("eval_reward") is not None:
            return self.held_out_floor
        similar = any(logs.get(key) is not None for key in ("similarity", "eval_similarity"))
        return self.similarity_floor if similar else None


def _finite(logs: dict[str, Any]) -> dict[str, Any]:
    """The metrics with null for what is no finite number, which JSON does not know (a skipped step's gradient norm)."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in logs.items()}


class ProgressBar(TrainerCallback):
    """One line a stage: steps, reward, similarity and its floor, kept groups, thought length and format faults by kind;
    and the last validation, with its floor where its reward is a similarity.

    Args:
        name: The stage's.
        quiet: No bar.
        similarity_floor, held_out_floor: As for `MetricsFile`.
    """

    def __init__(
        self,
        name: str,
        quiet: bool = False,
        similarity_floor: float | None = None,
        held_out_floor: float | None = None,
    ) -> None:
        self.name = name
        self.quiet = quiet
        self.similarity_floor = similarity_floor
        self.held_out_floor = held_out_floor
        self._bar: tqdm | None = None
        self._shown: dict[str, str] = {}
        self._held_out: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
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

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Logs = None, **kwargs: Any) -> None:
        if self._bar is None or not logs:
            return
        if any(key.startswith("eval_") for key in logs):
            value = logs.get("eval_reward", logs.get("eval_loss"))
            self._held_out = {} if value is None else {"held_out": f"{value:.3g}"}
            if self.held_out_floor is not None and logs.get("eval_reward") is not None:
                self._held_out["held_out"] += f" (floor {self.held_out_floor:.2f})"
        else:
            shown = {name: f"{logs[key]:.3g}" for key, name in _SHOWN.items() if logs.get(key) is not None}
            if self.similarity_floor is not None and "similarity" in shown:
                shown["similarity"] += f" (floor {self.similarity_floor:.2f})"
            faults = {fault: logs.get(f"format/{fault}") or 0.0 for fault in FormatFault}
            shown |= {str(fault): f"{share:.0%}" for fault, share in faults.items() if share >= 0.005}
            self._shown = shown
        self._bar.set_postfix({**self._shown, **self._held_out}, refresh=False)

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_train_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self.close()

    def close(self) -> None:
        """End the line, also where training raised an error, whose message begins another."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
