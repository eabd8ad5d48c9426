"""Intervals of accuracies and mean scores, and of their differences over the same problems, as they are shown.

Each is the wider of two (docs/statistics.md has their coverage): one by formula, which keeps a width when all problems
have the same score, and one by resampling, which sees how scores really vary.

`treadle evaluate` and `treadle compare` show figures that average samples, seeds or benchmarks, a score being one
problem's share of right samples, its pass@k or the like (`mean_interval`, `difference_interval`). The quick start shows
one greedy answer a problem, one run a seed (`mean_over_runs`, `paired_difference`): with one seed its intervals are
Wilson's and Newcombe's alone. Two or three seeds say little about the spread between seeds, and no interval can mend
that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from treadle.statistics.bootstrap import Scores, crossed_bounds, percentiles, stretched_deviations
from treadle.statistics.estimates import (
    Z95,
    Estimate,
    correlation,
    difference_distances,
    effective_wilson,
    sum_distance,
    wilson,
)

RESAMPLES = 10_000
_ROUNDING = 1e-12  # what differs by less is equal


def scores_of(values: ArrayLike) -> np.ndarray:
    """`values` as `[S, P]`; a plain list of P scores is one seed.

    Raises:
        ValueError: No scores, or scores outside [0, 1].
    """
    scores_SP = np.atleast_2d(np.asarray(values, dtype=float))
    if scores_SP.ndim != 2 or not scores_SP.size:
        raise ValueError(f"scores of shape {scores_SP.shape}: expected [problems] or [seeds, problems], not empty")
    if not (scores_SP.min() >= 0 and scores_SP.max() <= 1):
        raise ValueError(f"scores from {scores_SP.min()} to {scores_SP.max()}: expected all in 0 to 1")
    return scores_SP


def mean_interval(scores: Scores, weights: Sequence[float] = (1.0,), resamples: int = RESAMPLES) -> Estimate:
    """The weighted sum of mean scores with its 95% interval.

    The wider of the stretched bootstrap and Wilson's interval with the effective number of problems.

    Args:
        scores: B arrays `[S, P]`, each with problems of its own.
        weights: Of the B benchmarks.
        resamples: Of the bootstrap, whose seed is fixed, so that the same scores have the same interval.
    """
    value = _figure(scores, weights)
    bounds = percentiles(value + stretched_deviations([scores], weights, resamples))
    singles = [effective_wilson(s.mean(0)) for s in scores]
    below = sum_distance([w * (e.value - e.low) for w, e in zip(weights, singles, strict=True)])
    above = sum_distance([w * (e.high - e.value) for w, e in zip(weights, singles, strict=True)])
    return _within(_widest(value, bounds, (value - below, value + above)), 0.0, sum(weights))


def difference_interval(
    first: Scores, second: Scores, weights: Sequence[float] = (1.0,), resamples: int = RESAMPLES
) -> tuple[Estimate, float]:
    """First minus second over the same problems, with its 95% interval and two-sided p value.

    The wider of the stretched bootstrap and the distances of the two arms' own intervals put together, which for one
    greedy sample a problem is Newcombe's. The p value is twice the smaller share of resampled differences on one side
    of zero, those at zero counted on both sides; where the other interval is wider, it is the one that belongs to that
    interval.

    Args:
        first, second: B arrays each; the problems of a benchmark are the same in both, seeds need not be.
    """
    value = _figure(first, weights) - _figure(second, weights)
    value = 0.0 if abs(value) < _ROUNDING else value
    resampled_R = value + stretched_deviations([first, second], weights, resamples)
    sides = [_mean_distances(a.mean(0), b.mean(0)) for a, b in zip(first, second, strict=True)]
    below = sum_distance([w * side[0] for w, side in zip(weights, sides, strict=True)])
    above = sum_distance([w * side[1] for w, side in zip(weights, sides, strict=True)])
    tail = 1 + min((resampled_R <= _ROUNDING).sum(), (resampled_R >= -_ROUNDING).sum())
    # The test may not be surer than the interval, which is sometimes not the bootstrap's.
    normal = math.erfc(Z95 * abs(value) / (below if value > 0 else above) / math.sqrt(2))
    p = min(1.0, max(normal, 2 * float(tail) / (len(resampled_R) + 1)))
    widest = _widest(value, percentiles(resampled_R), (value - below, value + above))
    return _within(widest, -sum(weights), sum(weights)), p


def mean_over_runs(right_SP: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Mean accuracy of S runs (seeds) over the same P problems.

    The seeds share their problems, so pooling them as S * P independent trials would be too confident. The
    interval is the wider of Wilson's for P problems and, for several seeds, a bootstrap over seeds and problems.
    """
    right_SP = np.asarray(right_SP, dtype=float)
    _, *bounds = _pooled_wilson(right_SP)
    return _widest(float(right_SP.mean()), bounds, *_over_seeds(right_SP, resamples, seed))


def paired_difference(first_SP: ArrayLike, second_SP: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Accuracy of `first` minus that of `second`, run by run over the same problems.

    The interval is Newcombe's for paired proportions, which keeps a width when both are 0 or 1; with several seeds the
    wider of it and a bootstrap over seeds and problems.

    Args:
        first_SP: S runs (seeds), each with 0 or 1 for each of P problems.
        second_SP: The same for the other arm.

    Raises:
        ValueError: The shapes differ.
    """
    first_SP, second_SP = np.asarray(first_SP, dtype=float), np.asarray(second_SP, dtype=float)
    if first_SP.shape != second_SP.shape:
        raise ValueError(f"shapes {first_SP.shape} and {second_SP.shape}: a paired difference needs the same runs")
    difference_SP = first_SP - second_SP
    value = float(difference_SP.mean())
    together = correlation(first_SP, second_SP)
    below, above = difference_distances(_pooled_wilson(first_SP), _pooled_wilson(second_SP), together)
    return _widest(value, (value - below, value + above), *_over_seeds(difference_SP, resamples, seed))


def _pooled_wilson(right_SP: np.ndarray) -> Estimate:
    problems = right_SP.shape[1]
    return wilson(float(right_SP.mean()) * problems, problems)


def _over_seeds(scores_SP: np.ndarray, resamples: int, seed: int) -> list[tuple[float, float]]:
    """Nothing for one seed, where the formulas say it all."""
    return [crossed_bounds(scores_SP, resamples, seed)] if len(scores_SP) > 1 else []


def _mean_distances(first_P: np.ndarray, second_P: np.ndarray) -> tuple[float, float]:
    """Distances of the bounds below and above the difference of two mean scores over the same problems."""
    if np.array_equal(first_P, second_P):
        # Two runs that agree on every problem seen may still differ on as many others as Wilson allows.
        unseen = wilson(0, len(first_P)).high
        return unseen, unseen
    return difference_distances(effective_wilson(first_P), effective_wilson(second_P), correlation(first_P, second_P))


def _figure(scores: Scores, weights: Sequence[float]) -> float:
    return sum(w * float(s.mean()) for w, s in zip(weights, scores, strict=True))


def _widest(value: float, *bounds: Sequence[float]) -> Estimate:
    return Estimate(value, min(low for low, _ in bounds), max(high for _, high in bounds))


def _within(estimate: Estimate, least: float, most: float) -> Estimate:
    """Bounds that a figure can reach; rounding must not put the figure outside its own interval."""
    value, low, high = estimate
    return Estimate(value, min(value, max(low, least)), max(value, min(high, most)))
