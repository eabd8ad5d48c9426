"""A stage's rewards as an engine's settings: which functions `treadle.export.scorer.Scorer` calls, by name."""

from __future__ import annotations

from functools import partial
from typing import Any

from treadle.recipe.rewards import rewards_of
from treadle.recipe.schema import Recipe, RLStage, RLVRStage, SRLStage
from treadle.recipe.validation_rows import validated_by
from treadle.scoring.rewards import final_answer_reward, srl_reward


def reward_settings(stage: RLStage, recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """`steps` and `answers` of `treadle.export.scorer.Scorer`."""
    if isinstance(stage, RLVRStage):
        weight = stage.rewards[0].weight
        answers = [_entry(final_answer_reward, weight, {"extract": stage.extract, "grader": stage.grader})]
        steps = [_entry(srl_reward, weight, {})] if stage.step_share or validated_by(stage) == "steps" else []
        return {"steps": steps, "answers": answers}
    # Without its validation: a stage that is validated by answers rewards both in one function.
    functions = rewards_of(stage.model_copy(update={"validate_every": None}), recipe)
    steps = [_of(function, choice.weight) for function, choice in zip(functions, stage.rewards, strict=True)]
    return {"steps": steps, "answers": [_entry(final_answer_reward, 1.0, {})] if _by_answers(stage) else []}


def weights(stage: RLStage) -> dict[str, float]:
    """The weight of each function by which a group's rewards are told apart; of steps and answers one name where a
    stage mixes both, as no group has both."""
    if isinstance(stage, SRLStage):
        names = [
            _of(function, 1.0)["function"] for function in rewards_of(stage.model_copy(update={"validate_every": None}))
        ]
        found = zip(names, (choice.weight for choice in stage.rewards), strict=True)
    else:
        names = [final_answer_reward.__name__, *([srl_reward.__name__] if stage.step_share else [])]
        found = ((name, stage.rewards[0].weight) for name in names)
    return {name.rpartition(":")[2]: weight for name, weight in found}


def _by_answers(stage: SRLStage) -> bool:
    return bool(stage.validate_every) and validated_by(stage) == "answers"


def _of(function: Any, weight: float) -> dict[str, Any]:
    if isinstance(function, partial):
        return _entry(function.func, weight, function.keywords)
    return _entry(function, weight, {})


def _entry(function: Any, weight: float, settings: dict[str, Any]) -> dict[str, Any]:
    return {"function": f"{function.__module__}:{function.__name__}", "weight": weight, **settings}
