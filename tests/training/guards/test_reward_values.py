"""What is agreed with a reward function, piece by piece; whole functions are in `tests/hostile/test_rewards.py`."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from treadle.errors import RewardError
from treadle.training.guards.reward_values import LARGEST, as_list, as_numbers, check_count, is_usable, named, short


def judge(completions, **kwargs):
    return completions


def test_a_list_is_read_as_far_as_it_has_to_be():
    assert as_list((n for n in range(3)), 3, judge) == [0, 1, 2]
    assert as_list(itertools.count(), 3, judge) == [0, 1, 2, 3]
    with pytest.raises(RewardError, match="returned more than 3 rewards for 3 completions"):
        check_count([0, 1, 2, 3], 3, judge)
    check_count([0, 1, 2], 3, judge)


def test_numbers_are_floats_of_python():
    assert list(as_numbers([1, np.float32(0.5), None, True], judge)) == [1.0, 0.5, None, 1.0]
    assert list(as_numbers([10**400], judge)) == [math.inf]
    with pytest.raises(RewardError, match=r"returned '1' \(str\) for completion 2 of 2"):
        list(as_numbers([1, "1"], judge))


@pytest.mark.parametrize(("reward", "usable"), [(0.0, True), (LARGEST, True), (-LARGEST, True), (1.01e15, False)])
def test_up_to_what_size_rewards_are_used(reward, usable):
    assert is_usable(reward) == usable
    assert not is_usable(math.nan)


def test_names_and_values_for_messages():
    assert named(judge) == f"'judge' ({__file__}:{judge.__code__.co_firstlineno})"
    assert named(len) == "'len'"
    assert short([1.0] * 100) == "[1.0, 1.0, 1.0, 1.0, ...]"
    assert len(short("x" * 10**6)) <= 82
    assert short(np.zeros((9, 9))).isprintable()
