"""The length of a hint, and who gets one: traces worked out by hand."""

from __future__ import annotations

import pytest

from tests.training.prefixes.histories import ROLLOUTS, expert, history, visits
from treadle.errors import RecipeError
from treadle.training.prefixes.guidance import Guidance

ALWAYS = Guidance(guided=1.0)

# Longest prefix 7: the guided groups, and the hint after each.
TRACE = [
    ((4, 0), 6),  # 5 to 7 are left
    ((6, 1), 5),  # 5 and 6
    ((5, 0), 6),  # only 6
    ((6, 2), 6),
    ((6, 8), 6),  # the shortest that is known to be enough
    ((6, 0), 7),  # no longer enough
    ((7, 0), 7),  # there is no longer one
    ((7, 1), 7),
]


def test_a_trace():
    assert ALWAYS.length(expert(7), history()) == 4
    for count, (_, hint) in enumerate(TRACE, start=1):
        assert ALWAYS.length(expert(7), history(*(attempt for attempt, _ in TRACE[:count]))) == hint


@pytest.mark.parametrize("longest", range(1, 10))
def test_the_shortest_hint_is_found_wherever_it_is(longest):
    for wanted in range(1, longest + 1):
        lengths = visits(ALWAYS, longest, lambda length: 0 if length < wanted else 1, 6)  # noqa: B023
        assert lengths[-1] == [wanted]
        assert lengths[-2] == [wanted]


def test_what_is_solved_alone_gets_no_hint_until_it_is_not():
    assert ALWAYS.length(expert(7), history((0, 1))) == 0
    assert ALWAYS.length(expert(7), history((0, 1), (0, 0))) == 4
    assert ALWAYS.length(expert(7), history((0, 0), (0, 3))) == 0
    assert ALWAYS.length(expert(7), history((0, 0), (4, ROLLOUTS))) == 2, "a guided success is none alone"


def test_groups_that_were_not_scored_say_nothing():
    assert ALWAYS.length(expert(7), history((0, 1), (0, 0, 0))) == 0
    assert ALWAYS.length(expert(7), history((4, 0, 0))) == 4


def test_half_of_the_groups_are_guided():
    lengths = [Guidance().length(expert(7), history((0, 0), (4, 0), seed=seed)) for seed in range(2000)]
    assert set(lengths) == {0, 6}
    assert abs(lengths.count(6) - 1000) < 115  # 5 standard deviations


def test_a_solution_of_one_step_has_no_hint():
    assert ALWAYS.length(expert(0), history((0, 0))) == 0


@pytest.mark.parametrize("guided", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_that_cannot_be_meant(guided):
    with pytest.raises(RecipeError, match=r"^prefix\.guided: found .*, expected above 0 and at most 1$"):
        Guidance(guided=guided)
