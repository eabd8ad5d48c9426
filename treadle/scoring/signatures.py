"""Whether a reward function can be called with what a recipe and the trainer give it: keywords, lists of a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from treadle.errors import RewardError
from treadle.scoring.registry import Reward, nearest

GIVEN = (
    *("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"),  # by TRL
    *("truncated", "thought_tags"),  # by `SRLTrainer`
)
"""Keywords that every reward function is called with, beside the columns of the rows."""


def check_signature(
    reward: Reward,
    function: Callable[..., Any],
    settings: Mapping[str, Any],
    columns: Iterable[str],
    owned: Mapping[str, str],
) -> None:
    """Hold a function's arguments against what it will be called with.

    Args:
        reward, function: The function by its name.
        settings: Keywords that a recipe gives it.
        columns: Of the rows.
        owned: Keywords that a recipe gives by keys of the stage, with these.

    Raises:
        RewardError: A setting is none of its keywords, or given already; it needs more than it gets, or takes less.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # it does not tell
        return
    kinds = inspect.Parameter
    takes_any = any(each.kind is kinds.VAR_KEYWORD for each in parameters.values())
    named = {
        n: each for n, each in parameters.items() if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
    }
    given = dict.fromkeys((*GIVEN, *columns))
    for key in settings:
        where = f"reward {reward.name!r}: {key}"
        if key in owned:
            raise RewardError(f"{where}: set it by the stage's own key {owned[key]}")
        if key in given:
            raise RewardError(f"{where}: is given by the trainer for each batch and is no setting; leave it out")
        if key not in named:
            free = [n for n in named if n not in given and n not in owned]
            hint = nearest(key, free) if free else "it has no settings"
            raise RewardError(f"{where}: unknown setting; {hint}")
    positional = [
        n for n, each in parameters.items() if each.kind is kinds.POSITIONAL_ONLY and each.default is each.empty
    ]
    if positional:
        raise RewardError(
            f"reward {reward.name!r}: takes {', '.join(positional)} by position, and is called with keywords; leave "
            "out the / of its arguments"
        )
    needed = [
        n for n, each in named.items() if each.default is each.empty and n not in given | dict(owned) | dict(settings)
    ]
    if needed:
        raise RewardError(
            f"reward {reward.name!r}: needs {', '.join(map(repr, needed))}, and is called with {', '.join(given)}; "
            f"give a setting of that name in the recipe ({{name: {reward.name}, {needed[0]}: ...}}), or a default"
        )
    if not takes_any:
        left = [n for n in given if n not in named]
        raise RewardError(
            f"reward {reward.name!r}: takes no {', '.join(map(repr, left[:3]))} and others that it is called with; end "
            "its arguments with **kwargs"
        )
