"""What a model is asked, and how far it is, on standard error: standard output is for figures.

On a terminal a bar. Elsewhere a line before and others from time to time, by the clock and not by what is finished: of
a batch on a slow machine nothing is finished for many minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tqdm import tqdm

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def progress(title: str, requests: int, limit: int, shown: bool = True) -> Iterator[Callable[[], object]]:
    """Within the block it is said what is asked and how far it is.

    Args:
        title: What is done, such as `whole, greedy`.
        requests: How many.
        limit: Tokens that each may have.
        shown: Whether anything is.

    Yields:
        What is called after each request that is finished.
    """
    asked = f"{title}: {requests:,} request{'s' * (requests != 1)} of up to {limit:,} tokens"
    if not shown:
        yield lambda: None
    elif sys.stderr.isatty():
        with tqdm(total=requests, desc=asked) as bar:
            yield bar.update
    else:
        finished: list[None] = []
        print(asked, file=sys.stderr, flush=True)
        with _every(EVERY, lambda seconds: f"{title}: {len(finished):,} of {requests:,} after {seconds:,.0f} s"):
            yield lambda: finished.append(None)


@contextmanager
def _every(seconds: float, line: Callable[[float], str]) -> Iterator[None]:
    """Print a line, made of the seconds since the beginning, each time that so many are over."""
    begun, over = time.monotonic(), Event()

    def tell() -> None:
        while not over.wait(seconds):
            print(line(time.monotonic() - begun), file=sys.stderr, flush=True)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
