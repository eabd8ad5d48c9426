"""A paired test in plain words: how much more, how sure, which is better or what it would take to know."""

from __future__ import annotations

from typing import Any

from treadle.evaluate.compare.comparison import Pair
from treadle.statistics.paired import LEVEL, PairedTest, PairedVerdict
from treadle.statistics.power import about


def sentence(pair: Pair, verb: str = "solve", items: str = "problems") -> str:
    """A test in words, without its column.

    Args:
        verb, items: What models do, and what with.
    """
    test = pair.test
    points, low, high = (100 * bound for bound in test.difference)
    size = f"{abs(points):.1f} points"
    if size == "0.0 points":
        what = f"{pair.first} and {pair.second} {verb} the same share"
    else:
        what = f"{pair.first} {verb}s {size} {'more' if points > 0 else 'less'} than {pair.second}"
    return f"{what} (95% interval {_signed(low)} to {_signed(high)}; {p_values(test)}): {finding(pair, items)}"


def finding(pair: Pair, items: str = "problems") -> str:
    """The end of the sentence: which is better, or what it would take to know."""
    test = pair.test
    if test.verdict is PairedVerdict.FIRST_BETTER:
        return f"{pair.first} is better"
    if test.verdict is PairedVerdict.SECOND_BETTER:
        return f"{pair.second} is better"
    apart = "cannot be told apart"
    if test.p < LEVEL <= test.adjusted_p and not test.difference.low <= 0 <= test.difference.high:
        return f"{apart} once all comparisons are allowed for, alone they could be"
    if test.needed is not None and test.needed > test.problems:
        return f"{apart}; about {about(test.needed)} {items} would be needed"
    return apart


def as_record(pair: Pair) -> dict[str, Any]:
    """A test as plain data, without its column and its words."""
    test = pair.test
    return {
        "first": pair.first,
        "second": pair.second,
        **test.difference._asdict(),
        "test": str(test.test),
        "p": test.p,
        "adjusted_p": test.adjusted_p,
        "verdict": str(test.verdict),
        "problems": test.problems,
        "needed": test.needed,
    }


def p_values(test: PairedTest) -> str:
    """The p value, and what Holm's correction makes of it."""
    alone = f"{_p(test.p)} by {test.test}"
    return alone if _p(test.adjusted_p) == _p(test.p) else f"{alone}, {_p(test.adjusted_p)} corrected"


def _signed(points: float) -> str:
    return "0.0" if abs(points) < 0.05 else f"{points:+.1f}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
