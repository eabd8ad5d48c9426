"""Where a step's time goes: `seconds/rollout`, `.../reward`, `.../logps`, `.../update`, `.../save`, `.../validation`.

Times are of the main process, in seconds since the last log, each without those within it: what an update spends on
sampling its rollouts counts as rollout. With several processes a phase includes waiting for the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch


class PhaseClock:
    """Adds up seconds by phase; a phase within another takes its time out of that."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._within = 0.0

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        outer, self._within = self._within, 0.0
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - began
            self.seconds[phase] += elapsed - self._within
            self._within = outer + elapsed


class PhaseTimes:
    """Mixin for a `GRPOTrainer` of treadle's, outermost: logs the seconds of each phase."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._clock = PhaseClock()
        super().__init__(*args, **kwargs)

    def _clocked(self, phase: str) -> AbstractContextManager[None]:
        return self._clock(phase) if self.model.training else nullcontext()  # all of a validation is one phase

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self._clock("update"):
            return super().training_step(*args, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> tuple:
        with self._clocked("rollout"):
            return super()._generate(*args, **kwargs)

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self._clocked("reward"):
            return super()._calculate_rewards(*args, **kwargs)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> tuple:
        with nullcontext() if torch.is_grad_enabled() else self._clocked("logps"):
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        with self._clock("save"):
            super()._save_checkpoint(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with self._clock("validation"):
            return super().evaluate(*args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self.model.training:
            logs |= {f"seconds/{phase}": round(seconds, 4) for phase, seconds in self._clock.seconds.items()}
            self._clock.seconds.clear()
        super().log(logs, *args, **kwargs)
