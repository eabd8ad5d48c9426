"""Whether a recipe could be run here and now: what `treadle train` itself would refuse."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.errors import OutputError, TreadleError
from treadle.recipe.checking import check
from treadle.recipe.machine import check_packages
from treadle.recipe.stages import check_output


def packages(subject: Subject) -> Iterator[Check]:
    """Packages and trackers that the recipe asks for; a plan may be for another machine, so it is only warned."""
    if problem := _lacking(subject):
        yield warning("packages", f"on this machine: {problem}")


def installed(subject: Subject) -> Iterator[Check]:
    """As `packages`, of a recipe that is to be run here."""
    if problem := _lacking(subject):
        yield error("packages", problem)


def _lacking(subject: Subject) -> TreadleError | None:
    assert subject.recipe is not None
    try:
        check_packages(subject.recipe)
    except TreadleError as problem:
        return problem
    return None


def sizes(subject: Subject) -> Iterator[Check]:
    """All that a run checks before it loads a model, and the sizes of each stage that follow."""
    if not subject.has_data:
        return
    if _lacking(subject):
        yield warning("left_out", "not looked at before the packages are there: sizes")
        return
    assert subject.recipe is not None
    try:
        found = check(subject.recipe)
    except TreadleError as problem:
        yield error("sizes", problem)
        return
    for stage, size in zip(subject.stages, found, strict=True):
        yield ok(f"sizes.{stage.name}", f"{stage.name}: {size.describe()}")


def output(subject: Subject) -> Iterator[Check]:
    """The output folder is free, or that of this recipe."""
    if not subject.has_data:
        return
    assert subject.recipe is not None
    try:
        check_output(subject.recipe)
    except OutputError as problem:
        yield warning("output", problem)
    except TreadleError as problem:
        yield error("output", problem)
