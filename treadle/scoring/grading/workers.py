"""Grading processes: started with `python -m treadle.scoring.grading`, killed when they hang, limited in memory.

math-verify guards itself with a signal-based timeout, which does not work outside the main thread and does not stop a
loop in C code. Here each worker is a process of its own (`treadle.processes`) that reads `[mode, answer, reference,
seconds]` as JSON lines and answers `[same, why]`: a pair that takes too long costs its worker, which is killed and
replaced, and nothing else. A verdict does not depend on what else the machine does, since the limit is one of processor
time.
"""

from __future__ import annotations

import sys

from treadle.processes import LineProcess
from treadle.scoring.grading.verdicts import Finding

MEMORY_BYTES = 2 << 30
"""Address space of a worker; the libraries take a sixth of it."""


class Worker(LineProcess):
    """One grading process; `judge` raises `TimeoutError` or `EOFError` when it has to be replaced."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-m", "treadle.scoring.grading"])

    def judge(self, mode: str, answer: str, reference: str, seconds: float, patience: float = 1.0) -> Finding:
        """Judge one pair.

        Args:
            mode: A kind, or `math-verify` for that library alone.
            seconds: Limit of processor time.
            patience: How many times as long to wait for it.
        """
        return Finding(*self.ask([mode, answer, reference, seconds], seconds * patience))
