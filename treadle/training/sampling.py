"""Dynamic sampling: keep the groups that carry a learning signal (paper section 3, after DAPO).

GRPO divides by the spread of a group's rewards, so a group whose rewards are all alike teaches nothing. A
prompt is kept only if the population standard deviation of its G rewards is above a threshold; further
prompts are drawn until the batch is full or a cap is hit. The paper does not give the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Literal

import torch

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


def informative_groups(rewards_B: torch.Tensor, group_size: int, threshold: float) -> torch.Tensor:
    """Which groups to keep.

    Args:
        rewards_B: Rewards of P * G completions, siblings adjacent; NaN marks an unscorable completion.
        group_size: G.
        threshold: Population standard deviation above which a group is informative.

    Returns:
        `[P]` booleans. A group with fewer than two scored completions is not informative.
    """
    return spread_P(rewards_B, group_size) > threshold


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
    rewards_B: torch.Tensor, group_size: int, keep_P: torch.Tensor, rewards_BF: torch.Tensor | None = None
) -> list[Drop]:
    """Why each group that is not kept is dropped, in order.

    Args:
        rewards_B: As for `informative_groups`.
        keep_P: What that returned.
        rewards_BF: The same by each function that has a weight, before they are weighted; by default there is one, of
            weight 1.

    Returns:
        One reason for each dropped group: fewer than two scored completions; all of them broken formats (-1 by a
        function), all with the highest reward (1 by each function), or all with 0; else a spread that is not above the
        threshold.
    """
    reasons = []
    rewards_BF = rewards_B.unsqueeze(1) if rewards_BF is None else rewards_BF
    given_PGF = rewards_BF.view(-1, group_size, rewards_BF.shape[1])
    for rewards_G, given_GF in zip(rewards_B.view(-1, group_size)[~keep_P], given_PGF[~keep_P], strict=True):
        if int((~rewards_G.isnan()).sum()) < 2:
            reasons.append(Drop.UNSCORABLE)
        elif all_equal(given_GF, FORMAT_REWARD):
            reasons.append(Drop.ALL_FORMAT_FAULTS)
        elif all_equal(given_GF, 1, all):
            reasons.append(Drop.ALL_RIGHT)
        elif all_equal(given_GF, 0, all):
            reasons.append(Drop.ALL_WRONG)
        else:
            reasons.append(Drop.LOW_SPREAD)
    return reasons
