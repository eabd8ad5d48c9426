"""A limit of time on code that was not written for the data at hand: a form's reader, a package's import."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeIsUp(BaseException):
    """Raised by the alarm. Not an `Exception`, so that a form cannot swallow it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End the block after `seconds` by an alarm, which needs the main thread of a Unix process; elsewhere no limit.

    A surrounding alarm goes on afterwards.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    began = time.monotonic()
    outer, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        rest = max(outer - (time.monotonic() - began), 1e-6) if outer else 0.0
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, rest, interval)
