"""Work on instances side by side, and names of files for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from treadle.files.names import wrong_in_name

T, R = TypeVar("T"), TypeVar("R")


def in_turn(work: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """Results as they come. The work is done by other programs, so threads do. After an exception nothing new begins,
    and what runs already ends first.

    Args:
        workers: Side by side; 1 works in the thread of the caller.
    """
    if workers == 1 or len(items) < 2:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def log_file(folder: Path, instance_id: str, end: str = ".txt") -> Path:
    """The file of an instance's log: its id where that is a name, else a digest of it."""
    if wrong_in_name(instance_id) is None:
        return folder / f"{instance_id}{end}"
    return folder / f"id-{hashlib.sha256(instance_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}{end}"
