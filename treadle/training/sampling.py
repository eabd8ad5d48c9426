"""Dynamic sampling: keep the groups that carry a learning signal (paper section 3, after DAPO).

GRPO divides by the spread of a group's rewards, so a group whose rewards are all alike teaches nothing. A
prompt is kept only if the population standard deviation of its G rewards is above a threshold; further
prompts are drawn until the batch is full or a cap is hit. The paper does not give the threshold.

Not in the paper, and off by default: a floor under the best reward of a group. Rewards that are all poor still have a
spread, and advantages divided by it are as large as any (docs/sampling.md, "Groups that are all poor").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal

import torch

from treadle.errors import RecipeError
from treadle.scoring.rewards import FORMAT_REWARD

WhenShort = Literal["train", "fill", "stop"]
Refill = Literal["missing", "expected", "full"]


class Drop(StrEnum):
    """Why a group is not trained on. The first that applies, in this order."""

    UNSCORABLE = "unscorable"
    ALL_FORMAT_FAULTS = "all_format_faults"
    ALL_RIGHT = "all_right"
    ALL_WRONG = "all_wrong"
    LOW_SPREAD = "low_spread"
    ALL_POOR = "all_poor"


def informative_groups(
    rewards_B: torch.Tensor, group_size: int, threshold: float, floor: float | None = None
) -> torch.Tensor:
    """Which groups to keep.

    Args:
        rewards_B: Rewards of P * G completions, siblings adjacent; NaN marks an unscorable completion.
        group_size: G.
        threshold: Population standard deviation above which a group is informative.
        floor: Reward that the best completion of an informative group has at least; `None` for no such bar.

    Returns:
        `[P]` booleans. A group with fewer than two scored completions is not informative.
    """
    informative_P = spread_P(rewards_B, group_size) > threshold
    return informative_P if floor is None else informative_P & (best_P(rewards_B, group_size) >= floor)


def spread_P(rewards_B: torch.Tensor, group_size: int) -> torch.Tensor:
    """Population standard deviation of each group's rewards, in double precision.

    Args:
        rewards_B: As for `informative_groups`.
        group_size: G.

    Returns:
        `[P]`, over the scored completions of each group; NaN where fewer than two are scored.
    """
    rewards_PG = rewards_B.view(-1, group_size).double()
    count_P = (~rewards_PG.isnan()).sum(1)
    mean_P1 = rewards_PG.nansum(1, keepdim=True) / count_P.clamp(min=1)[:, None]
    variance_P = ((rewards_PG - mean_P1).square().nansum(1)) / count_P.clamp(min=1)
    return variance_P.sqrt().masked_fill(count_P < 2, torch.nan)


def best_P(rewards_B: torch.Tensor, group_size: int) -> torch.Tensor:
    """The highest reward of each group, `[P]`; minus infinity where no completion is scored.

    Args:
        rewards_B: As for `informative_groups`.
        group_size: G.
    """
    return rewards_B.view(-1, group_size).nan_to_num(nan=-torch.inf).amax(1)


def check_floor(floor: float | None, weights: Sequence[float]) -> None:
    """Raise `RecipeError` for a floor that rewards of -1 (a broken format) to 1 all miss or none can miss.

    Args:
        floor: See `informative_groups`.
        weights: Of the reward functions.
    """
    highest = float(sum(map(abs, weights)))
    if floor is not None and floor > highest:
        raise RecipeError(
            f"sampling_floor={floor}: above {highest:g}, the highest reward there is (weights times 1), so that every "
            f"group would be dropped; set a number between 0 and {highest:g}, or null for no floor"
        )
    if floor is not None and floor < FORMAT_REWARD * highest:
        raise RecipeError(
            f"sampling_floor={floor}: below {FORMAT_REWARD * highest:g}, what a broken format earns, so that no group "
            f"would be dropped; set a number between 0 and {highest:g}, or null for no floor"
        )


def all_equal(rewards_BF: torch.Tensor, value: float, functions: Callable[[Iterable[bool]], bool] = any) -> bool:
    """Whether a reward function gave `value` to all completions that it scored, and scored some.

    Weights hide that in a total, and so does a second function that scores something else.

    Args:
        rewards_BF: `[B, F]` before they are weighted, or `[B]` of one function; NaN for none.
        functions: Whether `any` function is enough, or `all` are wanted of which there are scores.
    """
    columns = rewards_BF.unsqueeze(1).unbind(1) if rewards_BF.dim() == 1 else rewards_BF.unbind(1)
    scored = [column[~column.isnan()] for column in columns]
    found = [bool((column == value).all()) for column in scored if len(column)]
    return bool(found) and functions(found)


def drop_reasons(
    rewards_B: torch.Tensor,
    group_size: int,
    keep_P: torch.Tensor,
    rewards_BF: torch.Tensor | None = None,
    threshold: float = math.inf,
) -> list[Drop]:
    """Why each group that is not kept is dropped, in order.

    Args:
        rewards_B: As for `informative_groups`.
        keep_P: What that returned.
        rewards_BF: The same by each function that has a weight, before they are weighted; by default there is one, of
            weight 1.
        threshold: As for `informative_groups`; needed where that had a floor.

    Returns:
        One reason for each dropped group: fewer than two scored completions; all of them broken formats (-1 by a
        function), all with the highest reward (1 by each function), or all with 0; a spread that is not above the
        threshold; else a best reward below the floor. So a floor changes the reason of no group that is dropped without
        one.
    """
    reasons = []
    rewards_BF = rewards_B.unsqueeze(1) if rewards_BF is None else rewards_BF
    given_PGF = rewards_BF.view(-1, group_size, rewards_BF.shape[1])
    spreads = spread_P(rewards_B, group_size)[~keep_P].tolist()
    groups = zip(rewards_B.view(-1, group_size)[~keep_P], given_PGF[~keep_P], spreads, strict=True)
    for rewards_G, given_GF, spread in groups:
        if int((~rewards_G.isnan()).sum()) < 2:
            reasons.append(Drop.UNSCORABLE)
        elif all_equal(given_GF, FORMAT_REWARD):
            reasons.append(Drop.ALL_FORMAT_FAULTS)
        elif all_equal(given_GF, 1, all):
            reasons.append(Drop.ALL_RIGHT)
        elif all_equal(given_GF, 0, all):
            reasons.append(Drop.ALL_WRONG)
        else:
            reasons.append(Drop.ALL_POOR if spread > threshold else Drop.LOW_SPREAD)
    return reasons
