"""Edit similarity against values by hand and the textbook's table."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import edit_reward
from treadle.scoring import edit
from treadle.scoring.edit import edit_distance, edit_similarity

TOKENS = st.lists(st.sampled_from("abcd"), max_size=40)


def table(first, second):
    """Wagner and Fischer's."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (a != b)))
    return row[-1]


@pytest.mark.parametrize(
    ("action", "expert", "expected"),
    [
        ("a b c d", "a x c", 0.5),  # replace b, delete d: 1 - 2/4
        ("view setup.py 12", "view setup.py 13", 2 / 3),  # a file name and a number are a token each
        ("x = f( 1 )", "x=f(1)", 1.0),  # white space does not count
        ("b a", "a b", 0.0),
        ("", "a b", 0.0),
        ("", " ", 1.0),
    ],
)
def test_by_hand(action, expert, expected):
    assert edit_similarity(action, expert) == pytest.approx(expected)


@given(TOKENS, TOKENS)
def test_the_distance_is_that_of_the_table(first, second):
    assert edit_distance(first, second) == table(first, second) == edit_distance(second, first)


@given(st.text(max_size=60), st.text(max_size=60))
def test_it_is_a_similarity(action, expert):
    assert 0.0 <= edit_similarity(action, expert) == edit_similarity(expert, action) <= 1.0
    assert edit_similarity(action, action) == 1.0


@given(TOKENS, TOKENS)
def test_blocks_give_a_bound(first, second):
    before, edit.BLOCK = edit.BLOCK, 3
    try:
        assert table(first, second) <= edit_distance(first, second) <= max(len(first), len(second))
    finally:
        edit.BLOCK = before


def test_long_texts_are_bounded():
    """Ten thousand tokens of which none is alike, which is the worst for what looks along a diagonal."""
    first, second = ([f"{letter}{k}" for k in range(10_000)] for letter in "ab")
    began = time.perf_counter()
    assert edit_distance(first, second) == 10_000
    assert time.perf_counter() - began < 5


def test_a_batch():
    told = {}
    outputs = ["<think>x</think>a b c d", "a", "<think>x</think>a x c"]
    assert edit_reward(outputs, ["a x c"] * 3, log_metric=told.__setitem__) == [0.5, -1.0, 1.0]
    assert told["edit"] == 0.75
