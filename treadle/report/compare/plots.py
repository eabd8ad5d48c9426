"""A comparison as pictures: all figures with their intervals, and all differences from the baseline.

Rows and markers carry what colours do, so that the pictures can be read without telling colours apart.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from treadle.files.whole import appearing_file
from treadle.report.palette import BLACK, BLUE, GREY, VERMILION
from treadle.report.palette import FLOOR as FLOOR_COLOUR
from treadle.statistics.paired import PairedVerdict

if TYPE_CHECKING:
    from treadle.evaluate.compare.comparison import Column, Pair
    from treadle.report.compare.rows import Row, Shown

STYLES = {
    "baseline": {"color": BLACK, "marker": "s", "markerfacecolor": BLACK},
    "arm": {"color": BLUE, "marker": "o", "markerfacecolor": BLUE},
    "paper": {"color": GREY, "marker": "D", "markerfacecolor": "white"},
}
FLOOR = {"color": FLOOR_COLOUR, "linewidth": 1.4, "linestyle": (0, (5, 2))}
"""How the floor of a similarity is drawn."""
MARKS = {
    PairedVerdict.FIRST_BETTER: ("better", {"color": BLUE, "marker": "^", "markerfacecolor": BLUE}),
    PairedVerdict.SECOND_BETTER: ("worse", {"color": VERMILION, "marker": "v", "markerfacecolor": VERMILION}),
    PairedVerdict.CANNOT_BE_TOLD_APART: (
        "cannot be told apart",
        {"color": GREY, "marker": "o", "markerfacecolor": "white"},
    ),
}
_POINTS = FuncFormatter(lambda share, _: f"{100 * share:.0f}")
_SIGNED = FuncFormatter(lambda share, _: f"{100 * share:+.0f}" if abs(share) > 1e-9 else "0")


def figures_picture(
    rows: Sequence[Row], columns: Sequence[Column], modes: Mapping[str, str], said: Sequence[str], path: Path
) -> None:
    """One panel a column, in bands of one mode; rows are arms, then the paper's.

    Args:
        modes: Their names in words.
        said: Lines to stand below.

    Raises:
        OutputError: The file cannot be written, or is a link.
    """
    bands = [
        (modes[mode], found, [r for r in rows if any(c in r.cells for c in found)])
        for mode in modes
        for found in _split([c for c in columns if c.mode == mode])
    ]
    heights = [0.27 * len(shown) + 1.25 for *_, shown in bands]
    most = max(len(found) for _, found, _ in bands)
    width = max(7.0, 0.085 * max(len(r.name) for r in rows) + 1.9 * most)
    foot = "\n".join(textwrap.fill(line, int(12 * width)) for line in said)
    heights.append(0.25 + 0.17 * foot.count("\n") if foot else 0.01)
    figure = plt.figure(figsize=(width, sum(heights)), layout="constrained")
    strips = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    for strip, (title, found, shown) in zip(strips, bands, strict=False):
        strip.suptitle(f"{title.capitalize()}: percent solved, 95% intervals", fontsize=11, x=0.01, ha="left")
        panels = strip.subplots(1, most, sharey=True, squeeze=False)[0]
        for axes, column in zip(panels, found, strict=False):
            _panel(axes, column, shown)
        for axes in panels[len(found) :]:
            axes.set_visible(False)
        panels[0].set_yticks(range(len(shown)), [short(row.name) for row in shown], fontsize=8.5)
        panels[0].set_ylim(len(shown) - 0.4, -0.6)
    strips[-1].text(0.01, 0.98, foot.replace("$", r"\$"), fontsize=8, color=GREY, va="top")
    save(figure, path)


def differences_picture(pairs: Sequence[Pair], baseline: str, modes: Mapping[str, str], path: Path) -> None:
    """One panel an arm, one row a figure, zero in the middle.

    Raises:
        OutputError: The file cannot be written, or is a link.
    """
    names = list(dict.fromkeys(pair.first for pair in pairs))
    columns = list(dict.fromkeys(pair.column for pair in pairs))
    many = len({c.mode for c in columns}) > 1
    labels = [f"{c.title}, {modes[c.mode]}" if many else c.title for c in columns]
    reach = 1.08 * max(max(abs(pair.test.difference.low), abs(pair.test.difference.high)) for pair in pairs)
    width = 0.075 * max(map(len, labels)) + max(3.6, 2.9 * len(names))
    figure, panels = plt.subplots(
        1, len(names), sharey=True, squeeze=False, figsize=(width, 0.3 * len(columns) + 1.7), layout="constrained"
    )
    seen: dict[str, object] = {}
    for axes, name in zip(panels[0], names, strict=True):
        for place, column in enumerate(columns):
            for pair in (p for p in pairs if p.first == name and p.column == column):
                label, style = MARKS[pair.test.verdict]
                value, low, high = pair.test.difference
                axes.plot([low, high], [place, place], color=style["color"], linewidth=1.6, solid_capstyle="butt")
                seen[label] = axes.plot([value], [place], linestyle="none", markersize=6, **style)[0]
        axes.axvline(0, color=BLACK, linewidth=0.9)
        axes.set_xlim(-reach, reach)
        axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
        axes.xaxis.set_major_formatter(_SIGNED)
        axes.set_title(textwrap.fill(short(name), 26), fontsize=10)
        plain(axes)
    panels[0][0].set_yticks(range(len(columns)), labels, fontsize=8.5)
    panels[0][0].set_ylim(len(columns) - 0.4, -0.6)
    figure.supxlabel(f"points more than {short(baseline)}, 95% interval of each comparison alone", fontsize=9)
    figure.legend(seen.values(), seen.keys(), loc="outside upper right", ncols=3, frameon=False, fontsize=8.5)
    save(figure, path)


def _split(columns: Sequence[Column], most: int = 5) -> list[Sequence[Column]]:
    """Bands of nearly equal length, of at most `most` panels."""
    if not columns:
        return []
    size = math.ceil(len(columns) / math.ceil(len(columns) / most))
    return [columns[start : start + size] for start in range(0, len(columns), size)]


def _panel(axes: plt.Axes, column: Column, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        cell: Shown | None = row.cells.get(column)
        if cell is None:
            continue
        style = STYLES[row.kind]
        if cell.low is not None:
            axes.plot([cell.low, cell.high], [place, place], color=style["color"], linewidth=1.6, solid_capstyle="butt")
        axes.plot([cell.value], [place], linestyle="none", markersize=5, **style)
        if cell.flag:
            axes.annotate(cell.flag, (cell.value, place), xytext=(5, 2), textcoords="offset points", fontsize=8)
        if row.kind == "baseline":
            axes.axvline(cell.value, color=BLACK, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)
    axes.set_title(textwrap.fill(column.title, 19), fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(_POINTS)
    plain(axes)


def plain(axes: plt.Axes) -> None:
    """No frame but a grid to read values off."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", color="#e3e5e8", linewidth=0.7)
    axes.set_axisbelow(True)


def short(name: str, most: int = 44) -> str:
    """A row's name as matplotlib can draw it: `$` starts mathematics there."""
    name = name if len(name) <= most else f"{name[: most // 2]}…{name[-(most - most // 2) + 1 :]}"
    return name.replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write a picture and let go of it.

    Raises:
        OutputError: The file cannot be written, or is a link.
    """
    try:
        with appearing_file(path) as file:
            figure.savefig(file, format=path.suffix[1:], dpi=130)
    finally:
        plt.close(figure)
