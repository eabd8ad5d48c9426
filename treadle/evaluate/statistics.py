"""Intervals and paired comparisons, so that no figure stands without what the data can carry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Z95 = 1.959963984540054  # the normal distribution's 97.5% point


class Estimate(NamedTuple):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> Estimate:
    """Share of successes with its Wilson score interval (E. B. Wilson, 1927).

    Raises:
        ValueError: No trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials: expected 0 <= successes <= trials, trials >= 1")
    share = successes / trials
    denominator = 1 + Z95**2 / trials
    centre = (share + Z95**2 / (2 * trials)) / denominator
    half = Z95 * math.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2)) / denominator
    # Rounding must not put the share outside its own interval at 0 and 1.
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def mean_over_runs(scores_SP: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Mean score of S runs over the same P problems, with a bootstrap interval over runs and problems.

    Several seeds share their problems, so their pooled successes are not independent trials and Wilson's
    interval would be too narrow; both are resampled here.
    """
    scores_SP = np.asarray(scores_SP, dtype=float)
    seeds, problems = scores_SP.shape
    rng = np.random.default_rng(seed)
    rows_RS = rng.integers(seeds, size=(resamples, seeds))
    means_R = np.empty(resamples)
    for r in range(resamples):
        columns_P = rng.integers(problems, size=problems)
        means_R[r] = scores_SP[rows_RS[r]].mean(0)[columns_P].mean()
    low, high = np.quantile(means_R, [0.025, 0.975])
    return Estimate(float(scores_SP.mean()), float(low), float(high))


def paired_difference(first_SP: ArrayLike, second_SP: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Mean of `first` minus `second`, run by run over the same problems, with a bootstrap interval.

    Args:
        first_SP: S runs (seeds), each with one score for each of P problems.
        second_SP: The same for the other arm.

    Raises:
        ValueError: The shapes differ.
    """
    first_SP, second_SP = np.asarray(first_SP, dtype=float), np.asarray(second_SP, dtype=float)
    if first_SP.shape != second_SP.shape:
        raise ValueError(f"shapes {first_SP.shape} and {second_SP.shape}: a paired difference needs the same runs")
    return mean_over_runs(first_SP - second_SP, resamples, seed)
