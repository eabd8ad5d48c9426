"""Prepared data: whether it is there, what each stage finds in it, and what its reward is worth."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok
from treadle.check.subject import Subject
from treadle.errors import TreadleError
from treadle.recipe.schema import RLStage, SRLStage
from treadle.recipe.training_data import similarity_floor


def data(subject: Subject) -> Iterator[Check]:
    """A folder of `treadle prepare`."""
    if not subject.has_data:
        return
    try:
        prepared = subject.prepared
        yield ok(
            "data",
            f"{prepared.count('trajectories'):,} trajectories, {prepared.count('instances'):,} step instances",
        )
    except TreadleError as problem:
        yield error("data", problem)


def floors(subject: Subject) -> Iterator[Check]:
    """What similarity a policy earns that has learned nothing, beside each stage that is rewarded by it."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        if not isinstance(stage, RLStage):
            continue
        id = f"floor.{stage.name}"
        floor = similarity_floor(stage, subject.prepared, subject.shown)
        earned = "" if floor is None else f"without learning anything similarity is up to {floor:.2f}"
        if not isinstance(stage, SRLStage):
            yield ok(id, "rewarded by final answers" + (f", and steps by similarity; {earned}" if earned else ""))
        elif stage.reward != "similarity":
            yield ok(id, f"rewarded by {stage.reward}, which takes the floor off; {earned or 'it is not measured'}")
        elif floor is None:
            yield ok(id, "rewarded by similarity; what is earned without learning anything is not measured for it")
        else:
            yield ok(id, f"rewarded by similarity; {earned}. `reward: margin` takes that off (docs/floors.md)")
