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


def wilson(successes: float, trials: int) -> Estimate:
    """Share of successes with its Wilson score interval (E. B. Wilson, 1927).

    Args:
        successes: Their number; a mean over several runs need not be whole.

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


def mean_over_runs(right_SP: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Mean accuracy of S runs (seeds) over the same P problems.

    The seeds share their problems, so pooling them as S * P independent trials would be too confident. The
    interval is the wider of Wilson's for P problems and, for several seeds, a bootstrap over seeds and problems.
    """
    right_SP = np.asarray(right_SP, dtype=float)
    mean, problems = float(right_SP.mean()), right_SP.shape[1]
    score = wilson(mean * problems, problems)
    return _widest(mean, score, *_bootstrap(right_SP, resamples, seed))


def paired_difference(first_SP: ArrayLike, second_SP: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Accuracy of `first` minus that of `second`, run by run over the same problems.

    The interval is Newcombe's for paired proportions (Statistics in Medicine 17, 1998, method 8), which
    keeps a width when both are 0 or 1; with several seeds the wider of it and a bootstrap over seeds and
    problems.

    Args:
        first_SP: S runs (seeds), each with 0 or 1 for each of P problems.
        second_SP: The same for the other arm.

    Raises:
        ValueError: The shapes differ.
    """
    first_SP, second_SP = np.asarray(first_SP, dtype=float), np.asarray(second_SP, dtype=float)
    if first_SP.shape != second_SP.shape:
        raise ValueError(f"shapes {first_SP.shape} and {second_SP.shape}: a paired difference needs the same runs")
    difference = float((first_SP - second_SP).mean())
    return _widest(difference, _newcombe(first_SP, second_SP), *_bootstrap(first_SP - second_SP, resamples, seed))


def _newcombe(first_SP: np.ndarray, second_SP: np.ndarray) -> Estimate:
    problems = first_SP.shape[1]
    p, q = float(first_SP.mean()), float(second_SP.mean())
    _, low_p, high_p = wilson(p * problems, problems)
    _, low_q, high_q = wilson(q * problems, problems)
    spread = math.sqrt(p * (1 - p) * q * (1 - q))
    correlation = (float((first_SP * second_SP).mean()) - p * q) / spread if spread else 0.0
    below, above = (p - low_p, high_q - q), (high_p - p, q - low_q)
    low, high = (math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b)) for a, b in (below, above))
    return Estimate(p - q, p - q - low, p - q + high)


def _bootstrap(scores_SP: np.ndarray, resamples: int, seed: int) -> list[Estimate]:
    """Nothing for one seed, where the score intervals say it all."""
    seeds, problems = scores_SP.shape
    if seeds == 1:
        return []
    rng = np.random.default_rng(seed)
    rows_RS = rng.integers(seeds, size=(resamples, seeds))
    means_R = np.array([scores_SP[rows].mean(0)[rng.integers(problems, size=problems)].mean() for rows in rows_RS])
    low, high = np.quantile(means_R, [0.025, 0.975])
    return [Estimate(float(scores_SP.mean()), float(low), float(high))]


def _widest(value: float, *estimates: Estimate) -> Estimate:
    return Estimate(value, min(e.low for e in estimates), max(e.high for e in estimates))
