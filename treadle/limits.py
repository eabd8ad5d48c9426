"""Limits of time and memory for a call into code that is not ours: a reward function, a plugin, a chat template.

Limits: the alarm reaches Python code, `re` and sleeping calls, in the main thread of a process, on systems that have
such alarms. A call that stays in C code and never comes back to Python cannot be ended, nor can one in another thread;
code that sets an alarm of its own (`signal.alarm`) replaces this one. Memory is limited for the
whole process, on systems that know an address space and say how much of it is used.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

AGAIN_SECONDS = 1.0
"""The alarm is repeated: an exception that is raised in a destructor or a callback is lost."""


class OutOfTime(BaseException):
    """Raised in the limited code. No `Exception`, so that its own `except Exception` does not swallow it."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `OutOfTime` in the body after `seconds`; `None` for no limit. A surrounding alarm goes on afterwards.

    Nothing is limited in other threads than the main one, nor where the system has no alarms.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    armed = True

    def ring(number: int, frame: FrameType | None) -> None:
        if armed:
            raise OutOfTime

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    outer, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        armed = False
        # Of a surrounding alarm that was due meanwhile, the rest is as short as a timer can be.
        rest = max(outer - (time.monotonic() - began), 1e-6) if outer else 0.0
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, rest, interval)


@contextmanager
def memory_limit(mebibytes: int) -> Iterator[None]:
    """`MemoryError` in the body where the process would take so much more address space than it has.

    For Python code alone: libraries in other languages end the process when they get no memory.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):  # another system than Linux
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + mebibytes * 2**20
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
