"""Where a model gives the expert's next step well and where it does not.

Similarity is the reward's, 0 for a format fault. Every figure has its count and a 95% interval from a bootstrap over
trajectories, because steps of one trajectory are not independent. Groups are looked at one at a time: later steps come
from longer trajectories, and longer actions match less for reasons of their own, so a difference between two groups has
not been cleared of the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from treadle.evaluate.records import StepSample
from treadle.evaluate.step_calls import call_view
from treadle.evaluate.step_floor import NOT_GIVEN
from treadle.scoring.completion import FormatFault
from treadle.statistics.clustered import SHARES, Figure, grouped_mean
from treadle.statistics.estimates import Estimate, difference_distances

LAST_POSITION = 10
"""Steps from this one on are one group."""
LENGTHS = (50, 200, 500, 1000)
"""Bounds of the groups by length of the expert's action, in characters; at 200 difflib's autojunk begins."""

Naming = Callable[[StepSample], str]


def step_view(
    samples: Iterable[StepSample], floor: Mapping[str, Any] | None = None, no_floor: str = ""
) -> dict[str, Any]:
    """Similarity by place, position, difficulty and length of the step, and the format faults.

    Difficulty is the number of steps of the expert's trajectory, in terciles of the trajectories. It is known before
    the model is, unlike the model's own mean similarity: groups by that would differ even if all trajectories were
    equally hard, since a group of low results has low results.

    Args:
        samples: Of any order; a trajectory need not have all its steps.
        floor: What a policy that has learned nothing earns on data of this kind: `name`, `value`, and `low` and `high`,
            which may be `None`; see `treadle.scoring.floors`.
        no_floor: Why there is none, in words.

    Returns:
        What JSON can hold. `steps` and `trajectories` (counts); `similarity`, `exact` and `similarity_well_formed`
        (without format faults; `None` if there is nothing else); `by_place` (`only`, `first`, `middle`, `last`),
        `by_position` (`1`, `2`, ..., `10 and later`), `by_difficulty` and `by_action_length`, each from the name of a
        group to its similarity, groups without steps left out; `format_faults`, from every kind to the share of steps
        with it, and `faults`, from the kinds there are to their number. Each figure but the last is a `Figure`. With a
        floor also `floor`, and `above_floor` with `value`, `low` and `high` of similarity minus floor; without one
        `no_floor`, which says why. Where agents act, `calls`, see `treadle.evaluate.step_calls.call_view`. Without
        samples only the two counts, both 0.
    """
    kept = list(samples)
    trajectories = [sample.trajectory_id for sample in kept]
    view: dict[str, Any] = {"steps": len(kept), "trajectories": len(set(trajectories))}
    if not kept:
        return view
    well_formed = [sample for sample in kept if sample.fault is None]
    return view | {
        "similarity": _similarity(kept),
        "similarity_well_formed": _similarity(well_formed) if well_formed else None,
        "exact": grouped_mean([float(sample.exact) for sample in kept], trajectories, share=True),
        "by_place": _grouped(kept, _place, ("only", "first", "middle", "last")),
        "by_position": _grouped(kept, _position, [*map(str, range(1, LAST_POSITION)), f"{LAST_POSITION} and later"]),
        "by_difficulty": _grouped(kept, *_difficulty(kept)),
        **({"calls": calls} if (calls := call_view(kept)) else {}),
        "by_action_length": _grouped(kept, *_ranges(LENGTHS, lambda s: len(s.expert_action), "characters")),
        "format_faults": {
            str(fault): grouped_mean([float(sample.fault is fault) for sample in kept], trajectories, share=True)
            for fault in FormatFault
        },
        "faults": dict(Counter(str(sample.fault) for sample in kept if sample.fault is not None)),
        **(
            {"floor": dict(floor), "above_floor": above_floor(_similarity(kept), floor)}
            if floor
            else {"no_floor": no_floor or NOT_GIVEN}
        ),
    }


def above_floor(similarity: Figure, floor: Mapping[str, Any]) -> dict[str, float | None]:
    """Similarity minus floor. They come of different steps, so they err independently."""
    value = similarity["value"] - floor["value"]
    if similarity["low"] is None or floor["low"] is None:
        return {"value": value, "low": None, "high": None}
    first, second = (Estimate(figure["value"], figure["low"], figure["high"]) for figure in (similarity, floor))
    below, above = difference_distances(first, second, 0.0)
    return {"value": value, "low": value - below, "high": value + above}


def _similarity(samples: Sequence[StepSample]) -> Figure:
    return grouped_mean([s.similarity for s in samples], [s.trajectory_id for s in samples], within=SHARES)


def _grouped(samples: Sequence[StepSample], naming: Naming, order: Iterable[str]) -> dict[str, Figure]:
    groups: dict[str, list[StepSample]] = defaultdict(list)
    for sample in samples:
        groups[naming(sample)].append(sample)
    return {name: _similarity(groups[name]) for name in order if name in groups}


def _place(sample: StepSample) -> str:
    if sample.n_steps == 1:
        return "only"
    if sample.step == 1:
        return "first"
    return "last" if sample.step == sample.n_steps else "middle"


def _position(sample: StepSample) -> str:
    return str(sample.step) if sample.step < LAST_POSITION else f"{LAST_POSITION} and later"


def _difficulty(samples: Sequence[StepSample]) -> tuple[Naming, list[str]]:
    steps = {sample.trajectory_id: sample.n_steps for sample in samples}
    # Bounds lie above the terciles, so that trajectories of equal length are never parted.
    bounds = sorted({int(q) + 1 for q in np.quantile(list(steps.values()), [1 / 3, 2 / 3], method="lower")})
    return _ranges([b for b in bounds if b <= max(steps.values())], lambda s: s.n_steps, "steps")


def _ranges(bounds: Sequence[int], size: Callable[[StepSample], int], unit: str) -> tuple[Naming, list[str]]:
    """Groups below the first bound, from each bound to the next, and from the last on."""
    names = [
        *(f"{low} to {high - 1} {unit}" for low, high in zip((1, *bounds), bounds, strict=False)),
        f"{bounds[-1]} {unit} and more" if bounds else f"any number of {unit}",
    ]
    return lambda sample: names[int(np.searchsorted(bounds, size(sample), side="right"))], names
