"""Next steps in a comparison: a table with the floor beside each similarity, and a picture with the floor as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from treadle.evaluate.compare.steps import StepArm
from treadle.report.compare.plots import BLACK, FLOOR, STYLES, plain, save, short
from treadle.report.svg import Axis
from treadle.scoring.floors import TITLES

AXIS = Axis(0.0, 1.0, 0.25, 200.0)
HEADS = ("similarity", "95% interval", "above floor", "floor", "steps")


def step_rows(steps: Sequence[StepArm], baseline: str) -> list[dict[str, Any]]:
    """The rows of the table, as texts and as places of the small drawing."""
    return [
        {
            "name": step.name,
            "kind": "baseline" if step.name == baseline else "arm",
            "cells": _cells(step),
            "at": AXIS.at(step.similarity["value"]),
            "low": None if step.similarity["low"] is None else AXIS.at(step.similarity["low"]),
            "high": None if step.similarity["high"] is None else AXIS.at(step.similarity["high"]),
            "floor": None if step.floor is None else AXIS.at(step.floor["value"]),
        }
        for step in steps
    ]


def step_ticks() -> list[tuple[float, str]]:
    """Places and labels of the small drawing's axis."""
    return [(at, f"{int(label) / 100:g}") for at, label in AXIS.ticks]


def _cells(step: StepArm) -> list[str]:
    """One text for each of `HEADS`."""
    similarity, floor, above = step.similarity, step.floor, step.above
    steps = f"{similarity['count']:,} of {similarity['groups']:,} trajectories"
    if floor is None or above is None:
        return [f"{similarity['value']:.3f} (floor not known)", _interval(similarity), "–", "–", steps]
    policy, interval = TITLES.get(floor["name"], floor["name"]), _interval(floor)
    return [
        f"{similarity['value']:.3f} (floor {floor['value']:.3f})",
        _interval(similarity),
        f"{above['value']:+.3f}" + (f" ({_interval(above, '+')})" if above["low"] is not None else ""),
        f"{policy}, {interval}",
        steps,
    ]


def _interval(figure: Mapping[str, Any], sign: str = "") -> str:
    if figure["low"] is None or figure["high"] is None:
        return "no interval"
    return f"{figure['low']:{sign}.3f} to {figure['high']:{sign}.3f}"


def steps_picture(steps: Sequence[StepArm], baseline: str, path: Path) -> None:
    """One row an arm; the floor is one line through all of them, or where they differ a line in each row.

    Raises:
        OutputError: The file cannot be written.
    """
    names = [short(step.name) for step in steps]
    width = max(7.0, 0.085 * max(map(len, names)) + 5.5)
    figure, axes = plt.subplots(figsize=(width, 0.5 * len(steps) + 1.5), layout="constrained")
    floors = [step.floor["value"] for step in steps if step.floor]
    common = len(floors) == len(steps) and len(set(floors)) == 1
    for place, step in enumerate(steps):
        style = STYLES["baseline" if step.name == baseline else "arm"]
        similarity = step.similarity
        if similarity["low"] is not None:
            ends = [similarity["low"], similarity["high"]]
            axes.plot(ends, [place, place], color=style["color"], linewidth=1.6, solid_capstyle="butt")
        axes.plot([similarity["value"]], [place], linestyle="none", markersize=6, **style)
        if step.floor is not None and not common:
            axes.plot([step.floor["value"]] * 2, [place - 0.3, place + 0.3], **FLOOR)
        if not common:
            said = f"floor {step.floor['value']:.2f}" if step.floor else "floor not known"
            at = (step.floor or similarity)["value"]
            axes.annotate(
                said,
                (at, place + 0.3),
                xytext=(0, -2),
                textcoords="offset points",
                fontsize=7.5,
                color=FLOOR["color"] if step.floor else BLACK,
                ha="center",
                va="top",
            )
    if common:
        axes.axvline(floors[0], zorder=0, **FLOOR)
        place = axes.get_xaxis_transform()
        axes.text(
            floors[0], 1.01, f"floor {floors[0]:.2f}", transform=place, fontsize=8, color=FLOOR["color"], ha="center"
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(steps) - 0.3, -0.6)
    axes.set_yticks(range(len(steps)), names, fontsize=8.5)
    axes.set_xlabel("similarity to the expert's next step, 95% intervals", fontsize=9)
    plain(axes)
    save(figure, path)
