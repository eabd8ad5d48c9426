"""The key `reward` of an RL stage: one reward or several, each by name, with a weight and settings of its own.

reward: margin
reward: my_package.rewards:kind
reward: [similarity, {name: edit, weight: 0.5}, {name: "my_package.rewards:kind", strict: true}]
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from treadle.errors import RewardError
from treadle.scoring.registry import Reward, find, load


@dataclass(frozen=True)
class RewardChoice:
    """A reward of a stage.

    Args:
        reward: Which.
        weight: In the sum; 0 for one that is logged and not trained on.
        settings: Keywords of its function.
    """

    reward: Reward
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_choices(value: Any) -> tuple[RewardChoice, ...]:
    """The rewards that a recipe names, in order.

    Raises:
        ValueError: There is none, an entry is none, a weight is no number, all are 0, or one name stands there twice.
    """
    entries = value if isinstance(value, (list, tuple)) else [value]
    choices = tuple(map(_choice, entries))
    if not choices:
        raise ValueError("found an empty list, expected a reward, for instance reward: similarity")
    names = [_function_of(choice.reward) for choice in choices]
    for number, name in enumerate(names):
        if name in names[:number]:
            first, second = (choices[k].reward.name for k in (names.index(name), number))
            told = f"{first!r} twice" if first == second else f"{first!r} and {second!r}, both functions {name!r}"
            raise ValueError(f"found {told}: each is logged under its function's name; take one out, or rename it")
    if not any(choice.weight for choice in choices):
        raise ValueError(
            "all weights are 0, so nothing is rewarded; leave `weight` out of one of them, which is 1 then"
        )
    return choices


def _function_of(reward: Reward) -> str:
    return reward.place.rpartition(":")[2].rpartition(".")[2]


def _choice(entry: Any) -> RewardChoice:
    settings = {"name": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, Mapping) else {}
    name, weight = settings.pop("name", None), settings.pop("weight", 1.0)
    if not isinstance(name, str):
        raise ValueError(f"found {entry!r}, expected a name, or {{name: ..., weight: 1}}")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
        raise ValueError(f"{name}.weight: found {weight!r}, expected a number")
    strange = next((key for key in settings if not isinstance(key, str)), None)
    if strange is not None:
        raise ValueError(f"{name}: found the setting {strange!r}, expected names")
    try:
        return RewardChoice(find(name), float(weight), settings)
    except RewardError as error:
        raise ValueError(str(error)) from None


def check_of_steps(choices: Sequence[RewardChoice], whole: bool, with_contrasts: bool) -> None:
    """Raise `ValueError` for rewards that an SRL stage cannot have.

    Args:
        choices: Its rewards.
        whole: Whether its unit are whole solutions.
        with_contrasts: Whether the recipe says how many other actions one is held against.
    """
    named = [choice.reward for choice in choices]
    for reward in named:
        if reward.of == "answers":
            raise ValueError(f"reward={reward.name!r} is one of final answers; take it out, or set kind=rlvr")
        if whole and not reward.is_own and reward.name != "similarity":
            raise ValueError(f"reward={reward.name!r} is one of steps; set reward=similarity, or unit=step")
    contrasted = [reward.name for reward in named if reward.most]
    if len(contrasted) > 1:
        raise ValueError(
            f"{' and '.join(contrasted)} hold actions against others, chosen in different ways; take one out"
        )
    if with_contrasts and not contrasted:
        raise ValueError(f"contrasts are for reward=margin and reward=scaled; reward={in_words(choices)!r} has none")


def check_of_answers(choices: Sequence[RewardChoice]) -> None:
    """Raise `ValueError` for rewards that an RLVR stage cannot have."""
    for choice in choices:
        if choice.reward.of in ("steps", "agents"):
            raise ValueError(f"reward={choice.reward.name!r} is one of steps; take it out, or set kind=srl")


def in_words(choices: Iterable[RewardChoice]) -> str:
    """The rewards for people: `similarity and 0.5 x edit`."""
    return " and ".join(c.reward.name if c.weight == 1 else f"{c.weight:g} x {c.reward.name}" for c in choices)


def are_similarity(choices: Iterable[RewardChoice]) -> bool:
    """Whether the total of the rewards is the paper's similarity."""
    return [(choice.reward.name, choice.weight) for choice in choices if choice.weight] == [("similarity", 1.0)]


def reads(choices: Iterable[RewardChoice], column: str) -> bool:
    """Whether one of the functions names a column: one that costs something is made only then.

    Raises:
        RewardError: A function cannot be imported.
    """
    return any(column in parameters(load(choice.reward)) for choice in choices)


def parameters(function: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments; none where it does not tell."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _checked(value: Any) -> Any:
    read_choices(value)
    return value


_ENTRY = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "weight": {"type": "number"}},
            "required": ["name"],
        },
    ]
}
_SHAPE = {"anyOf": [*_ENTRY["anyOf"], {"type": "array", "minItems": 1, "items": _ENTRY}]}

RewardKey = Annotated[Any, AfterValidator(_checked), WithJsonSchema(_SHAPE)]
"""As a recipe has it, so that it is written back in the same words; `read_choices` reads it."""
