"""Where a step's time goes: `seconds/rollout`, `.../reward`, `.../logps`, `.../update`, `.../save`, `.../validation`.

Times are of the main process, in seconds since the last log, each without those within it: what an update spends on
sampling its rollouts counts as rollout. With several processes a phase includes waiting for the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


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

    def take(self) -> dict[str, float]:
        """The seconds since the last call, as metrics."""
        told = {f"seconds/{phase}": round(seconds, 4) for phase, seconds in self.seconds.items()}
        self.seconds.clear()
        return told
