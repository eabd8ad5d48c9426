"""A group, the unit of GRPO: one prompt with its G completions and their rewards, from sampling to the update.

`SRLTrainer` samples groups, keeps those with a signal, and only then makes tensors of them, so that a dropped group
costs nothing but its rollout. Groups are plain Python: they travel between processes and lie in checkpoints.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from treadle.training.sampling import Drop, Refill, drop_reasons, informative_groups, spread_P

Rows = list[list[int]]


@dataclass(frozen=True)
class Group:
    """One prompt's G completions.

    Args:
        row: The data set's row, with what the rollout added to it.
        prompt_ids, completion_ids: Token ids.
        completions: As TRL gives them to reward functions: strings or lists of messages.
        rewards: Of each completion one value for each reward function; NaN where it gave none.
        generation: Number of the generation, from 0, in which the group was sampled.
        rollout_logps: Log-probs of the completion's tokens as the rollout engine tells them, if it does.
        tool_mask: 1 for tokens that the model wrote, where others stand among them.
        extras: Further columns of TRL's table of completions.
        old_logps: Log-probs by the policy that sampled the group; only of groups that wait for a later generation.
    """

    row: dict[str, Any]
    prompt_ids: Rows
    completion_ids: Rows
    completions: list[Any]
    rewards: list[list[float]]
    generation: int
    rollout_logps: list[list[float]] | None = None
    tool_mask: Rows | None = None
    extras: dict[str, list[Any]] = field(default_factory=dict)
    old_logps: list[list[float]] | None = None

    def muted(self) -> Group:
        """The same group without rewards: its advantages become 0."""
        return replace(self, rewards=[[math.nan] * len(rewards) for rewards in self.rewards])

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """Its row once for each completion, as TRL's data loader repeats it."""
        return [dict(self.row) for _ in self.completion_ids]


def total_rewards(rewards_BF: torch.Tensor, weights_F: torch.Tensor) -> torch.Tensor:
    """`[B]` weighted sums over reward functions; NaN where no function gave a value."""
    return (rewards_BF * weights_F).nansum(1).masked_fill(rewards_BF.isnan().all(1), torch.nan)


@dataclass
class Collected:
    """The groups of one generation as they come in, and what became of each.

    Args:
        wanted: Groups that the batch shall have.
        kept: Informative groups to train on, in the order of sampling; begins with those that waited.
        dropped: The others, each with its spread (NaN for one that cannot be scored). One that is all poor has none
            either, and no rewards: it can fill a batch up, but nothing is learned from it.
        reasons: Why these were dropped, counted.
        rewards: Of each round, `[B, F]`: all completions that were sampled by all reward functions.
        waited: Groups of `kept` that were sampled in an earlier generation.
        sampled: Groups sampled in this one.
        rounds: Rounds of sampling so far.
    """

    wanted: int
    kept: list[Group]
    dropped: list[tuple[float, Group]] = field(default_factory=list)
    reasons: Counter[Drop] = field(default_factory=Counter)
    rewards: list[torch.Tensor] = field(default_factory=list)
    waited: int = 0
    sampled: int = 0
    rounds: int = 0

    def __post_init__(self) -> None:
        self.waited = len(self.kept)

    @property
    def missing(self) -> int:
        return max(0, self.wanted - len(self.kept))

    @property
    def fresh(self) -> int:
        """Informative groups sampled in this generation."""
        return len(self.kept) - self.waited

    def add(
        self, groups: Sequence[Group], weights_F: torch.Tensor, threshold: float, floor: float | None = None
    ) -> list[Drop | None]:
        """Take in the groups of one round; returns for each why it is dropped, `None` for a kept one.

        Args:
            weights_F: Of the reward functions.
            threshold, floor: See `informative_groups`.
        """
        size = len(groups[0].completion_ids)
        rewards_BF = torch.tensor([rewards for group in groups for rewards in group.rewards], dtype=torch.float32)
        rewards_B = total_rewards(rewards_BF, weights_F)
        keep_P = informative_groups(rewards_B, size, threshold, floor)
        dropped = iter(drop_reasons(rewards_B, size, keep_P, rewards_BF[:, weights_F != 0], threshold))
        reasons = [None if keep else next(dropped) for keep in keep_P]
        for group, reason, spread in zip(groups, reasons, spread_P(rewards_B, size).tolist(), strict=True):
            if reason is None:
                self.kept.append(group)
            else:
                self.dropped.append((math.nan, group.muted()) if reason is Drop.ALL_POOR else (spread, group))
                self.reasons[reason] += 1
        self.rewards.append(rewards_BF)
        self.sampled += len(groups)
        self.rounds += 1
        return reasons

    def best_of_the_rest(self, count: int) -> list[Group]:
        """The `count` dropped groups with the widest spread, in the order of sampling; poor ones where there are no
        others."""
        spreads = [-1.0 if math.isnan(spread) else spread for spread, _ in self.dropped]
        widest = sorted(range(len(spreads)), key=lambda i: -spreads[i])[:count]
        return [self.dropped[i][1] for i in sorted(widest)]


def further_groups(refill: Refill, wanted: int, missing: int, kept: int, sampled: int) -> int:
    """How many prompts to draw when `missing` of `wanted` groups are not there yet.

    Args:
        refill: `missing` draws as many as are missing; `expected` so many more that, by the share kept of this
            generation so far (`kept` of `sampled`), enough should be kept; `full` a whole generation again.
    """
    if refill == "missing":
        return missing
    if refill == "full" or not kept:
        return wanted
    return min(wanted, math.ceil(missing * sampled / kept))


def padded(rows: Sequence[Sequence[float]], fill: float, left: bool, dtype: torch.dtype) -> torch.Tensor:
    """`[B, T]` from B lists, filled up on the left or on the right."""
    width = max(len(row) for row in rows)
    filled = [[fill] * (width - len(row)) + list(row) if left else [*row, *[fill] * (width - len(row))] for row in rows]
    return torch.tensor(filled, dtype=dtype)
