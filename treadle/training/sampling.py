"""Dynamic sampling: keep the groups that carry a learning signal (paper section 3, after DAPO).

GRPO divides by the spread of a group's rewards, so a group whose rewards are all alike teaches nothing. A
prompt is kept only if the population standard deviation of its G rewards is above a threshold; further
prompts are drawn until the batch is full or a cap is hit. The paper does not give the threshold.
"""

from __future__ import annotations

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


def drop_reasons(rewards_B: torch.Tensor, group_size: int, keep_P: torch.Tensor) -> list[Drop]:
    """Why each group that is not kept is dropped, in order.

    Args:
        rewards_B: As for `informative_groups`.
        keep_P: What that returned.

    Returns:
        One reason for each dropped group: fewer than two scored completions; all of them broken formats (-1), all with
        the highest reward (1), or all with 0; else a spread that is not above the threshold.
    """
    reasons = []
    for rewards_G in rewards_B.view(-1, group_size)[~keep_P]:
        scored = rewards_G[~rewards_G.isnan()]
        if len(scored) < 2:
            reasons.append(Drop.UNSCORABLE)
        elif bool((scored == FORMAT_REWARD).all()):
            reasons.append(Drop.ALL_FORMAT_FAULTS)
        elif bool((scored == 1).all()):
            reasons.append(Drop.ALL_RIGHT)
        elif bool((scored == 0).all()):
            reasons.append(Drop.ALL_WRONG)
        else:
            reasons.append(Drop.LOW_SPREAD)
    return reasons
