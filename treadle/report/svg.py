"""Scales of the small drawings inside the tables of a page, in pixels of a drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

WIDTH = 132.0
MARGIN = 8.0
"""Room at both ends for half a tick's label."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


class Bounded(Protocol):
    """A figure with bounds, or without."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


@dataclass(frozen=True)
class Axis:
    """A linear scale from `low` to `high` over `width` pixels."""

    low: float
    high: float
    step: float
    width: float = WIDTH

    def at(self, value: float) -> float:
        """Where a value is drawn."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN + (self.width - 2 * MARGIN) * min(1.0, max(0.0, share)), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels in percent, of which no two touch."""
        count = round((self.high - self.low) / self.step)
        values = [self.low + k * self.step for k in range(count + 1)]
        return [(self.at(v), f"{round(100 * v):d}") for v in values]


def axis_for(cells: Sequence[Bounded]) -> Axis:
    """The scale of a column: whole steps around all its intervals, within 0 to 100%."""
    low = min(c.value if c.low is None else c.low for c in cells)
    high = max(c.value if c.high is None else c.high for c in cells)
    step = _step(high - low)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(low, max(high, low + step), step)


def difference_axis(differences: Sequence[Bounded], width: float = 260.0) -> Axis:
    """The scale of all differences of a page, zero in its middle."""
    reach = max((max(abs(d.low or 0.0), abs(d.high or 0.0)) for d in differences), default=0.1)
    step = _step(2 * reach, 6)
    reach = max(step, math.ceil(reach / step - 1e-9) * step)
    return Axis(-reach, reach, step, width)


def _step(span: float, most: int = 4) -> float:
    return next((step for step in _STEPS if span <= most * step), _STEPS[-1])
