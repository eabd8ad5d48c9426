"""`sampling_floor` of a stage as a number: as the recipe has it, or for `data` what `treadle prepare` has measured.

That floor is what similarity a policy earns that sends the same for every problem or repeats what its prompt shows
(docs/floors.md). A group whose best completion is below it has nothing of which one could say that it was learned.
"""

from __future__ import annotations

from typing import TypeVar

from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.recipe.reward_choices import are_similarity, in_words
from treadle.recipe.schema import AnyStage, RLStage, RLVRStage, SRLStage
from treadle.recipe.shown import NOTHING, Shown
from treadle.recipe.training_data import similarity_floor

AStage = TypeVar("AStage", bound=AnyStage)


def with_sampling_floor(stage: AStage, prepared: Prepared, shown: Shown = NOTHING) -> AStage:
    """The stage with a number, or none, in place of `sampling_floor: data`.

    Args:
        shown: What the recipe adds to prompts.

    Raises:
        RecipeError: No floor is measured for what the stage is rewarded by; the message says why.
    """
    if not isinstance(stage, RLStage) or stage.sampling_floor != "data":
        return stage
    reason = _why_no_bar(stage)
    floor = None if reason else similarity_floor(stage, prepared, shown)
    if floor is None:
        reason = reason or (
            f"{prepared.folder} has none: prepared by an earlier version (prepare it again), or of a single trajectory"
        )
        raise RecipeError(
            f"stages.{stage.name}.sampling_floor: data takes the floor of similarity that was measured, but {reason}; "
            "set a number, or leave it out"
        )
    return stage.model_copy(update={"sampling_floor": floor})


def _why_no_bar(stage: RLStage) -> str | None:
    """Why the floor of a data set's similarity is no bar for the rewards of a stage."""
    if isinstance(stage, RLVRStage) and not stage.step_share:
        return "final answers earn 0 or 1, and a group without a right one is dropped as all_wrong already"
    if isinstance(stage, SRLStage):
        if not are_similarity(stage.rewards):
            return f"reward={in_words(stage.rewards)} is another reward than similarity"
        if stage.unit != "step":
            return f"unit={stage.unit} is not measured, only single steps are"
        if stage.autojunk or stage.argument_order != "model_first":
            return "it is measured without autojunk and with argument_order=model_first"
    return None
