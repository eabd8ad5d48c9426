"""Intervals of mean scores over problems, for figures that average several samples, seeds or benchmarks.

A figure is a weighted sum of benchmarks' mean scores, a score being one problem's share of right samples, its pass@k
or the like, in [0, 1]. Two intervals are made, and the wider is given (docs/statistics.md has their coverage):

- the bootstrap over problems, with several seeds over seeds and problems as two crossed levels (A. B. Owen, Annals of
  Applied Statistics 1, 2007), each benchmark resampled on its own. Means are stretched around the observed one as
  T. Hesterberg advises for few items (The American Statistician 69, 2015, section 5.3), which makes the interval as
  wide as Student's;
- Wilson's interval with the effective number of problems (Kott and Carr, Journal of Official Statistics 13, 1997),
  which keeps a width when all problems have the same score. Several benchmarks, and two arms over the same problems,
  are put together by their distances from the figure (Zou and Donner, Statistics in Medicine 27, 2008); for two arms
  with one greedy sample a problem that is Newcombe's interval for paired proportions (1998, method 8).

Seeds of different runs are resampled independently of each other. Two or three seeds say little about the spread
between seeds, and no interval can mend that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from treadle.evaluate.statistics import Z95, Estimate, wilson

Scores = Sequence[np.ndarray]
"""One array `[S, P]` a benchmark: S seeds, P problems, scores in [0, 1]."""

RESAMPLES = 10_000
_ROUNDING = 1e-12  # what differs by less is equal
_BLOCK = 1_000_000  # scores that are drawn at once


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

    Args:
        scores: B arrays `[S, P]`, each with problems of its own.
        weights: Of the B benchmarks.
        resamples: Of the bootstrap, whose seed is fixed, so that the same scores have the same interval.
    """
    value = _figure(scores, weights)
    low, high = np.quantile(value + deviations([scores], weights, resamples), [0.025, 0.975])
    singles = [effective_wilson(s.mean(0)) for s in scores]
    below = _together([w * (e.value - e.low) for w, e in zip(weights, singles, strict=True)])
    above = _together([w * (e.high - e.value) for w, e in zip(weights, singles, strict=True)])
    return _within(Estimate(value, min(float(low), value - below), max(float(high), value + above)), 0.0, sum(weights))


def difference_interval(
    first: Scores, second: Scores, weights: Sequence[float] = (1.0,), resamples: int = RESAMPLES
) -> tuple[Estimate, float]:
    """First minus second over the same problems, with its 95% interval and two-sided p value.

    The p value is twice the smaller share of resampled differences on one side of zero, those at zero counted on both
    sides; where the other interval is wider, it is the one that belongs to that interval.

    Args:
        first, second: B arrays each; the problems of a benchmark are the same in both, seeds need not be.
    """
    value = _figure(first, weights) - _figure(second, weights)
    value = 0.0 if abs(value) < _ROUNDING else value
    resampled_R = value + deviations([first, second], weights, resamples)
    low, high = np.quantile(resampled_R, [0.025, 0.975])
    sides = [_mover(a.mean(0), b.mean(0)) for a, b in zip(first, second, strict=True)]
    below = _together([w * side[0] for w, side in zip(weights, sides, strict=True)])
    above = _together([w * side[1] for w, side in zip(weights, sides, strict=True)])
    tail = 1 + min((resampled_R <= _ROUNDING).sum(), (resampled_R >= -_ROUNDING).sum())
    # The test may not be surer than the interval, which is sometimes not the bootstrap's.
    normal = math.erfc(Z95 * abs(value) / (below if value > 0 else above) / math.sqrt(2))
    p = min(1.0, max(normal, 2 * float(tail) / (len(resampled_R) + 1)))
    widest = Estimate(value, min(float(low), value - below), max(float(high), value + above))
    return _within(widest, -sum(weights), sum(weights)), p


def effective_wilson(scores_P: np.ndarray) -> Estimate:
    """Wilson's interval for a mean score, with as many trials as give a proportion the variance of the mean.

    For scores of 0 and 1 the trials are the problems. Scores that agree make them more. Two made-up problems, one of
    score 0 and one of score 1, are added where the variance is estimated: without them it would be zero where all
    problems agree, and too small where one problem out of many is solved.
    """
    problems, mean = len(scores_P), float(scores_P.mean())
    padded = np.append(scores_P, [0.0, 1.0])
    spread = float(padded.mean() * (1 - padded.mean()))
    trials = problems * spread / float(padded.var())
    return wilson(min(mean, 1.0) * trials, trials) if trials >= 1 else Estimate(mean, 0.0, 1.0)


def deviations(arms: Sequence[Scores], weights: Sequence[float], resamples: int = RESAMPLES) -> np.ndarray:
    """How far `resamples` resampled figures (of two arms: first minus second) lie from the observed one."""
    rng = np.random.default_rng(0)
    found_R = np.zeros(resamples)
    # The seeds drawn hold for all benchmarks: a seed is one trained model.
    seeds_RS = [rng.multinomial(len(arm[0]), np.full(len(arm[0]), 1 / len(arm[0])), resamples) for arm in arms]
    for b, weight in enumerate(weights):
        problems = arms[0][b].shape[1]
        stretched = weight * _stretch(problems)
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


def _figure(scores: Scores, weights: Sequence[float]) -> float:
    return sum(w * float(s.mean()) for w, s in zip(weights, scores, strict=True))


def _within(estimate: Estimate, least: float, most: float) -> Estimate:
    """Bounds that a figure can reach; rounding must not put the figure outside its own interval."""
    value, low, high = estimate
    return Estimate(value, min(value, max(low, least)), max(value, min(high, most)))


def _together(distances: Sequence[float]) -> float:
    return math.sqrt(sum(d * d for d in distances))


def _stretch(problems: int) -> float:
    """What makes the bootstrap's normal interval Student's; one problem gives no spread to stretch."""
    if problems == 1:
        return 1.0
    return float(stdtrit(problems - 1, 0.975)) / Z95 * math.sqrt(problems / (problems - 1))


def _mover(first_P: np.ndarray, second_P: np.ndarray) -> tuple[float, float]:
    """Distances of the bounds below and above the difference of two means over the same problems."""
    if np.array_equal(first_P, second_P):
        # Two runs that agree on every problem seen may still differ on as many others as Wilson allows.
        unseen = wilson(0, len(first_P)).high
        return unseen, unseen
    p, q = effective_wilson(first_P), effective_wilson(second_P)
    constant = first_P.std() == 0 or second_P.std() == 0
    correlation = 0.0 if constant else float(np.corrcoef(first_P, second_P)[0, 1])
    pairs = ((p.value - p.low, q.high - q.value), (p.high - p.value, q.value - q.low))
    below, above = (math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b)) for a, b in pairs)
    return below, above
