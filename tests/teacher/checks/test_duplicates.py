"""Duplicates of earlier drafts and of what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.teacher.examples import GOOD, ORIGIN, draft
from treadle.errors import DataError
from treadle.teacher.checks import Reason
from treadle.teacher.checks.duplicates import Duplicates
from treadle.teacher.checks.reading import trajectory_of

WORDS = [f"reason{i}" for i in range(200)]
LONG = f"1. **Think:** {' '.join(WORDS)}\n\n2. **End:** It is \\boxed{{7}}."
NEAR = LONG.replace("reason100", "ground100")  # 5 of some 200 runs of five words differ
OTHER = LONG.replace("reason", "other")


def samples(*texts):
    return [draft(text, origin=replace(ORIGIN, sample=k)) for k, text in enumerate(texts)]


def test_the_first_of_those_that_are_alike_is_kept():
    faults = Duplicates(0.8).faults(samples(LONG, OTHER, LONG.replace(" reason7", "\n reason7"), NEAR, GOOD))
    assert [fault and (fault.reason, fault.detail) for fault in faults] == [
        None,
        None,
        (Reason.EXACT_DUPLICATE, "like sum#0"),
        (Reason.NEAR_DUPLICATE, "like sum#0"),
        None,
    ]


def test_what_is_there_counts_as_earlier():
    known = replace(trajectory_of(draft(LONG)), id="mine")
    faults = Duplicates(0.8, [known]).faults(samples(NEAR, OTHER))
    assert faults[0] == (Reason.NEAR_DUPLICATE, "like mine of what is there")
    assert faults[1] is None


def test_nothing_and_a_bad_threshold():
    assert Duplicates().faults([]) == []
    with pytest.raises(DataError, match=r"--near-threshold 0\.2"):
        Duplicates(0.2)
