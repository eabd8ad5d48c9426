"""Next steps of runs side by side: similarity to the expert's, its floor, and how far it lies above that.

A similarity says something only beside its floor, and the floors of two runs differ where their steps are of different
data. What is above the floor is then what can be looked at together. A run without a floor is shown, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.evaluate.compare.arms import Arm
from treadle.evaluate.compare.step_calls import arm_calls, over_seeds
from treadle.evaluate.runs import Run
from treadle.evaluate.step_view import above_floor
from treadle.statistics.clustered import SHARES, Figure, grouped_mean

BEFORE = "the run was made before floors were measured; evaluate it again"


@dataclass(frozen=True)
class StepArm:
    """An arm's similarity to the expert's next steps.

    Args:
        similarity: Mean over all steps and runs.
        floor: What a policy that has learned nothing earns: `name`, `value`, `low` and `high`; `None` if not known.
        above: Similarity minus floor: `value`, `low` and `high`.
        no_floor: Why the floor is not known.
        calls: Of agents' steps, how often they have the expert's tool and file, by position and repository: what
            `treadle.evaluate.step_calls.call_view` gives, over all steps and runs; `None` where no expert calls a tool.
    """

    name: str
    similarity: Figure
    floor: Mapping[str, Any] | None = None
    above: Mapping[str, float | None] | None = None
    no_floor: str = ""
    calls: Mapping[str, Any] | None = None


def step_arms(arms: Sequence[Arm]) -> tuple[list[StepArm], list[str]]:
    """The arms whose runs all have next steps, and what has to be known beside their figures."""
    found, notes = [], []
    for arm in arms:
        with_steps = [run for run in arm.runs if _figures(run).get("steps")]
        if len(with_steps) == len(arm.runs):
            found.append(_step_arm(arm))
        elif with_steps:
            notes.append(f"{arm.name}: not all of its runs have next steps; left out.")
    shown = [arm for arm in arms if any(step.name == arm.name for step in found)]
    return found, notes + _differences(shown, found)


def _figures(run: Run) -> Mapping[str, Any]:
    return run.results.get("steps") or {}


def _step_arm(arm: Arm) -> StepArm:
    similarity, calls = _similarity(arm.runs), arm_calls(arm.runs)
    floors = [_figures(run).get("floor") for run in arm.runs]
    if None in floors:
        missing = _figures(arm.runs[floors.index(None)])
        return StepArm(arm.name, similarity, no_floor=missing.get("no_floor") or BEFORE, calls=calls)
    if any(floor != floors[0] for floor in floors):
        listed = ", ".join(f"{floor['value']:.3f}" for floor in floors)
        return StepArm(arm.name, similarity, no_floor=f"its runs have different ones ({listed})", calls=calls)
    return StepArm(arm.name, similarity, floors[0], above_floor(similarity, floors[0]), calls=calls)


def _similarity(runs: Sequence[Run]) -> Figure:
    """That of one run, or of all steps of several."""
    if len(runs) == 1:
        return _figures(runs[0])["similarity"]
    steps = [step for run in runs for step in run.steps()]
    pooled = grouped_mean([s.similarity for s in steps], [s.trajectory_id for s in steps], within=SHARES)
    return over_seeds(pooled, [_figures(run)["similarity"]["value"] for run in runs])


def _differences(arms: Sequence[Arm], found: Sequence[StepArm]) -> list[str]:
    notes = [
        f"{arm.name}: {failed} next steps are missing, because the back end did not give them."
        for arm in arms
        if (failed := sum(_figures(run).get("failed") or 0 for run in arm.runs))
    ]
    steps = {str((run.info.get("identity") or {}).get("step instances")) for arm in arms for run in arm.runs}
    if len(steps) > 1:
        notes.append("The next steps of the runs are not the same; their similarities are of different data.")
    values = {step.name: step.floor["value"] for step in found if step.floor}
    if len(set(values.values())) > 1:
        listed = ", ".join(f"{value:.3f} ({name})" for name, value in values.items())
        notes.append(f"Different floors: {listed}. Look at what is above the floor, not at similarity alone.")
    if any(step.calls for step in found):
        notes += [f"{s.name}: no figures of tools and files in its results." for s in found if not s.calls]
    notes += [f"{s.name}: the floor of its next steps is not known: {s.no_floor}." for s in found if not s.floor]
    return notes
