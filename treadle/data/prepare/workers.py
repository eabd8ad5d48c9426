"""Map a function over a stream in several processes, in order, with a bounded number of items under way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from treadle.errors import DataError
from treadle.visible import show_output

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 3
"""Items under way for each process: enough that none waits, few enough that memory does not grow."""
BYTES_AHEAD = 32_000_000
"""Bytes under way above which no process has more than one item."""

_function: Callable[[Any], Any] | None = None


def available() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    size: Callable[[Item], int] = lambda item: 0,
) -> Iterator[Result]:
    """`map(function, items)`, by `workers` processes when there are more than one.

    Args:
        function: Picklable; it is sent to each process once.
        size: Bytes of an item, by which fewer of the large ones are under way.

    Raises:
        DataError: A process died, as it does when memory runs out.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (function,))
    pending: deque[tuple[Future[Result], int]] = deque()
    under_way = 0
    try:
        for item in items:
            pending.append((pool.submit(_apply, item), size(item)))
            under_way += pending[-1][1]
            while len(pending) >= AHEAD * workers or (under_way > BYTES_AHEAD and len(pending) >= workers):
                future, taken = pending.popleft()
                under_way -= taken
                yield future.result()
        while pending:
            yield pending.popleft()[0].result()
    except BrokenProcessPool:
        raise DataError(
            f"one of {workers} processes died, most likely because memory ran out; try --workers 1, or a smaller "
            "--max-row-mb"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(function: Callable[[Any], Any]) -> None:
    global _function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the pool
    _function = function
    show_output()


def _apply(item: Any) -> Any:
    return _function(item)
