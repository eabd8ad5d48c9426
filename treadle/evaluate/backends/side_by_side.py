"""Calls side by side in threads, at most so many begun and not yet taken by whoever asked for them.

A place is free again when its result is taken, not when it is there. So a slow taker makes no results pile up, and what
a kill can cost is what was under way.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from treadle.errors import ModelError

Result = TypeVar("Result")


def side_by_side(
    call: Callable[[int, threading.Event], Result], count: int, width: int
) -> Iterator[tuple[int, Result]]:
    """Call with 0 to `count - 1`.

    Args:
        call: Given a number and an event that is set when its result is no longer wanted.
        width: Calls at a time; with fewer threads, where no more can be started.

    Yields:
        Number and result as they come, each number once.

    Raises:
        ModelError: Not one thread can be started.
        Exception: What a call raised, after the results that came before it.
    """
    todo: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result] | Exception] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        while (number := todo.get()) is not None and not stop.is_set():
            try:
                done.put((number, call(number, stop)))
            except Exception as error:
                # Raised where the caller sees it: a thread's own traceback would leave the caller waiting.
                stop.set()
                done.put(error)

    started = _start(work, min(width, count))
    numbers = iter(range(count))
    try:
        for number in itertools.islice(numbers, started):
            todo.put(number)
        for _ in range(count):
            item = done.get()
            if isinstance(item, Exception):
                raise item
            if (number := next(numbers, None)) is not None:
                todo.put(number)
            yield item
    finally:
        stop.set()
        for _ in range(started):
            todo.put(None)


def _start(work: Callable[[], None], threads: int) -> int:
    """How many of the threads were started; they are daemons, so that an interrupted run ends at once and not after the
    calls that are still under way."""
    for number in range(threads):
        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError as error:  # those that did start do the work
            if number == 0:
                raise ModelError(f"no request can be sent: {error}; see `ulimit -u` and `ulimit -v`") from error
            return number
    return threads
