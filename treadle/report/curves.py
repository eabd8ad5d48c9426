"""Accuracy by round as a picture: lines with 95% intervals, told apart by their markers as well as their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treadle.report.palette import BLUE, GREY, VERMILION

_STYLES = (
    {"color": BLUE, "marker": "o"},
    {"color": VERMILION, "marker": "s"},
    {"color": GREY, "marker": "D"},
)
_APART = 0.04
"""Of a round: how far the intervals of two lines stand from each other."""


def accuracy_curve(lines: Mapping[str, Sequence[Mapping[str, float]]], across: str, up: str) -> Figure:
    """A figure of one or more lines.

    Args:
        lines: By their name: `value`, `low` and `high` of each round, from round 0.
        across, up: What the axes show.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for place, (name, points) in enumerate(lines.items()):
        rounds = [number + _APART * (place - (len(lines) - 1) / 2) for number in range(len(points))]
        values = [point["value"] for point in points]
        below = [point["value"] - point["low"] for point in points]
        above = [point["high"] - point["value"] for point in points]
        style = _STYLES[place % len(_STYLES)]
        axes.errorbar(rounds, values, yerr=[below, above], label=name, capsize=3, elinewidth=1, markersize=5, **style)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1:
        axes.legend(frameon=False)
    return figure
