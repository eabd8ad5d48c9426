"""Which rows of a decoding batch read which tokens of a pack, in few calls of attention.

Two forms: rectangles of rows x tokens, with a mask where a rectangle holds more than is visible, for what many rows
share; and calls of many prompts with the tokens that each of them reads alone, padded to equal lengths. Plain Python
and numpy, as in `treadle.rollout.plan`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from treadle.rollout.plan import Pack

# Rectangles that may end up in one: bounds the time of `cover` for batches with many prompts.
MAX_MERGED = 64
# What a pair of a padded call costs, in pairs of a rectangle: its keys are read for few queries. On a CPU core 4 to 6
# with one row a prompt, 2 with five.
PRIVATE_COST = 3
# Most tokens of a padded call for one token that is read: what copies of private tokens take.
MOST_PADDED = 1.5


@dataclass(frozen=True)
class Rectangle:
    """Rows `[row_start, row_stop)` of a batch read tokens `[start, stop)` of the pack, all of them if `seen` is None.

    `seen` is `[row_stop - row_start, stop - start]` bool; a row of it may be empty.
    """

    row_start: int
    row_stop: int
    start: int
    stop: int
    seen: np.ndarray | None


@dataclass(frozen=True)
class Private:
    """Rows `[row_start, row_stop)` of a batch, all of one prompt, read these slices beside the rectangles."""

    row_start: int
    row_stop: int
    slices: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Tokens of the slices."""
        return sum(stop - start for start, stop in self.slices)


def cover(
    packed: Pack, rows: Sequence[int], call_cost: float, max_copied: int | None = None
) -> tuple[list[Rectangle], list[list[Private]]]:
    """Rectangles and private slices that together hold every (row, token) that a row may read, each pair in one.

    Neighbouring rectangles are merged, with a mask, wherever the pairs that this adds cost less than a call; found by
    dynamic programming. Where many prompts have few rows, what each of them reads alone is private: such slices go
    into padded calls of many prompts.

    Args:
        packed: The prompts.
        rows: Prompt of each row of the batch, in the order of `packed.order`.
        call_cost: What one more call costs, in row x token pairs of a rectangle.
        max_copied: Most tokens that padded calls may hold, filling included; `None` for no bound.

    Returns:
        The rectangles, and the private slices of each padded call; of all of them whichever way costs less.
    """
    exact = _exact(packed, rows)
    cost, runs = _cheapest_runs(exact, call_cost)
    small = [piece[2:] for piece in exact if (piece[1] - piece[0]) * (piece[3] - piece[2]) < call_cost]
    calls = _padded_calls(list(_private(packed, rows, small)))
    rest = [piece for piece in exact if piece[2:] not in set(small)]
    cost_of_rest, runs_of_rest = _cheapest_runs(rest, call_cost)
    copied = [len(call) * call[0].size for call in calls]
    pairs = sum(n * max(p.row_stop - p.row_start for p in call) for n, call in zip(copied, calls, strict=True))
    if max_copied is not None and sum(copied) > max_copied:
        return [_bounding(exact[i:j]) for i, j in runs], []
    if cost_of_rest + len(calls) * call_cost + PRIVATE_COST * pairs < cost:
        return [_bounding(rest[i:j]) for i, j in runs_of_rest], calls
    return [_bounding(exact[i:j]) for i, j in runs], []


def _private(packed: Pack, rows: Sequence[int], small: list[tuple[int, int]]) -> Iterator[Private]:
    """By prompt, those of its slices that are among `small`, which are in the order of the pack."""
    begins, row = [start for start, _ in small], 0
    for prompt, equal in groupby(rows):
        stop = row + len(list(equal))
        # A rectangle without a mask is part of a path's slice, or apart from it.
        slices = [
            piece
            for low, high in packed.paths[prompt]
            for piece in small[bisect_left(begins, low) : bisect_left(begins, high)]
        ]
        if slices:
            yield Private(row, stop, tuple(slices))
        row = stop


def _padded_calls(private: list[Private]) -> list[list[Private]]:
    """Prompts by the size of their slices, the largest first; none is padded beyond `MOST_PADDED`."""
    calls: list[list[Private]] = []
    for one in sorted(private, key=lambda one: -one.size):
        if not calls or MOST_PADDED * one.size < calls[-1][0].size:
            calls.append([])
        calls[-1].append(one)
    return calls


def _exact(packed: Pack, rows: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Rectangles (first row, last row, first token, last token) without any mask, in the order of the pack."""
    row_edges: dict[tuple[int, int], list[int]] = {}
    for row, prompt in enumerate(rows):
        for piece in packed.paths[prompt]:
            row_edges.setdefault(piece, [row, row + 1])[1] = row + 1
    # Slices of one segment start together; the longer ones belong to the rows that come first.
    by_segment: dict[int, list[tuple[int, int, int]]] = {}
    for (start, stop), (first, last) in row_edges.items():
        by_segment.setdefault(start, []).append((stop, first, last))
    exact = []
    for start, uses in sorted(by_segment.items()):
        low = min(first for _, first, _ in uses)
        begin = start
        for stop in sorted({stop for stop, _, _ in uses}):
            exact.append((low, max(last for end, _, last in uses if end >= stop), begin, stop))
            begin = stop
    return exact


def _cheapest_runs(exact: list[tuple[int, int, int, int]], call_cost: float) -> tuple[float, list[tuple[int, int]]]:
    """Cut a list of rectangles into runs whose bounding rectangles cost least in sum; what they cost, and the runs."""
    costs, cuts = [0.0], [0]
    for j in range(1, len(exact) + 1):
        best, cut = float("inf"), j - 1
        low, high = exact[j - 1][:2]
        for i in range(j - 1, max(-1, j - 1 - MAX_MERGED), -1):
            low, high = min(low, exact[i][0]), max(high, exact[i][1])
            cost = costs[i] + call_cost + (high - low) * (exact[j - 1][3] - exact[i][2])
            if cost < best:
                best, cut = cost, i
        costs.append(best)
        cuts.append(cut)
    runs, j = [], len(exact)
    while j:
        runs.append((cuts[j], j))
        j = cuts[j]
    return costs[-1], runs[::-1]


def _bounding(run: list[tuple[int, int, int, int]]) -> Rectangle:
    low, high = min(r[0] for r in run), max(r[1] for r in run)
    start, stop = run[0][2], run[-1][3]
    if len(run) == 1:
        return Rectangle(low, high, start, stop, None)
    seen = np.zeros((high - low, stop - start), dtype=bool)
    for first, last, begin, end in run:
        seen[first - low : last - low, begin - start : end - start] = True
    return Rectangle(low, high, start, stop, None if seen.all() else seen)
