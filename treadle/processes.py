"""Processes that answer JSON lines and may be killed: code runs in them that can hang, take all memory or die.

Each answers its first line when it is ready. One that takes too long, or dies, costs the question it was asked and is
replaced. The time limit is one of processor time where the system has such timers, so that it does not depend on what
else the machine does; waiting ends in any case after a multiple of it. Limits are set by the process itself
(`limit_time`, `limit_memory`).
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

STARTUP_SECONDS = 120.0
"""Of importing libraries on a loaded machine."""
PATIENCE = 4.0
"""How many times its limit of processor time an answer may take on a loaded machine."""
ONE_THREAD = {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Asked = TypeVar("Asked", bound="LineProcess")
Answer = TypeVar("Answer")


class LineProcess:
    """One process; `ask` raises `TimeoutError` or `EOFError` when it has to be replaced.

    Args:
        command: Program and arguments.
        own_group: Whether it leads a group, so that what it starts dies with it.

    Attributes:
        ready: What it said when it was ready.

    Raises:
        TimeoutError, EOFError: It was not ready in time, or died before.
    """

    def __init__(self, command: Sequence[str], own_group: bool = False) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD},
            start_new_session=own_group,
        )
        self.pid, self._own_group = self._process.pid, own_group
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        try:
            self.ready = json.loads(self._read(STARTUP_SECONDS))
        except (TimeoutError, EOFError):
            self.kill()
            raise

    def ask(self, question: Any, seconds: float) -> Any:
        """The answer to a question, both JSON, within so many seconds on the clock."""
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._read(seconds))
        except (BrokenPipeError, EOFError, ValueError):  # ValueError of a line that is no JSON
            self._process.kill()  # does not change why it died, if it has
            if self._process.wait() == -getattr(signal, "SIGPROF", 0):
                raise TimeoutError from None
            raise EOFError from None

    def _read(self, seconds: float) -> bytes:
        if not self._selector.select(seconds):
            raise TimeoutError
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._own_group:
            kill_group(self.pid)
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._process.stdout.close()
        with suppress(BrokenPipeError):  # what was not yet sent to the dead process
            self._process.stdin.close()


class Pool(Generic[Asked]):
    """Processes that are started when first needed. Safe to use from any thread.

    Args:
        start: Starts one.
        size: Number of processes; the default is one for each processor, at most four.
    """

    def __init__(self, start: Callable[[], Asked], size: int | None = None) -> None:
        self.size = size or min(4, os.cpu_count() or 1)
        self.started: set[Asked] = set()
        self._start, self._lock = start, threading.Lock()
        self._idle: queue.LifoQueue[Asked | None] = queue.LifoQueue()
        for _ in range(self.size):
            self._idle.put(None)

    def ask(self, question: Callable[[Asked], Answer]) -> Answer:
        """Ask a process; one that dies may have been killed from outside, so a fresh one is asked once more.

        Raises:
            TimeoutError: It took too long.
            EOFError: It died twice.
        """
        process = self._idle.get()
        try:
            for _ in range(2):
                try:
                    process = process or self._started()
                    return question(process)
                except (TimeoutError, EOFError) as fault:
                    if process is not None:
                        self._discard(process)
                    process = None
                    if isinstance(fault, TimeoutError):
                        raise
            raise EOFError
        finally:
            self._idle.put(process)

    def _started(self) -> Asked:
        process = self._start()
        with self._lock:
            self.started.add(process)
        return process

    def _discard(self, process: Asked) -> None:
        process.kill()
        with self._lock:
            self.started.discard(process)

    def close(self) -> None:
        """Stop all processes."""
        for process in list(self.started):
            self._discard(process)


def kill_group(pid: int) -> None:
    """End a process that leads a group, and all that it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def limit_time(seconds: float) -> None:
    """End this process after so many seconds of processor time; 0 takes the limit away."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # nobody handles its signal, which ends the process


def limit_memory(size: int) -> None:
    """Let this process die of a large allocation instead of taking the machine with it.

    Args:
        size: Of the address space, in bytes. Not enforced where there is no `setrlimit`.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_files() -> None:
    """Let this process, and what it starts, write no file; pipes and devices can be written to."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
