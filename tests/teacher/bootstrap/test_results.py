"""When rounds are over, and what is said of them, on figures made by hand."""

from __future__ import annotations

import pytest

from treadle.teacher.bootstrap.results import best_of, over
from treadle.teacher.bootstrap.schema import Bootstrap


def rounds(*right):
    return [{"right": [1] * count + [0] * (10 - count)} for count in right]


@pytest.mark.parametrize(
    ("right", "patience", "why"),
    [
        ((2,), 1, ""),
        ((2, 3), 1, ""),
        ((2, 3, 3), 1, "did not rise in 1 round"),
        ((2, 1), 1, "did not rise in 1 round"),
        ((2, 1), 2, ""),
        ((2, 1, 2), 2, "did not rise in 2 rounds"),
        ((2, 1, 3), 2, ""),
        ((2, 3, 4, 5), 1, "all rounds are done"),
    ],
)
def test_rounds_end_where_accuracy_no_longer_rises(right, patience, why):
    settings = Bootstrap(problems="p", held_out="h", rounds=3, patience=patience)
    found = over(rounds(*right), settings)
    assert found.endswith(why) if why else found == ""


def test_of_equal_rounds_the_first_is_the_best():
    assert best_of(rounds(2, 4, 4, 3)) == 1
    assert best_of(rounds(2, 2)) == 0
