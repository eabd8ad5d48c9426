"""Tools and files of agents' next steps of an arm: the figures of its run, or of all steps of several runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from treadle.evaluate.runs import Run
from treadle.evaluate.step_calls import call_view
from treadle.statistics.clustered import Figure
from treadle.statistics.estimates import Z95


def arm_calls(runs: Sequence[Run]) -> Mapping[str, Any] | None:
    """What `call_view` gives, over all steps of the runs; `None` where a run has no agents' steps.

    Counts of steps are those of all runs together.
    """
    views = [(run.results.get("steps") or {}).get("calls") for run in runs]
    if None in views:
        return None
    if len(views) == 1:
        return views[0]
    pooled = call_view(step for run in runs for step in run.steps())
    return pooled and _each_over_seeds(pooled, views)


def over_seeds(pooled: Figure, values: Sequence[float]) -> Figure:
    """A figure over all steps of several runs, with the interval that also allows for the spread between runs.

    Trajectories and seeds err independently: distances add up as squares.

    Args:
        pooled: With the interval over trajectories.
        values: The figure of each run; with fewer than two of them the spread is not known, and `pooled` is given.
    """
    if pooled["low"] is None or pooled["high"] is None or len(values) < 2:
        return pooled
    value, seeds = pooled["value"], Z95 * statistics.stdev(values) / len(values) ** 0.5
    low, high = ((value - pooled["low"]) ** 2 + seeds**2) ** 0.5, ((pooled["high"] - value) ** 2 + seeds**2) ** 0.5
    return Figure({**pooled, "low": max(0.0, value - low), "high": min(1.0, value + high)})


def _each_over_seeds(pooled: Any, views: Sequence[Any]) -> Any:
    """Every figure in `pooled` with that of each view in the same place; all else as it is."""
    if not isinstance(pooled, Mapping):
        return pooled
    views = [view for view in views if view]
    if pooled.keys() == Figure.__annotations__.keys():
        return over_seeds(pooled, [view["value"] for view in views])
    return {name: _each_over_seeds(found, [view.get(name) for view in views]) for name, found in pooled.items()}
