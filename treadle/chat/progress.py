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
def progress(
    title: str,
    requests: int,
    limit: int,
    shown: bool = True,
    unit: str = "request",
    note: Callable[[int], str] | None = None,
) -> Iterator[Callable[..., object]]:
    """Within the block it is said what is asked and how far it is.

    Args:
        title: What is done, such as `whole, greedy`.
        requests: How many.
        limit: Tokens that each may have.
        shown: Whether anything is.
        unit: What one is called.
        note: More to say, such as the cost, of how many are finished.

    Yields:
        What is called after each request that is finished, or with the number of those that are.
    """
    asked = f"{title}: {requests:,} {unit}{'s' * (requests != 1)} of up to {limit:,} tokens"
    if not shown:
        yield lambda count=1: None
    elif sys.stderr.isatty():
        with tqdm(total=requests, desc=asked) as bar:

            def finished(count: int = 1) -> None:
                if note:
                    bar.set_postfix_str(note(bar.n + count), refresh=False)
                bar.update(count)

            yield finished
    else:
        counts: list[int] = []

        def line(seconds: float) -> str:
            said = f"{title}: {sum(counts):,} of {requests:,} after {seconds:,.0f} s"
            return f"{said}, {note(sum(counts))}" if note else said

        print(asked, file=sys.stderr, flush=True)
        with _every(EVERY, line):
            yield lambda count=1: counts.append(count)


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
