"""`treadle.rollout.cover` against (row, token) pairs worked out one by one."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.rollout.test_plan import PROMPTS, distinct
from treadle.rollout.cover import MOST_PADDED, cover
from treadle.rollout.plan import pack

COUNTS = st.lists(st.integers(0, 3), min_size=10, max_size=10)


def times_read(packed, rows, rectangles, calls) -> np.ndarray:
    """How often each row reads each token of the pack, `[R, T]`."""
    times = np.zeros((len(rows), len(packed.tokens)), dtype=int)
    for block in rectangles:
        times[block.row_start : block.row_stop, block.start : block.stop] += 1 if block.seen is None else block.seen
    for one in (one for call in calls for one in call):
        for start, stop in one.slices:
            times[one.row_start : one.row_stop, start:stop] += 1
    return times


@given(PROMPTS, COUNTS, st.sampled_from([0.0, 1.0, 2.0, 5.0, 30.0, 1e9]), st.sampled_from([None, 0, 9]))
@settings(max_examples=400, deadline=None)
def test_each_visible_pair_is_read_once(prompts, counts, call_cost, max_copied):
    packed = pack(distinct(prompts))
    rows = [prompt for prompt in packed.order for _ in range(counts[prompt])]
    rectangles, calls = cover(packed, rows, call_cost, max_copied)
    expected = np.zeros((len(rows), len(packed.tokens)), dtype=int)
    for row, prompt in enumerate(rows):
        for a, b in packed.paths[prompt]:
            expected[row, a:b] = 1
    assert (times_read(packed, rows, rectangles, calls) == expected).all()
    sizes = [[one.size for one in call] for call in calls]
    assert all(size[0] == max(size) <= MOST_PADDED * min(size) for size in sizes)
    assert max_copied is None or sum(len(size) * size[0] for size in sizes) <= max_copied


def test_the_cost_of_a_call_decides_how_many_rectangles_there_are():
    packed = pack([list(range(100)), list(range(50)), list(range(25))])
    rows = packed.order
    assert len(cover(packed, rows, call_cost=0)[0]) == 3
    assert len(cover(packed, rows, call_cost=1e9)[0]) == 1
    # Pairs and calls: three exact 175 + 90, the first two merged 200 + 60, the last two 225 + 60, all 300 + 30.
    assert [b.seen is None for b in cover(packed, rows, call_cost=30)[0]] == [False, True]


@pytest.mark.parametrize(("n_prompts", "private"), [(2, False), (64, True)])
def test_many_prompts_with_few_rows_are_read_in_one_padded_call(n_prompts, private):
    # 40 tokens for all, 10 of each alone: with 64 prompts 63 more calls of 200, or one and 3 x 640 pairs.
    packed = pack([[*range(40), *([1000 + i] * 10)] for i in range(n_prompts)])
    rectangles, calls = cover(packed, packed.order, call_cost=200)
    assert [len(call) for call in calls] == [n_prompts] * private
    assert len(rectangles) == 1
    # Without room for copies it is rectangles again.
    assert cover(packed, packed.order, 200, max_copied=10 * n_prompts - 1)[1] == []
