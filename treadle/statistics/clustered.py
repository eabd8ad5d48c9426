"""Means of things that come in groups (steps of a trajectory, samples of a problem), with intervals over the groups.

Members of one group are not independent, so groups are what is resampled (`ratio_bounds` of
`treadle.statistics.bootstrap`): whole groups with replacement, and the mean of all their members. One group
says nothing about the spread between groups: its interval is `None`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TypedDict

import numpy as np

from treadle.statistics.bootstrap import pair_bounds, ratio_bounds
from treadle.statistics.estimates import wilson

RESAMPLES = 2000
ANY, COUNTS, SHARES = (-math.inf, math.inf), (0.0, math.inf), (0.0, 1.0)
"""What values can lie between: an interval does not leave it, as a stretched bootstrap of few groups would."""


class Figure(TypedDict):
    """A mean as results.json holds it.

    `count` members (steps, samples) in `groups` groups (trajectories, problems); `low` and `high` bound the 95%
    interval and are `None` where there is only one group.
    """

    value: float
    low: float | None
    high: float | None
    count: int
    groups: int


def grouped_mean(
    values: Sequence[float],
    groups: Sequence[Hashable],
    *,
    share: bool = False,
    within: tuple[float, float] = ANY,
    seed: int = 0,
) -> Figure:
    """Mean of N values with a bootstrap interval over their groups.

    Args:
        values: N numbers.
        groups: N names; equal ones belong together.
        share: The values are 0 or 1, or shares that may all be 0 or 1. The interval is then at least as wide as
            Wilson's for as many trials as there are groups, which keeps a width when all are 0 or all are 1.
        within: What values can lie between, which the interval does not leave.
        seed: Of the bootstrap, which gives the same interval each time.

    Raises:
        ValueError: No values, or not one group for each.
    """
    return grouped_ratio(values, np.ones(len(values)), groups, share=share, within=within, seed=seed)


def grouped_ratio(
    above: Sequence[float],
    below: Sequence[float],
    groups: Sequence[Hashable],
    *,
    share: bool = False,
    within: tuple[float, float] = ANY,
    seed: int = 0,
) -> Figure:
    """Sum of N numerators over the sum of N denominators, with a bootstrap interval over their groups.

    Numerators and denominators of a group are drawn together, which makes it the paired interval of a ratio of means.

    Raises:
        ValueError: No values, unequal lengths, or denominators whose sum is not above 0.
    """
    above_N, below_N = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    if not len(above_N) or not len(above_N) == len(below_N) == len(groups):
        raise ValueError(f"{len(above_N)} and {len(below_N)} values, {len(groups)} groups: expected as many, not none")
    if below_N.sum() <= 0:
        raise ValueError(f"denominators add up to {below_N.sum()}: expected a sum above 0")
    numbers: dict[Hashable, int] = {}
    group_N = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    above_G = np.bincount(group_N, weights=above_N)
    below_G = np.bincount(group_N, weights=below_N)
    value = float(above_G.sum() / below_G.sum())
    figure = Figure(value=value, low=None, high=None, count=len(above_N), groups=len(numbers))
    if len(numbers) > 1:
        low, high = ratio_bounds(above_G, below_G, RESAMPLES, seed)
        if share:
            score = wilson(value * len(numbers), len(numbers))
            low, high, within = min(low, score.low), max(high, score.high), SHARES
        figure.update(low=max(low, within[0]), high=min(high, within[1]))
    return figure


def pair_mean(values_NN: np.ndarray, groups: Sequence[Hashable], seed: int = 0) -> Figure | None:
    """Mean over all ordered pairs of N members that are of different groups, with a bootstrap interval over groups.

    Args:
        values_NN: The value of member i with member j in row i, column j.
        groups: N names; equal ones belong together.
        seed: Of the bootstrap, which gives the same interval each time.

    Returns:
        The figure, whose `count` are the pairs; its bounds are `None` for two groups, which have one pair only. `None`
        for a single group.
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    if len(names) < 2:
        return None
    member_GN = np.zeros((len(names), len(groups)))
    member_GN[[names[group] for group in groups], range(len(groups))] = 1
    above_GG = member_GN @ values_NN @ member_GN.T
    below_GG = np.outer(member_GN.sum(1), member_GN.sum(1))
    np.fill_diagonal(above_GG, 0)
    np.fill_diagonal(below_GG, 0)
    value = float(above_GG.sum() / below_GG.sum())
    figure = Figure(value=value, low=None, high=None, count=int(below_GG.sum()), groups=len(names))
    if len(names) > 2:
        low, high = pair_bounds(above_GG, below_GG, RESAMPLES, seed)
        figure.update(low=low, high=high)
    return figure
