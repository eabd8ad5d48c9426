"""RLVR from prefixes: the policy of a stage, what its rows get, and what is refused before a model is loaded."""

from __future__ import annotations

from treadle.data.solutions import Given
from treadle.errors import RecipeError
from treadle.recipe.schema import AnyStage, RLVRStage
from treadle.scoring.thoughts import ThoughtTags
from treadle.training.prefixes.policy import PrefixPolicy
from treadle.training.prefixes.registry import policy_of


def prefix_policy(stage: AnyStage) -> PrefixPolicy | None:
    """The policy that a stage names; `None` for a stage without prefixes.

    Raises:
        RecipeError: There is no such policy, or its settings are wrong.
    """
    if not isinstance(stage, RLVRStage) or stage.prefix is None:
        return None
    try:
        return policy_of(stage.prefix.policy, stage.prefix.settings)
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None


def given_of(stage: AnyStage, tags: ThoughtTags) -> Given | None:
    """What the rows of a stage get for its policy; `None` for a stage without prefixes. Raises like `prefix_policy`.

    Args:
        tags: Of the model's thoughts.
    """
    policy = prefix_policy(stage)
    return policy and Given(stage.prefix.target, tags, policy.place == "prompt")
