"""Dynamic sampling: keep the groups that carry a learning signal (paper section 3, after DAPO).

GRPO divides by the spread of a group's rewards, so a group whose rewards are all alike teaches nothing. A
prompt is kept only if the population standard deviation of its G rewards is above a threshold; further
prompts are drawn until the batch is full or a cap is hit. The paper does not give the threshold.
"""

from __future__ import annotations

import torch


def informative_groups(rewards_B: torch.Tensor, group_size: int, threshold: float) -> torch.Tensor:
    """Which groups to keep.

    Args:
        rewards_B: Rewards of P * G completions, siblings adjacent; NaN marks an unscorable completion.
        group_size: G.
        threshold: Population standard deviation above which a group is informative.

    Returns:
        `[P]` booleans. A group with fewer than two scored completions is not informative.
    """
    rewards_PG = rewards_B.view(-1, group_size).double()
    scored_PG = ~rewards_PG.isnan()
    count_P = scored_PG.sum(1)
    mean_P1 = rewards_PG.nansum(1, keepdim=True) / count_P.clamp(min=1)[:, None]
    variance_P = ((rewards_PG - mean_P1).square().nansum(1)) / count_P.clamp(min=1)
    return (count_P > 1) & (variance_P.sqrt() > threshold)
