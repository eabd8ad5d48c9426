"""The held-out split and the cap, against properties and cases worked by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.curate.holdout import choose_held_out, over_cap
from treadle.errors import DataError

GROUPS = st.lists(st.sampled_from([None, "a", "b", "c", "d"]), min_size=2, max_size=60)


@pytest.mark.parametrize(("held_out", "count"), [(0.05, 5), (0.015, 2), (7, 7), (0, 0), (0.5, 50)])
@pytest.mark.parametrize("seed", [0, 1])
def test_without_groups_it_is_one_sample_of_the_positions(held_out, count, seed):
    expected = set(random.Random(seed).sample(range(100), count))
    assert choose_held_out([None] * 100, held_out, seed) == expected


@given(GROUPS, st.integers(0, 60), st.integers(0, 5))
def test_no_group_is_on_both_sides_and_both_sides_hold_something(groups, count, seed):
    try:
        held = choose_held_out(groups, count, seed)
    except DataError:
        assert count >= len(groups) or (len(set(groups)) == 1 and groups[0] is not None)
        return
    train = set(range(len(groups))) - held
    assert held <= set(range(len(groups)))
    assert not {groups[i] for i in held} & {groups[i] for i in train} - {None}
    assert train
    assert bool(held) == (count > 0)
    # It is above the count by less than it would be below without the group that passes it.
    sizes = [groups.count(g) if g else 1 for g in (groups[i] for i in held)]
    assert len(held) <= count or len(held) - count < max(sizes)
    assert held == choose_held_out(groups, count, seed)


@given(GROUPS, st.integers(1, 59), st.integers(0, 5))
def test_trajectories_without_a_group_fill_the_count_exactly(groups, count, seed):
    padded = [*groups, *[None] * 60]
    assert len(choose_held_out(padded, count, seed)) == count


def test_groups_are_passed_over_until_one_fits():
    groups = ["big"] * 50 + ["small"] * 4 + ["medium"] * 10
    for seed in range(10):
        assert choose_held_out(groups, 6, seed) == set(range(50, 54))  # medium would make it 14
        assert choose_held_out(groups, 12, seed) in (set(range(50, 64)), set(range(54, 64)))
        assert choose_held_out(groups, 2, seed) == set(range(50, 54))  # nothing fits: the smallest
    assert len({frozenset(choose_held_out(list("aabbccddee"), 2, seed)) for seed in range(20)}) > 1


def test_one_repository_cannot_be_split():
    with pytest.raises(
        DataError, match=r"all 9 trajectories are of one repository or problem, django/django.*--held-out 0"
    ):
        choose_held_out(["django/django"] * 9, 0.3, 0)
    assert choose_held_out(["django/django"] * 9, 0, 0) == set()


@pytest.mark.parametrize("groups", [[None] * 20, ["a"] * 10 + ["b"] * 10])
def test_holding_out_everything_is_refused(groups):
    with pytest.raises(DataError, match=r"--held-out 20 asks for 20 of 20 trajectories.*set it below 20"):
        choose_held_out(groups, 20, 0)
    with pytest.raises(DataError, match=r"--held-out -0.1: expected a count, or a share"):
        choose_held_out(groups, -0.1, 0)


def test_the_first_of_each_group_are_kept():
    groups = ["a", None, "b", "a", "a", None, "b", None, "a"]
    assert over_cap(groups, 2) == [False, False, False, False, True, False, False, False, True]
    assert over_cap(groups, 1) == [False, False, False, True, True, False, True, False, True]
    with pytest.raises(DataError, match="--repo-cap 0: expected 1 or more"):
        over_cap(groups, 0)
