"""The driver itself: a test that could not fail would say nothing."""

from __future__ import annotations

import pytest

from tests.hostile.driver import Outcome, contents


def test_what_ends_well(treadle, solutions, scratch):
    outcome = treadle("prepare", solutions, "-o", "prepared")
    assert (outcome.code, "4" in outcome.out) == (0, True), outcome
    outcome.is_clean()
    assert "prepared/report.html" in contents(scratch)


def test_what_is_refused(treadle):
    treadle("prepare", "nothing.jsonl", "-o", "prepared").refused("nothing.jsonl")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(2, "", "treadle: error: one\ntreadle: error: two\n", 0, 0),
        Outcome(1, "", "treadle: error: one\n", 0, 0),
        Outcome(2, "", 'Traceback (most recent call last):\n  File "x"\ntreadle: error: one\n', 0, 0),
        Outcome(2, "a \x1b[31m", "treadle: error: one\n", 0, 0),
        Outcome(2, "", "treadle: error: another\n", 0, 0),
    ],
)
def test_what_is_not_a_refusal(outcome):
    with pytest.raises(AssertionError):
        outcome.refused("one")
