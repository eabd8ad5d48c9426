"""Figures of sampled solutions: Avg@k, pass@k and maj@k, each a mean over problems with its 95% interval.

Every problem gives one score in [0, 1]; `treadle.statistics.intervals` says how the interval of their mean is
made and why it keeps a width where all scores are 0 or all are 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from treadle.statistics.estimates import Estimate
from treadle.statistics.intervals import mean_interval, scores_of


def avg_at_k(right_PK: ArrayLike) -> Estimate:
    """Mean share of right samples, the paper's Avg@k.

    Args:
        right_PK: 0 or 1 for each of K samples of P problems.

    Raises:
        ValueError: Not of shape `[P, K]`, empty, or outside 0 to 1.
    """
    return mean_interval([_samples(right_PK).mean(1)[None]])


def pass_at_k(right_PK: ArrayLike, k: int) -> Estimate:
    """Mean chance that at least one of k samples is right, see `pass_scores`."""
    return mean_interval([pass_scores(right_PK, k)[None]])


def pass_scores(right_PK: ArrayLike, k: int) -> np.ndarray:
    """Each problem's pass@k, unbiased: 1 - C(n - c, k) / C(n, k) for c right ones of n samples.

    Source: Chen et al., Evaluating Large Language Models Trained on Code, 2021, equation 1.

    Args:
        right_PK: 0 or 1 for each of K samples of P problems.
        k: Samples that may be tried, at most K.

    Returns:
        P scores in [0, 1].

    Raises:
        ValueError: k is not in 1 to K.
    """
    right_PK = _samples(right_PK)
    n = right_PK.shape[1]
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} samples a problem: expected k from 1 to {n}")
    return np.array([1 - comb(n - int(c), k) / comb(n, k) for c in right_PK.sum(1)])


def maj_at_k(votes_PK: Sequence[Sequence[str | None]], right_PK: ArrayLike) -> Estimate:
    """Mean chance that the answer most often given is right, over all K samples, see `maj_scores`."""
    return mean_interval([maj_scores(votes_PK, right_PK)[None]])


def maj_scores(votes_PK: Sequence[Sequence[str | None]], right_PK: ArrayLike) -> np.ndarray:
    """Each problem's majority vote: the share of right samples among those of the largest class of equal answers.

    Classes tied for the largest are each as likely to be chosen. A sample without an answer does not vote, and where
    none votes the score is 0. Classes are the caller's: answers vote together where their forms are equal, and nothing
    here asks the grader which answers mean the same.

    Args:
        votes_PK: Each sample's answer in a canonical form, `None` for no answer.
        right_PK: 0 or 1 for each sample.

    Returns:
        P scores in [0, 1].

    Raises:
        ValueError: The shapes differ.
    """
    right_PK = _samples(right_PK)
    sizes = [len(votes_K) for votes_K in votes_PK]
    if sizes != [right_PK.shape[1]] * len(right_PK):
        raise ValueError(f"{len(sizes)} problems with {sorted(set(sizes))} votes for samples {right_PK.shape}")
    return np.array([_majority(votes_K, right_K) for votes_K, right_K in zip(votes_PK, right_PK, strict=True)])


def _majority(votes_K: Sequence[str | None], right_K: np.ndarray) -> float:
    classes: defaultdict[str, list[float]] = defaultdict(list)
    for vote, right in zip(votes_K, right_K.tolist(), strict=True):
        if vote is not None:
            classes[vote].append(right)
    largest = max(map(len, classes.values()), default=0)
    chosen = [sum(rights) / largest for rights in classes.values() if len(rights) == largest]
    return sum(chosen) / len(chosen) if chosen else 0.0


def _samples(right_PK: ArrayLike) -> np.ndarray:
    right_PK = np.asarray(right_PK, dtype=float)
    if right_PK.ndim != 2:
        raise ValueError(f"shape {right_PK.shape}: expected [problems, samples]")
    return scores_of(right_PK)
