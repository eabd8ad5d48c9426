"""The reverse curriculum: starts worked out by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.prefixes.histories import expert, history
from treadle.errors import RecipeError
from treadle.training.prefixes.reverse import Reverse


def staged(stages, longest, steps):
    policy = Reverse(mode="staged", stages=stages)
    return [policy.length(expert(longest), history(progress=step / steps)) for step in range(steps)]


@pytest.mark.parametrize(
    ("stages", "longest", "starts"),
    [
        (None, 3, [3, 2, 1, 0]),
        (2, 7, [7, 0]),
        (3, 7, [7, 4, 0]),  # 3.5
        (4, 6, [6, 4, 2, 0]),
        (6, 5, [5, 4, 3, 2, 1, 0]),
        (6, 2, [2, 2, 1, 1, 0, 0]),  # 2, 1.6, 1.2, 0.8, 0.4, 0
        (6, 1, [1, 1, 1, 0, 0, 0]),  # 1, 0.8, 0.6, 0.4, 0.2, 0
        (11, 5, [5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0]),  # 5, 4.5, 4, 3.5, ...
        (None, 0, [0]),
        (3, 0, [0, 0, 0]),
    ],
)
def test_the_stages_in_order(stages, longest, starts):
    assert staged(stages, longest, len(starts)) == starts


def test_each_stage_has_its_share_of_the_steps():
    assert staged(4, 6, 12) == [6, 6, 6, 4, 4, 4, 2, 2, 2, 0, 0, 0]


@given(st.one_of(st.none(), st.integers(2, 12)), st.integers(0, 9), st.integers(1, 40))
def test_prefixes_only_shorten_from_the_longest_to_none(stages, longest, more):
    lengths = staged(stages, longest, (stages or longest + 1) * more)
    assert lengths == sorted(lengths, reverse=True)
    assert (lengths[0], lengths[-1]) == (longest, 0)
    if stages is None or stages > longest:
        assert set(lengths) == set(range(longest + 1))


def test_the_end_of_the_stage_is_its_last_stage():
    assert Reverse(mode="staged", stages=4).length(expert(6), history(progress=1.0)) == 0


def test_mixed_draws_each_start_alike():
    counts = Counter(Reverse().length(expert(3), history(seed=seed)) for seed in range(2000))
    assert set(counts) == {0, 1, 2, 3}
    assert all(abs(count - 500) < 100 for count in counts.values())  # 5 standard deviations
    few = Counter(Reverse(stages=3).length(expert(7), history(seed=seed)) for seed in range(300))
    assert set(few) == {0, 4, 7}


@pytest.mark.parametrize("stages", [1, 0, -3])
def test_one_stage_is_no_curriculum(stages):
    with pytest.raises(
        RecipeError, match=rf"^prefix\.stages: found {stages}, expected at least 2, .* or null for a stage"
    ):
        Reverse(stages=stages)
