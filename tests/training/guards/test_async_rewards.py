"""Reward functions that are coroutines, and which guard a function gets."""

from __future__ import annotations

import asyncio
import time

import pytest
import torch

from tests.training.guards.test_rewards import TEXTS, call, lengths
from treadle.errors import DataError, RewardError
from treadle.training.guards.async_rewards import AsyncGuardedReward, guarded
from treadle.training.guards.rewards import GuardedReward, RewardFault


def test_async_functions_are_ended_where_they_wait():
    async def reward(completions, log_metric, **kwargs):
        for text in completions:
            if text == "bad":
                await asyncio.sleep(60)
        log_metric("seen", 1.0)
        return lengths(completions)

    began = time.monotonic()
    rewards, guard, logged = call(reward, seconds=0.3)
    assert isinstance(guard, AsyncGuardedReward)
    assert rewards == [3.0, None, 5.0, 4.0]
    assert guard.failures[0].fault is RewardFault.OUT_OF_TIME
    assert logged == {"seen": [1.0] * 3}
    assert time.monotonic() - began < 3


def test_an_async_function_that_raises():
    async def reward(completions, **kwargs):
        if "bad" in completions:
            raise ValueError("bad")
        return lengths(completions)

    rewards, guard, _ = call(reward)
    assert rewards == [3.0, None, 5.0, 4.0]
    assert guard.failures[0].detail == "ValueError: bad"


def test_a_sound_one_is_asked_once_and_logs_once():
    asked = []

    async def reward(completions, log_metric, log_extra, **kwargs):
        await asyncio.sleep(0)
        asked.append(completions)
        log_metric("seen", 2.0)
        log_extra("text", completions)
        return lengths(completions)

    rewards, guard, logged = call(reward)
    assert rewards == [3.0, 3.0, 5.0, 4.0]
    assert asked == [TEXTS]
    assert guard.failures == []
    assert logged == {"seen": [2.0], "text": [TEXTS]}
    assert guard.__name__ == "reward"


def test_completions_that_are_asked_for_alone_wait_side_by_side():
    async def reward(completions, **kwargs):
        if len(completions) > 1:
            raise ValueError("one at a time")
        await asyncio.sleep(0.3)
        return lengths(completions)

    began = time.monotonic()
    rewards, _, _ = call(reward)
    assert rewards == [3.0, 3.0, 5.0, 4.0]
    assert 0.3 <= time.monotonic() - began < 0.9, "four after one another take 1.2 s"


def test_a_timeout_of_its_own_is_no_limit_of_ours():
    async def reward(completions, **kwargs):
        raise TimeoutError("the judge's server")

    _, guard, _ = call(reward, seconds=5)
    assert {failure.fault for failure in guard.failures} == {RewardFault.RAISED}
    assert guard.failures[0].detail == "TimeoutError: the judge's server"


def test_without_a_limit_it_is_waited_for():
    async def reward(completions, **kwargs):
        await asyncio.sleep(0.05)
        return lengths(completions)

    assert call(reward, seconds=None)[0] == [3.0, 3.0, 5.0, 4.0]


def test_what_it_is_given_is_its_own():
    async def reward(completions, **kwargs):
        given = list(completions)
        completions.clear()
        return lengths(given)

    assert call(reward)[0] == [3.0, 3.0, 5.0, 4.0]
    assert TEXTS == ["one", "bad", "three", "four"]


def test_no_finite_number_is_no_reward():
    async def reward(completions, **kwargs):
        return [1.0, float("nan"), 2.0, 3.0]

    rewards, guard, _ = call(reward)
    assert rewards == [1.0, None, 2.0, 3.0]
    assert [(f.row, f.fault) for f in guard.failures] == [(1, RewardFault.NOT_FINITE)]


@pytest.mark.parametrize(("error", "raised"), [(DataError("a row has no reference"), DataError), (None, RewardError)])
def test_errors_of_treadle_go_through(error, raised):
    async def reward(completions, **kwargs):
        if error is not None:
            raise error
        return [1.0]

    with pytest.raises(raised):
        call(reward)


class Judge:
    """One that is awaited when it is called."""

    async def __call__(self, completions, **kwargs):
        return lengths(completions)


def test_models_and_names_stay_as_they_are():
    model = torch.nn.Linear(1, 1)
    assert guarded(model, 1.0) is model
    assert guarded("hub/reward", 1.0) == "hub/reward"
    guard = guarded(lengths, 1.0)
    assert guarded(guard, 1.0) is guard
    assert isinstance(guard, GuardedReward)


def test_which_guard_a_function_gets():
    assert type(guarded(lengths, 1.0)) is GuardedReward
    assert type(guarded(Judge(), 1.0)) is AsyncGuardedReward
    assert call(Judge())[0] == [3.0, 3.0, 5.0, 4.0]
