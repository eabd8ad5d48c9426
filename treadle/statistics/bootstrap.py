"""Intervals by resampling with replacement: of problems, of seeds and problems, of groups.

There are four ways, because four things are shown, and none is a special case of another:

- `stretched_deviations` is what runs are compared by: means over problems, several benchmarks, one or two arms. Seeds
  and problems are two crossed levels (A. B. Owen, Annals of Applied Statistics 1, 2007); the seeds of two arms are
  drawn independently of each other, since nothing pairs one training run with another. Deviations from the observed
  figure are stretched as T. Hesterberg advises for few items (The American Statistician 69, 2015, section 5.3), which
  makes the interval as wide as Student's.
- `crossed_bounds` is the quick start's: the same two levels, but run by run, since a seed there names the training
  problems, which both arms share; and bare percentiles, without a stretch.
- `ratio_bounds` is that of figures over steps and tokens: sums over whole groups, numerator and denominator drawn
  together, stretched by sqrt(G / (G - 1)) for G groups, which repairs the narrowness for few (Hesterberg, as above).
- `pair_bounds` is that of means over pairs: a group that is drawn brings its pairs with all others that are, on
  either side, because the pairs of one group are no more independent than its members. Stretched as `ratio_bounds`.

Seeds of the random generators are fixed by default: the same data have the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from treadle.statistics.estimates import Z95

Scores = Sequence[np.ndarray]
"""One array `[S, P]` a benchmark: S seeds, P problems, scores in [0, 1]."""

_BOUNDS = (0.025, 0.975)
_BLOCK = 1_000_000  # values that are drawn at once


def percentiles(resampled_R: np.ndarray) -> tuple[float, float]:
    """The 95% interval of resampled figures (B. Efron, Annals of Statistics 7, 1979)."""
    low, high = np.quantile(resampled_R, _BOUNDS)
    return float(low), float(high)


def stretched_deviations(arms: Sequence[Scores], weights: Sequence[float], resamples: int) -> np.ndarray:
    """How far resampled figures lie from the observed one.

    Args:
        arms: One, or two over the same problems, whose figure is first minus second.
        weights: Of the benchmarks; a figure is the weighted sum of their mean scores.
        resamples: R, their number.

    Returns:
        Array `[R]`.
    """
    rng = np.random.default_rng(0)
    found_R = np.zeros(resamples)
    # The seeds drawn hold for all benchmarks: a seed is one trained model.
    seeds_RS = [rng.multinomial(len(arm[0]), np.full(len(arm[0]), 1 / len(arm[0])), resamples) for arm in arms]
    for b, weight in enumerate(weights):
        problems = arms[0][b].shape[1]
        stretched = weight * _students_stretch(problems)
        for start in range(0, resamples, step := max(1, _BLOCK // problems)):
            rows = slice(start, min(start + step, resamples))
            drawn_RP = rng.integers(problems, size=(rows.stop - rows.start, problems))
            for sign, arm, counts_RS in zip((1, -1), arms, seeds_RS, strict=False):
                if len(arm[b]) == 1:
                    means_R = arm[b][0][drawn_RP].mean(1)
                else:
                    each_RP = counts_RS[rows] @ arm[b] / len(arm[b])
                    means_R = np.take_along_axis(each_RP, drawn_RP, 1).mean(1)
                found_R[rows] += sign * stretched * (means_R - arm[b].mean())
    return found_R


def crossed_bounds(scores_SP: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """Bounds of the mean of S runs over the same P problems, or of that of their differences run by run."""
    seeds, problems = scores_SP.shape
    rng = np.random.default_rng(seed)
    rows_RS = rng.integers(seeds, size=(resamples, seeds))
    means_R = np.array([scores_SP[rows].mean(0)[rng.integers(problems, size=problems)].mean() for rows in rows_RS])
    return percentiles(means_R)


def ratio_bounds(above_G: np.ndarray, below_G: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """Bounds of a ratio of sums over G groups, two or more.

    Args:
        above_G: Each group's part of the numerator.
        below_G: Its part of the denominator, not negative; a draw of groups without any is drawn again.
    """
    rng = np.random.default_rng(seed)
    groups, value = len(above_G), float(above_G.sum() / below_G.sum())
    ratios = []
    left = resamples
    while left:
        rows = min(left, max(1, _BLOCK // groups))
        drawn_RG = rng.integers(groups, size=(rows, groups))
        sums_R = below_G[drawn_RG].sum(1)
        kept_R = sums_R > 0
        ratios.append(above_G[drawn_RG].sum(1)[kept_R] / sums_R[kept_R])
        left -= int(kept_R.sum())
    low, high = percentiles(value + _stretch(groups) * (np.concatenate(ratios) - value))
    # Rounding must not put the figure outside its own interval.
    return min(low, value), max(high, value)


def pair_bounds(above_GG: np.ndarray, below_GG: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """Bounds of a ratio of sums over ordered pairs of G groups, three or more.

    Args:
        above_GG: Each pair of groups' part of the numerator; 0 on the diagonal.
        below_GG: Its part of the denominator, not negative; 0 on the diagonal.
    """
    rng = np.random.default_rng(seed)
    groups, value = len(above_GG), float(above_GG.sum() / below_GG.sum())
    times_RG = rng.multinomial(groups, np.full(groups, 1 / groups), resamples)
    sums_R = ((times_RG @ below_GG) * times_RG).sum(1)
    kept_R = sums_R > 0  # one group alone, drawn G times, has no pair
    ratios_R = ((times_RG[kept_R] @ above_GG) * times_RG[kept_R]).sum(1) / sums_R[kept_R]
    low, high = percentiles(value + _stretch(groups) * (ratios_R - value))
    return min(low, value), max(high, value)


def _stretch(items: int) -> float:
    """From the spread in the sample to an unbiased one."""
    return math.sqrt(items / (items - 1))


def _students_stretch(problems: int) -> float:
    """What makes the bootstrap's normal interval Student's; one problem gives no spread to stretch."""
    return 1.0 if problems == 1 else float(stdtrit(problems - 1, _BOUNDS[1])) / Z95 * _stretch(problems)
