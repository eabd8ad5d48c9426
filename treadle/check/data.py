"""Prepared data: whether it is there, what each stage finds in it, and what its reward is worth."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.data.sources.report import FINAL_ANSWERS
from treadle.errors import RecipeError, TreadleError
from treadle.recipe.reward_choices import in_words
from treadle.recipe.rewards import check_rewards
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import RLStage, RLVRStage, SRLStage
from treadle.recipe.shown import contrasts_of
from treadle.recipe.training_data import similarity_floor
from treadle.repository import in_repository

LOOKED_AT = 32
"""Rows of a stage that are looked at for other experts' actions."""
DOUBTFUL = 0.1
"""Share of final answers from which on it is a warning that they may be meant otherwise; some are meant as lists."""


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
        if subject.not_asked:
            yield ok("stages", "; ".join(subject.not_asked))
    except TreadleError as problem:
        yield error("data", problem)


def rewards(subject: Subject) -> Iterator[Check]:
    """The rewards of each stage: whether their functions are there and can be called on its rows."""
    try:
        prepared = subject.prepared if subject.has_data else None
    except TreadleError:  # which `data` says
        return
    for stage in subject.stages if prepared else []:
        if not isinstance(stage, RLStage):
            continue
        try:
            check_rewards(stage, prepared, subject.shown.seed)
        except TreadleError as problem:
            yield error(f"rewards.{stage.name}", problem)
        else:
            if len(stage.rewards) > 1 or stage.rewards[0].reward.is_own:
                yield ok(f"rewards.{stage.name}", f"{stage.name}: rewarded by {in_words(stage.rewards)}")


def references(subject: Subject) -> Iterator[Check]:
    """Whether final answers, which RLVR rewards, can be graded as they are meant, by what `treadle prepare` noted."""
    if not subject.has_data or not any(isinstance(stage, RLVRStage) for stage in subject.stages):
        return
    rows = subject.prepared.report.get("rows", {})
    for doubt, count in rows.get("notes", {}).get(FINAL_ANSWERS, {}).items():
        said = f"{count:,} of {rows['read']:,} final answers: {doubt}. RLVR rewards what the grader reads"
        if count < DOUBTFUL * rows["read"]:
            yield ok("references", said)
        else:
            yield warning("references", f"{said}; where another is meant, mend the column and prepare the data anew")


def floors(subject: Subject) -> Iterator[Check]:
    """What similarity a policy earns that has learned nothing, beside each stage that is rewarded by it."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        if not isinstance(stage, RLStage):
            continue
        id = f"floor.{stage.name}"
        try:
            stage = with_sampling_floor(stage, subject.prepared, subject.shown)
        except RecipeError as problem:
            yield error(id, problem)
            continue
        floor = similarity_floor(stage, subject.prepared, subject.shown)
        if _lacks_contrasts(subject, stage):
            yield warning(
                id,
                f"{stage.name}: there are no other experts' actions that reward={in_words(stage.rewards)} could hold "
                "an action against, so it is the paper's similarity; prepare more trajectories, or set "
                f"stages.{stage.name}.reward=similarity",
            )
            continue
        earned = "" if floor is None else f"without learning anything similarity is up to {floor:.2f}"
        if earned and stage.sampling_floor is not None:
            earned += f", and groups whose best reward is below {stage.sampling_floor:.2f} are dropped"
        if not isinstance(stage, SRLStage):
            yield ok(id, "rewarded by final answers" + (f", and steps by similarity; {earned}" if earned else ""))
        elif not any(choice.reward.logs_similarity for choice in stage.rewards):
            yield ok(id, f"rewarded by {in_words(stage.rewards)}; what that earns without learning is not measured")
        elif len(stage.rewards) > 1:
            yield ok(
                id, f"rewarded by {in_words(stage.rewards)}; {earned or 'the floor of similarity is not measured'}"
            )
        elif stage.rewards[0].reward.name != "similarity":
            yield ok(
                id,
                f"rewarded by {in_words(stage.rewards)}, which takes the floor off; {earned or 'it is not measured'}",
            )
        elif floor is None:
            yield ok(id, "rewarded by similarity; what is earned without learning anything is not measured for it")
        else:
            page = in_repository("docs/floors.md")
            yield ok(id, f"rewarded by similarity; {earned}. `reward: margin` takes that off ({page})")


def _lacks_contrasts(subject: Subject, stage: RLStage) -> bool:
    """Whether a reward that holds actions against other experts' finds none for any of some rows."""
    if contrasts_of(stage, subject.prepared, subject.shown.seed) is None or stage.contrasts == 0:
        return False
    rows = subject.rows(stage)
    return not any(rows[i]["contrast"] for i in range(0, len(rows), len(rows) // LOOKED_AT + 1))
