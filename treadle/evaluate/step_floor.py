"""The floor of steps that are evaluated: what similarity a policy earns on them that has learned nothing.

Each prepared folder has its own (`treadle.data.prepare.floors`). Steps of several folders have as floor what a policy
earns that does the best of each: the mean of the folders' floors, each counting as often as steps of it are evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle.data.prepare.floors import sample_of
from treadle.data.prepared import Prepared

NOT_GIVEN = "none was given with the steps; a folder made by `treadle prepare` has one"


def floor_of(folders: Mapping[Path, int]) -> tuple[dict[str, Any] | None, str]:
    """The floor of steps that come from prepared folders.

    Args:
        folders: How many steps of each are evaluated. One whose report has no floors, as it was made before they were
            measured, is measured now.

    Returns:
        The floor, as `Prepared.floors` has it, and an empty string; or `None` and why there is none.
    """
    found = {}
    for folder, steps in folders.items():
        if not steps:
            continue
        prepared = Prepared(folder)
        floors = prepared.floors or sample_of(prepared).measure()
        if floors is None:
            return None, f"{folder} trains on a single trajectory, and a floor is measured on two or more"
        found[folder] = floors["floor"]
    if not found:
        return None, NOT_GIVEN
    if len(found) == 1:
        return next(iter(found.values())), ""
    total = sum(folders[folder] for folder in found)
    weights = {folder: folders[folder] / total for folder in found}
    value = sum(weights[folder] * floor["value"] for folder, floor in found.items())
    below, above = (_together(found, weights, bound) for bound in ("low", "high"))
    known = below is not None and above is not None
    return {
        "name": "by_folder",
        "value": value,
        "low": value - below if known else None,
        "high": value + above if known else None,
    }, ""


def _together(found: Mapping[Path, Mapping[str, Any]], weights: Mapping[Path, float], bound: str) -> float | None:
    """The distance of a bound from the mean: folders err independently, so distances add up as squares."""
    if any(floor[bound] is None for floor in found.values()):
        return None
    return math.hypot(*(weights[folder] * (floor[bound] - floor["value"]) for folder, floor in found.items()))
