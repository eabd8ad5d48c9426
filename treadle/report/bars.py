"""A histogram as bars of a page: heights in percent, and labels that do not run into one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from treadle.report.text import number

TICKS = 7


def bars(histogram: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What the template needs to draw `edges` and `counts`.

    Returns:
        `bars` (height in percent of the tallest, title), `tallest` and `count` (values in it, and in all), `ticks`
        below and `lines` behind them (place in percent, label), `growing`, whether later bins are wider, and `peak`:
        where more than half stands in one bin, so that the picture does not show how it is spread, words that say so.
    """
    edges, counts = list(histogram["edges"]), list(histogram["counts"])
    total, tallest = sum(counts) or 1, max(counts, default=0) or 1
    single, names = _single(edges), bin_names(edges)
    hidden = not single and len(counts) > 1 and 2 * tallest > total
    drawn = [
        {"height": round(100 * count / tallest, 2), "title": f"{name}: {count:,} ({share(count, total)})"}
        for name, count in zip(names, counts, strict=True)
    ]
    # A bar of one whole number has its label below its middle, other bars have theirs below their edges.
    marks = [(edge, k + 0.5) for k, edge in enumerate(edges[:-1])] if single else [(e, k) for k, e in enumerate(edges)]
    return {
        "bars": drawn,
        "tallest": tallest,
        "count": sum(counts),
        "ticks": _spread(marks, len(counts)),
        # Counts are whole; half of an odd one is none.
        "lines": [{"at": at, "label": short(tallest * at / 100)} for at in (0, 50, 100) if tallest * at % 100 == 0],
        "peak": f"{share(tallest, total)} in one bar, {names[counts.index(tallest)]}" if hidden else "",
        "growing": len(edges) > 2 and edges[-1] - edges[-2] > 1.5 * (edges[1] - edges[0]),
    }


def bin_names(edges: Sequence[float]) -> list[str]:
    """What each bin holds, in words: one whole number, or a range."""
    single = _single(edges)
    return [number(a) if single else f"{number(a)} to below {number(b)}" for a, b in pairwise(edges)]


def _single(edges: Sequence[float]) -> bool:
    return all(isinstance(edge, int) for edge in edges) and all(b - a == 1 for a, b in pairwise(edges))


def _spread(marks: list[tuple[float, float]], width: int) -> list[dict[str, Any]]:
    """At most `TICKS` of `marks`, evenly, as places in percent of `width`."""
    every = -(-len(marks) // TICKS)
    return [{"at": round(100 * place / width, 2), "label": short(edge)} for edge, place in marks[::every]]


def share(part: float, whole: float) -> str:
    """In percent; with a digit more where it is small."""
    percent = 100 * part / whole if whole else 0.0
    return "0%" if not part else "<0.1%" if percent < 0.1 else f"{percent:.1f}%" if percent < 10 else f"{percent:.0f}%"


def short(value: float) -> str:
    """A label for an axis: 1,200 is 1.2k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
