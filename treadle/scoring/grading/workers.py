"""Grading processes: started with `python -m treadle.scoring.grading`, killed when they hang, limited in memory.

math-verify guards itself with a signal-based timeout, which does not work outside the main thread and does not stop a
loop in C code. Here each worker is a process of its own that reads `[mode, answer, reference]` as JSON lines and
answers `[same, why]`: a pair that takes too long costs its worker, which is killed and replaced, and nothing else.

The time limit is one of processor time where the system has such timers, so that a verdict does not depend on what
else the machine does; waiting ends in any case after a multiple of it.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress

from treadle.scoring.grading.verdicts import Finding

STARTUP_SECONDS = 120.0  # importing sympy on a loaded machine
MEMORY_BYTES = 2 << 30
"""Address space of a worker; the libraries take a sixth of it. Not enforced where there is no `setrlimit`."""


class Worker:
    """One grading process; `judge` raises `TimeoutError` or `EOFError` when it has to be replaced."""

    def __init__(self) -> None:
        environment = {**os.environ, "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "treadle.scoring.grading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.pid = self._process.pid
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._read(STARTUP_SECONDS)

    def judge(self, mode: str, answer: str, reference: str, seconds: float, patience: float = 1.0) -> Finding:
        """Judge one pair.

        Args:
            mode: A kind, or `math-verify` for that library alone.
            seconds: Limit of processor time.
            patience: How many times as long to wait for it.
        """
        try:
            self._process.stdin.write(json.dumps([mode, answer, reference, seconds]).encode() + b"\n")
            self._process.stdin.flush()
            return Finding(*json.loads(self._read(seconds * patience)))
        except (BrokenPipeError, EOFError):
            self._process.kill()  # does not change why it died, if it has
            if self._process.wait() == -getattr(signal, "SIGPROF", 0):
                raise TimeoutError from None
            raise EOFError from None

    def _read(self, seconds: float) -> bytes:
        if not self._selector.select(seconds):
            raise TimeoutError
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return line

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._process.stdout.close()
        with suppress(BrokenPipeError):  # what was not yet sent to the dead process
            self._process.stdin.close()


def limit_time(seconds: float) -> None:
    """End this process after so many seconds of processor time; 0 takes the limit away."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # nobody handles its signal, which ends the process


def limit_memory() -> None:
    """Let this process die of a large allocation instead of taking the machine with it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
