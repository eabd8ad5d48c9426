"""`treadle.rollout.plan` against sets of prefixes worked out one by one."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from treadle.rollout.plan import common_length, pack, split

# Few different tokens, so that prefixes are shared, nested, and equal.
PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=10)


def distinct(prompts: list[list[int]]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(map(tuple, prompts)))


def read_back(packed, prompt: int) -> tuple[list[int], list[int]]:
    pieces = packed.paths[prompt]
    tokens = [int(t) for a, b in pieces for t in packed.tokens[a:b]]
    return tokens, [int(p) for a, b in pieces for p in packed.positions[a:b]]


def test_a_trunk_with_suffixes_by_hand():
    packed = pack([[1, 2, 9], [1, 2, 3, 4, 9], [1, 2], [7]])
    assert packed.tokens.tolist() == [1, 2, 3, 4, 9, 9, 7]
    assert packed.positions.tolist() == [0, 1, 2, 3, 4, 2, 0]
    assert packed.paths == [((0, 2), (5, 6)), ((0, 5),), ((0, 2),), ((6, 7),)]
    assert [packed.last(i) for i in range(4)] == [5, 4, 1, 6]
    assert packed.order[0] == 1
    assert packed.order[-1] == 3


@given(PROMPTS)
@settings(max_examples=300, deadline=None)
def test_every_distinct_prefix_is_there_once(prompts):
    prompts = distinct(prompts)
    packed = pack(prompts)
    prefixes = {p[:n] for p in prompts for n in range(1, len(p) + 1)}
    assert len(packed.tokens) == len(prefixes)
    assert sorted(packed.order) == list(range(len(prompts)))
    for i, prompt in enumerate(prompts):
        assert read_back(packed, i) == (list(prompt), list(range(len(prompt))))
    # A segment follows its path: its first token's position is the length of the path.
    for segment in packed.segments:
        assert packed.positions[segment.start] == sum(b - a for a, b in segment.path)
    assert [(s.start, s.stop) for s in packed.segments] == sorted((s.start, s.stop) for s in packed.segments)


@given(PROMPTS, st.integers(1, 5), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_batches_keep_the_budget(prompts, max_new, budget):
    batches = list(split(prompts, max_new, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(prompts)))
    for batch in batches:
        prefixes = {tuple(prompts[row][:n]) for row in batch for n in range(1, len(prompts[row]) + 1)}
        assert len(prefixes) + max_new * len(batch) <= budget or len(batch) == 1
    assert len(list(split(prompts, max_new, None))) == 1


def test_common_length():
    a, b = np.array([1, 2, 3]), np.array([1, 2])
    assert (common_length(a, b), common_length(a, a), common_length(b, np.array([5]))) == (2, 3, 0)
