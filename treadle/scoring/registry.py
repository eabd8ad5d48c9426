"""The rewards that a recipe names: treadle's own, those that other packages announce, and any function by its place.

A name is one of `BUILT_IN`, one of the entry point group `treadle.rewards`, or `package.module:function`. What stands
behind it is a reward function in TRL's signature, imported when it is needed and no sooner.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from treadle.errors import RewardError
from treadle.plugins import ON_THE_PATH, NotImported, fault, imported, is_place
from treadle.scoring.contrasts import MOST
from treadle.scoring.scaled import MEASURED_BY

ENTRY_POINTS = "treadle.rewards"


@dataclass(frozen=True)
class Reward:
    """A reward by name.

    Args:
        name: In recipes.
        place: `module:function`.
        of: What it judges: `steps`, of these `agents`' alone, whole problems' `answers`, or `any` row.
        most: Other experts' actions that it holds an action against by default; 0 where it does not.
        siblings: Whether half of these are steps of the row's own trajectory.
        logs_similarity: Whether it logs the paper's similarity, which has a floor.
        weighs: Whether it takes `weights` of tokens, which a recipe makes of its data.
    """

    name: str
    place: str
    of: Literal["steps", "agents", "answers", "any"] = "any"
    most: int = 0
    siblings: bool = False
    logs_similarity: bool = False
    weighs: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is none of treadle's."""
        return self.name not in BUILT_IN


_OF_STEPS = (
    Reward("similarity", "treadle.scoring.rewards:srl_reward", "steps", logs_similarity=True),
    Reward("margin", "treadle.scoring.margin:margin_reward", "steps", MOST, siblings=True, logs_similarity=True),
    Reward("scaled", "treadle.scoring.scaled:scaled_reward", "steps", MEASURED_BY, logs_similarity=True),
    Reward("weighted", "treadle.scoring.weighted:weighted_reward", "steps", logs_similarity=True, weighs=True),
    Reward("exact", "treadle.scoring.exact:exact_reward", "steps"),
    Reward("edit", "treadle.scoring.edit:edit_reward", "steps"),
    Reward("calls", "treadle.scoring.agents:calls_reward", "agents"),
    Reward("tiered", "treadle.scoring.agents:tiered_reward", "agents"),
    Reward("domain", "treadle.scoring.of_domain:domain_reward", "steps"),
)
_OF_ANSWERS = (Reward("answer", "treadle.scoring.rewards:final_answer_reward", "answers"),)
BUILT_IN = {reward.name: reward for reward in (*_OF_STEPS, *_OF_ANSWERS)}


def find(name: str) -> Reward:
    """The reward of a name; nothing is imported.

    Raises:
        RewardError: There is none; the nearest is named.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if ":" in name:
        if not is_place(name):
            raise RewardError(f"found {name!r}, expected package.module:function")
        return Reward(name, name)
    announced = _announced()
    if name in announced:
        return Reward(name, announced[name])
    known = [*BUILT_IN, *announced]
    raise RewardError(
        f"found {name!r}, {nearest(name, known)}; a function of your own is named by its place, package.module:function"
    )


def _announced() -> dict[str, str]:
    """The places of other packages' rewards by name."""
    found: dict[str, str] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in BUILT_IN or found.get(entry.name, entry.value) != entry.value:
            by = "treadle's own" if entry.name in BUILT_IN else f"taken by {found[entry.name]}"
            raise RewardError(fault(entry, "reward", f"the name {entry.name!r} is {by}"))
        found[entry.name] = entry.value
    return found


def nearest(name: str, known: Collection[str]) -> str:
    """Which of some names was meant, for a message."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


def load(reward: Reward) -> Callable[..., Any]:
    """The function.

    Raises:
        RewardError: Its module cannot be imported, or it is no function; in one line.
    """
    module_name, _, path = reward.place.partition(":")
    found: Any = _module(reward, module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            known = [name for name in dir(found) if callable(getattr(found, name, None)) and not name.startswith("_")]
            raise RewardError(f"reward {reward.name!r}: {module_name} has no {part!r}; {_among(part, known)}")
        found = getattr(found, part)
    if inspect.isclass(found) or not callable(found):
        what = "a class, whose instance may be one" if inspect.isclass(found) else type(found).__name__
        raise RewardError(
            f"reward {reward.name!r}: found {what}, expected a function that takes completions and columns as "
            "keywords and returns a list of numbers"
        )
    return found


def _among(name: str, known: Collection[str]) -> str:
    return nearest(name, known) if known else "there is no function in it"


def _module(reward: Reward, name: str) -> Any:
    try:
        return imported(EntryPoint(reward.name, name, ENTRY_POINTS))
    except NotImported as error:
        raise RewardError(f"reward {reward.name!r}: {name} {error}; {ON_THE_PATH}") from None
