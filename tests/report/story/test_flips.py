from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.evaluation.runs import attempt
from treadle.report.story.flips import SHOWN, Change, change, changes, counted, shares, to_read


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((0, 1), (1, 1), Change.GAINED),
        ((1, 1), (0, 1), Change.LOST),
        ((1, 1), (1, 1), Change.SAME),
        # Half of the attempts is enough to count as solved.
        ((1, 4), (2, 4), Change.GAINED),
        ((2, 4), (4, 4), Change.SAME),
        ((16, 32), (15, 32), Change.LOST),
        ((1, 1), (3, 8), Change.LOST),
    ],
)
def test_what_became_of_a_problem(before, after, expected):
    assert change(before, after) is expected


def test_attempts_that_were_not_generated_count_for_neither():
    found = shares(
        [
            attempt("amc23", "a", "whole", "sampled", 0, "r"),
            attempt("amc23", "a", "whole", "sampled", 1, "w"),
            attempt("amc23", "a", "whole", "sampled", 2, "f"),
            attempt("amc23", "b", "whole", "greedy", 0, "f"),
        ]
    )
    assert found == {("amc23", "a", "whole", "sampled"): (1, 2)}


def greedy(verdicts: str, benchmark: str = "amc23"):
    """Problems 0, 1, ... with one attempt each, right where there is a 1."""
    return {(benchmark, str(k), "whole", "greedy"): (int(v), 1) for k, v in enumerate(verdicts)}


def test_flips_are_counted_by_benchmark_mode_and_decoding():
    before, after = {**greedy("0011"), **greedy("01", "aime24")}, {**greedy("0110"), **greedy("0", "aime24")}
    assert counted(changes(before, after)) == {
        ("amc23", "whole", "greedy"): Counter(gained=1, lost=1, same=2),
        ("aime24", "whole", "greedy"): Counter(same=1),
    }


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [(20, 20, (5, 5)), (20, 2, (8, 2)), (1, 20, (1, 9)), (3, 2, (3, 2)), (20, 0, (10, 0)), (0, 0, (0, 0))],
)
def test_as_many_gained_as_lost_are_read_where_there_are(gained, lost, expected):
    before, after = greedy("0" * gained + "1" * lost + "1"), greedy("1" * gained + "0" * lost + "1")
    found = [flip.change for flip in to_read(changes(before, after))]
    assert found == [Change.GAINED] * expected[0] + [Change.LOST] * expected[1]


def test_large_changes_are_read_first_and_a_problem_once():
    before = {("s", "a", "whole", "sampled"): (1, 4), ("s", "b", "whole", "sampled"): (0, 4), **greedy("0", "s")}
    after = {("s", "a", "whole", "sampled"): (2, 4), ("s", "b", "whole", "sampled"): (4, 4), **greedy("1", "s")}
    again = {("s", "0", "loop", "greedy"): (0, 1)}
    found = to_read(changes({**before, **again}, {**after, ("s", "0", "loop", "greedy"): (1, 1)}))
    assert [flip.place[1] for flip in found][-1] == "a"
    assert Counter(flip.place[1] for flip in found) == Counter("ab0")


@given(st.dictionaries(st.integers(0, 40), st.tuples(st.booleans(), st.booleans()), max_size=40), st.randoms())
def test_what_is_read_does_not_depend_on_the_order_of_the_problems(results, random):
    places = list(results)
    before = {("s", str(k), "whole", "greedy"): (int(results[k][0]), 1) for k in places}
    random.shuffle(places)
    after = {("s", str(k), "whole", "greedy"): (int(results[k][1]), 1) for k in places}
    first, second = to_read(changes(before, after)), to_read(reversed(changes(before, after)))
    assert first == second
    flipped = sum(a != b for a, b in results.values())
    assert len(first) == min(SHOWN, flipped)
