"""Intervals by formula: of one share, of a mean score, and of the difference of two over the same problems.

What is resampled stands in `treadle.statistics.bootstrap`; what is shown is made of both, in
`treadle.statistics.intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Z95 = 1.959963984540054  # the normal distribution's 97.5% point


class Estimate(NamedTuple):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


def in_percent(figure: Mapping[str, float] | None) -> str:
    """A share with its interval for people; `-` for none.

    Args:
        figure: The fields of an `Estimate`, as files have them.
    """
    return "-" if figure is None else f"{figure['value']:.0%} ({figure['low']:.0%} to {figure['high']:.0%})"


def wilson(successes: float, trials: float) -> Estimate:
    """Share of successes with its score interval.

    Source: E. B. Wilson, JASA 22 (1927), 209-212.

    Args:
        successes: Their number; a mean over several runs need not be whole.
        trials: Their number; an effective one need not be whole either.

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


def effective_wilson(scores_P: np.ndarray) -> Estimate:
    """Wilson's interval for a mean score, with as many trials as give a proportion the variance of the mean.

    For scores of 0 and 1 the trials are the problems. Scores that agree make them more. Two made-up problems, one of
    score 0 and one of score 1, are added where the variance is estimated: without them it would be zero where all
    problems agree, and too small where one problem out of many is solved.

    Source: P. S. Kott and D. A. Carr, Journal of Official Statistics 13 (1997); the made-up problems are ours.
    """
    problems, mean = len(scores_P), float(scores_P.mean())
    padded = np.append(scores_P, [0.0, 1.0])
    spread = float(padded.mean() * (1 - padded.mean()))
    trials = problems * spread / float(padded.var())
    return wilson(min(mean, 1.0) * trials, trials) if trials >= 1 else Estimate(mean, 0.0, 1.0)


def difference_distances(first: Estimate, second: Estimate, correlation: float) -> tuple[float, float]:
    """How far the bounds of `first` minus `second` lie below and above it.

    Source: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008), 1693-1702. With Wilson's intervals of two
    proportions over the same problems and the phi coefficient it is R. G. Newcombe's method 8 (Statistics in Medicine
    17, 1998, 2635-2650), without a correlation his method 10 for independent ones (the same volume, 873-890).

    Args:
        first, second: With their own intervals.
        correlation: Of what the two are means of, in -1 to 1.
    """
    pairs = (
        (first.value - first.low, second.high - second.value),
        (first.high - first.value, second.value - second.low),
    )
    below, above = (math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b)) for a, b in pairs)
    return below, above


def sum_distance(distances: Sequence[float]) -> float:
    """How far a bound of a sum of independent figures lies from it, from each one's own distance.

    Source: Zou and Donner (2008), as above.
    """
    return math.sqrt(sum(d * d for d in distances))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's coefficient of two arrays of one shape, for zeros and ones phi; 0 where one of them is constant."""
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
