"""The reward functions of a stage, each TRL's own function with its weight, and what is checked of them beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from treadle.data.contrast import pool_of, texts_of
from treadle.data.prepared import Prepared
from treadle.domains.registry import find
from treadle.errors import RecipeError, RewardError
from treadle.recipe.mixed_rewards import ANSWER_DEFAULTS, only_of, step_or_answer_reward
from treadle.recipe.reward_choices import RewardChoice, parameters, reads
from treadle.recipe.schema import Recipe, RLStage, RLVRStage, SRLStage
from treadle.recipe.validation_rows import validated_by
from treadle.scoring.of_domain import reward_of
from treadle.scoring.registry import load
from treadle.scoring.rewards import final_answer_reward, solution_reward
from treadle.scoring.signatures import check_signature
from treadle.scoring.weighted import TokenWeights

_COLUMNS = ("trajectory_id", "step", "answer", "expert_action")
_OF_THE_STAGE = ("think_tags", "autojunk", "argument_order")
_OWNED = {"most": "contrasts", "extract": "extract", "grader": "grader"}
"""Further keywords of treadle's own rewards that a stage has other or the same keys for."""
_OF_THE_DATA = ("contrast", "weights", "seed")
"""Keywords of treadle's own rewards that a recipe gives by its data and seed."""


def rewards_of(stage: RLStage, recipe: Recipe | None = None) -> list[Callable[..., Any]]:
    """The reward functions of a stage; the `__name__` of each is what TRL logs it under.

    Where a stage is validated by what it does not train on, they reward both: a single one of similarity in one
    function, others with one more function, for the other kind of row, beside them.

    Args:
        recipe: For its data and seed, where a reward needs them (`weighted`).

    Raises:
        RewardError: A function cannot be imported.
    """
    if isinstance(stage, RLVRStage):
        return [
            _answer_reward(stage) if c.reward.of == "answers" else _function(c, stage, recipe) for c in stage.rewards
        ]
    functions = [_function(choice, stage, recipe) for choice in stage.rewards]
    if not _answers_are_validated(stage):
        return functions
    if _is_single(stage):
        return [_named(partial(step_or_answer_reward, step_reward=functions[0]), step_or_answer_reward)]
    return [*(only_of(function, steps=True) for function in functions), only_of(final_answer_reward, steps=False)]


def reward_weights(stage: RLStage) -> list[float] | None:
    """The weights of `rewards_of`; `None` for one of weight 1."""
    weights = [choice.weight for choice in stage.rewards]
    if _answers_are_validated(stage) and not _is_single(stage):
        weights.append(1.0)
    return None if weights == [1.0] else weights


def _answers_are_validated(stage: RLStage) -> bool:
    return isinstance(stage, SRLStage) and bool(stage.validate_every) and validated_by(stage) == "answers"


def _is_single(stage: RLStage) -> bool:
    return len(stage.rewards) == 1 and stage.rewards[0].weight == 1 and stage.rewards[0].reward.logs_similarity


def _function(choice: RewardChoice, stage: RLStage, recipe: Recipe | None) -> Callable[..., Any]:
    whole = isinstance(stage, SRLStage) and stage.unit == "solution" and not choice.reward.is_own
    function = solution_reward if whole else load(choice.reward)
    named = parameters(function)
    settings = {name: getattr(stage, name) for name in _OF_THE_STAGE if name in named and hasattr(stage, name)}
    settings |= choice.settings
    if choice.reward.most and stage.contrasts is not None:
        settings["most"] = stage.contrasts
    if choice.reward.weighs and recipe is not None:
        settings["weights"] = TokenWeights(texts_of(pool_of(Prepared(recipe.data), recipe.seed)))
    return _named(partial(function, **settings), function) if settings else function


def _named(function: partial, of: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = getattr(of, "__name__", type(of).__name__)
    return function


def _answer_reward(stage: RLVRStage) -> Callable[..., Any]:
    validated = validated_by(stage) if stage.validate_every else None
    function = step_or_answer_reward if stage.step_share or validated == "steps" else final_answer_reward
    chosen = {"extract": stage.extract, "grader": stage.grader}
    differing = {name: value for name, value in chosen.items() if value != ANSWER_DEFAULTS[name]}
    return _named(partial(function, **differing), function) if differing else function


def check_rewards(stage: RLStage, prepared: Prepared, seed: int) -> None:
    """Look at everything about a stage's rewards that can be told before a model is loaded.

    Raises:
        RecipeError: A function cannot be imported or called as it will be, a setting is unknown or wrong, or steps are
            left without a reward, as the rewards are of agents' steps and the data has others.
    """
    for choice in stage.rewards:
        try:
            _check(choice, stage)
        except RewardError as error:
            raise RecipeError(f"stages.{stage.name}.reward: {error}") from None
    _check_domains(stage, prepared, seed)
    if any(choice.reward.name == "domain" for choice in stage.rewards):
        for domain in dict.fromkeys(other.form[0] for other in pool_of(prepared, seed)):
            try:
                reward_of(domain)
            except RewardError as error:
                raise RecipeError(f"stages.{stage.name}.reward: {error}") from None


def _check(choice: RewardChoice, stage: RLStage) -> None:
    reward, function = choice.reward, load(choice.reward)
    columns = [*_COLUMNS, *(["domain"] if reads(stage.rewards, "domain") else [])]
    if any(other.reward.most for other in stage.rewards):
        columns.append("contrast")
    owned = {name: name for name in _OF_THE_STAGE if hasattr(stage, name)}
    if not reward.is_own:
        columns, owned = [*columns, *_OF_THE_DATA], owned | _OWNED
    check_signature(reward, function, choice.settings, columns, owned)
    if choice.settings and not reward.is_own:  # own functions may do anything when they are called
        try:
            function([], [], **choice.settings)
        except (TypeError, ValueError) as error:
            raise RewardError(f"reward {reward.name!r}: {' '.join(str(error).split())}") from None


def _check_domains(stage: RLStage, prepared: Prepared, seed: int) -> None:
    judging = [choice.reward for choice in stage.rewards if choice.weight]
    if not all(reward.of == "agents" for reward in judging):
        return
    looked_at = pool_of(prepared, seed)
    others = [other for other in looked_at if not find(other.form[0]).of_calls]
    if not others:
        return
    domain = Counter(other.form[0] for other in others).most_common(1)[0][0]
    example = next(" ".join(other.action.split())[:60] for other in others if other.form[0] == domain)
    names = " and ".join(repr(reward.name) for reward in judging)
    raise RecipeError(
        f"stages.{stage.name}.reward: {names} looks for agents' calls, and {len(others)} of the {len(looked_at)} steps "
        f"looked at in {prepared.folder} are none but of {domain!r}, such as {example!r}: they would have no reward. "
        f"Add one, as in reward: [{judging[0].name}, similarity], or prepare agents' trajectories alone"
    )
