"""Is one run better than another on the same problems? Tests, verdicts and the correction for many of them.

One greedy sample a problem is tested by McNemar's exact test, everything else (samples, seeds, averages of several
benchmarks) by the paired bootstrap of `treadle.statistics.intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy.special import bdtr

from treadle.statistics.bootstrap import Scores
from treadle.statistics.estimates import Estimate
from treadle.statistics.intervals import difference_interval
from treadle.statistics.power import problems_for_mcnemar, problems_for_mean

LEVEL = 0.05


class PairedVerdict(StrEnum):
    """What a comparison says."""

    FIRST_BETTER = "first_better"
    SECOND_BETTER = "second_better"
    CANNOT_BE_TOLD_APART = "cannot_be_told_apart"


class TestName(StrEnum):
    """How the p value was made."""

    __test__ = False  # pytest would collect it by its name

    MCNEMAR = "exact McNemar"
    BOOTSTRAP = "paired bootstrap"


@dataclass(frozen=True)
class PairedTest:
    """First minus second.

    Args:
        difference: In shares, with the 95% interval of this comparison alone.
        test: How `p` was made.
        p: Two-sided, of this comparison alone.
        adjusted_p: After Holm's correction for all comparisons shown together; `p` where there is one.
        problems: Problems that both were tested on.
        needed: Problems for 80% power at the observed difference, see `treadle.statistics.power`; `None` where
            there is no difference, or where the figure averages several benchmarks.
    """

    difference: Estimate
    test: TestName
    p: float
    adjusted_p: float
    problems: int
    needed: int | None

    @property
    def verdict(self) -> PairedVerdict:
        """Better only if both the adjusted p value and the interval say so."""
        if self.adjusted_p < LEVEL and self.difference.low > 0:
            return PairedVerdict.FIRST_BETTER
        if self.adjusted_p < LEVEL and self.difference.high < 0:
            return PairedVerdict.SECOND_BETTER
        return PairedVerdict.CANNOT_BE_TOLD_APART


def paired_test(first: Scores, second: Scores, weights: Sequence[float] = (1.0,)) -> PairedTest:
    """Compare two arms on the same problems.

    Args:
        first, second: One array `[S, P]` a benchmark, in the same order of problems; the number of seeds may differ.
        weights: Of the benchmarks.

    Raises:
        ValueError: The problems differ in number.
    """
    for a, b in zip(first, second, strict=True):
        if a.shape[1] != b.shape[1]:
            raise ValueError(f"{a.shape[1]} problems against {b.shape[1]}: a paired test needs the same problems")
    difference, p = difference_interval(first, second, weights)
    test, needed = TestName.BOOTSTRAP, None
    if len(first) == 1:
        difference_P = first[0].mean(0) - second[0].mean(0)
        needed = problems_for_mean(float(difference_P.std()), difference.value)
        if len(first[0]) == len(second[0]) == 1 and _single(first[0]) and _single(second[0]):
            only_first, only_second = int((difference_P > 0).sum()), int((difference_P < 0).sum())
            problems = len(difference_P)
            test, p = TestName.MCNEMAR, mcnemar(only_first, only_second)
            needed = problems_for_mcnemar((only_first + only_second) / problems, (only_first - only_second) / problems)
    return PairedTest(difference, test, p, p, sum(a.shape[1] for a in first), needed)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p value of McNemar's exact test: the sign test on the problems that exactly one of the two solves.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; its exact form is the binomial test at one half.
    """
    discordant = only_first + only_second
    if not discordant:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for being many, in their order (S. Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def corrected(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """The tests with p values adjusted for one another."""
    return [replace(t, adjusted_p=p) for t, p in zip(tests, holm([t.p for t in tests]), strict=True)]


def _single(scores_SP: np.ndarray) -> bool:
    return bool(np.isin(scores_SP, (0.0, 1.0)).all())
