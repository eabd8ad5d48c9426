"""Reward functions of people who did not read what is expected of one."""

from __future__ import annotations

import asyncio
import itertools
import sys
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from datasets import Dataset

from tests.training.test_trainer import ROWS, arguments
from treadle import SRLConfig, SRLTrainer
from treadle.errors import RewardError, TrainingFault
from treadle.training.guards.async_rewards import guarded
from treadle.training.guards.rewards import RewardFault

TEXTS = ["one", "two", "three", "four"]


def call(function, seconds=5.0, **columns):
    """What a guarded function gives for four completions, and the guard."""
    guard = guarded(function, seconds)
    given = {
        "prompts": [[{"role": "user", "content": "p"}]] * 4,
        "completions": [[{"role": "assistant", "content": text}] for text in TEXTS],
        "completion_ids": [[1, 2]] * 4,
        "trainer_state": None,
        "log_metric": lambda name, value: None,
        "log_extra": lambda name, values: None,
        **columns,
    }
    rewards = guard(**given)
    return (asyncio.run(rewards) if asyncio.iscoroutine(rewards) else rewards), guard


def giving(value):
    def rewarding(completions, **kwargs):
        return value(len(completions)) if callable(value) else value

    return rewarding


TAKEN = {
    "integers": ([1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0]),
    "booleans": ([True, False, True, True], [1.0, 0.0, 1.0, 1.0]),
    "a tuple": ((0.5,) * 4, [0.5] * 4),
    "an array": (np.arange(4), [0.0, 1.0, 2.0, 3.0]),
    "an array of booleans": (np.array([True, False] * 2), [1.0, 0.0, 1.0, 0.0]),
    "numbers of numpy": ([np.float32(0.5), np.int64(2), np.bool_(True), np.float16(1)], [0.5, 2.0, 1.0, 1.0]),
    "a tensor with a gradient": (torch.ones(4, requires_grad=True), [1.0] * 4),
    "a tensor of bfloat16": (torch.ones(4, dtype=torch.bfloat16), [1.0] * 4),
    "tensors of no axis": ([torch.tensor(2.0, requires_grad=True)] * 4, [2.0] * 4),
    "a generator": ((n / 2 for n in range(4)), [0.0, 0.5, 1.0, 1.5]),
    "fractions": ([Fraction(1, 4)] * 4, [0.25] * 4),
    "some that are not judged": ([None, 1.0, None, 0.0], [None, 1.0, None, 0.0]),
    "the largest": ([1e15, -1e15, 0.0, 1.0], [1e15, -1e15, 0.0, 1.0]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name):
    value, expected = TAKEN[name]
    rewards, guard = call(giving(value))
    assert rewards == expected
    assert {type(reward) for reward in rewards} <= {float, type(None)}
    assert guard.failures == []


REFUSED = {
    "nothing": (None, "returned None (NoneType); expected a list of 4 numbers"),
    "a number": (1.0, "returned 1.0 (float); expected a list of 4 numbers"),
    "a text": ("1234", "returned '1234' (str); expected a list of 4 numbers"),
    "a dict": ({"a": 1}, "returned {'a': 1} (dict); expected a list of 4 numbers"),
    "a set": ({1.0, 2.0, 3.0, 4.0}, "(set); expected a list of 4 numbers"),
    "a tensor of no axis": (torch.tensor(1.0), "returned tensor(1.) (Tensor); expected a list of 4 numbers"),
    "a tensor of two axes": (torch.ones(4, 1), "(Tensor); expected a list of 4 numbers"),
    "an array of two axes": (np.ones((4, 1)), "(ndarray); expected a list of 4 numbers"),
    "too few": ([0.0] * 3, "returned 3 rewards for 4 completions ([0.0, 0.0, 0.0]); expected one for each"),
    "none at all": ([], "returned 0 rewards for 4 completions"),
    "too many": ([0.0] * 5, "returned more than 4 rewards for 4 completions"),
    "no end of them": (itertools.repeat(1.0), "returned more than 4 rewards for 4 completions"),
    "texts": (["1"] * 4, "returned '1' (str) for completion 1 of 4; expected a number, or None"),
    "a text among numbers": ([1.0, 2.0, "three\n\x1b[31m", 4.0], "(str) for completion 3 of 4; expected a number"),
    "lists": ([[1.0]] * 4, "returned [1.0] (list) for completion 1 of 4"),
    "complex numbers": ([1j] * 4, "returned 1j (complex) for completion 1 of 4"),
    "decimals": ([Decimal(1)] * 4, "returned Decimal('1') (Decimal) for completion 1 of 4"),
    "tensors of an axis": ([torch.ones(2)] * 4, "(Tensor) for completion 1 of 4"),
    "dates": ([np.datetime64("2020-01-01")] * 4, "(datetime64) for completion 1 of 4"),
    "a long text": (["x" * 10**6] * 4, "(str) for completion 1 of 4"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_by_the_first_batch(name):
    value, said = REFUSED[name]
    with pytest.raises(RewardError) as caught:
        call(giving(value))
    message = str(caught.value)
    assert message.startswith(f"reward 'rewarding' ({__file__}:")
    assert said in message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize("name", ["a text", "too few", "texts"])
def test_an_asynchronous_one_is_refused_alike(name):
    value, said = REFUSED[name]

    async def rewarding(completions, **kwargs):
        return value

    with pytest.raises(RewardError) as caught:
        call(rewarding)
    assert said in str(caught.value)


BIG = [1e308, -1e308, 1.1e15, float("inf"), float("-inf"), float("nan"), 10**400, -(10**400), np.float64("inf")]


@pytest.mark.parametrize("value", BIG)
def test_a_number_that_advantages_cannot_be_made_of_is_no_reward(value, capsys):
    rewards, guard = call(giving([1.0, value, 0.0, 1.0]))
    assert rewards == [1.0, None, 0.0, 1.0]
    (failure,) = guard.failures
    assert (failure.row, failure.fault) == (1, RewardFault.NOT_FINITE)
    assert capsys.readouterr().err.count("\n") == 1


def test_the_largest_rewards_have_finite_advantages():
    """In float32 as TRL computes them: the largest that are taken, in a batch as large as any."""
    rewards = torch.tensor([1e15, -1e15] * 2**20, dtype=torch.float32)
    assert rewards.std().isfinite()
    assert ((rewards - rewards.mean()) / (rewards.std() + 1e-4)).isfinite().all()


class Judge:
    """One that is called as a function."""

    def __call__(self, completions, **kwargs):
        return ["no"] * len(completions)


def test_whatever_is_called_is_named():
    class Nameless:
        def __call__(self, completions):
            return [0.0] * len(completions)

    for function, said in (
        (Judge(), rf"reward 'Judge' \({__file__}:\d+\) returned 'no'"),
        (partial(giving(["no"] * 4), more=1), rf"reward 'rewarding' \({__file__}:\d+\) returned 'no'"),
        (lambda **_: ["no"] * 4, rf"reward '<lambda>' \({__file__}:\d+\) returned 'no'"),
        (Nameless(), rf"reward 'Nameless' \({__file__}:\d+\): got an unexpected keyword argument"),
    ):
        with pytest.raises(RewardError, match=said):
            call(function)


def test_other_arguments_are_said_before_anything_is_asked():
    asked = []

    def takes_none():
        asked.append(1)

    def takes_others(completions, answers, **kwargs):
        asked.append(1)

    def takes_no_more(completions, prompts):
        asked.append(1)

    for function, said in (
        (takes_none, "got an unexpected keyword argument"),
        (takes_others, "missing a required argument: 'answers'"),
        (takes_no_more, "got an unexpected keyword argument"),
    ):
        with pytest.raises(
            RewardError, match=rf"reward .{function.__name__}. .*{said}.*called with the keywords prompts"
        ):
            call(function)
    assert asked == []


@pytest.mark.parametrize("function", [5, None, [1.0], {"a": 1}, 0.5, b"name"])
def test_what_is_no_function_is_refused_at_once(function):
    with pytest.raises(RewardError, match="expected a function that takes keywords"):
        guarded(function, None)


def test_a_coroutine_in_disguise():
    async def inner():
        return [0.0] * 4

    with pytest.raises(RewardError, match=r"returned a coroutine; write it as `async def`"):
        call(lambda **_: inner())


def leaves(completions, **kwargs):
    if completions[0][0]["content"] == "two" or len(completions) > 1:
        sys.exit(0)
    return [1.0]


async def leaves_later(completions, **kwargs):
    await asyncio.sleep(0)
    return leaves(completions)


@pytest.mark.parametrize("function", [leaves, leaves_later])
def test_one_that_exits_does_not_end_the_run(function):
    """And least of all with code 0, as if all were done."""
    rewards, guard = call(function)
    assert rewards == [1.0, None, 1.0, 1.0]
    assert [(failure.row, failure.fault) for failure in guard.failures] == [(1, RewardFault.RAISED)]
    assert "SystemExit" in guard.failures[0].detail


def test_one_that_changes_what_it_is_given_changes_nothing():
    column = [["a", "b"], ["c"], [], ["d"]]

    def vandal(completions, prompts, completion_ids, column, **kwargs):
        for completion in completions:
            completion[0]["content"] = "changed"
            completion.append({"role": "user", "content": "more"})
        for values in (prompts, completions, completion_ids, *completion_ids, *column, column):
            values.clear()
        return [1.0] * 4

    given = {
        "completions": [[{"role": "assistant", "content": text}] for text in TEXTS],
        "prompts": [[{"role": "user", "content": "p"}] for _ in TEXTS],
        "completion_ids": [[1, 2] for _ in TEXTS],
        "column": column,
    }
    rewards, _ = call(vandal, **given)
    assert rewards == [1.0] * 4
    assert [c[0]["content"] for c in given["completions"]] == TEXTS
    assert [len(c) for c in given["completions"]] == [1] * 4
    assert given["prompts"] == [[{"role": "user", "content": "p"}]] * 4
    assert given["completion_ids"] == [[1, 2]] * 4
    assert column == [["a", "b"], ["c"], [], ["d"]]


IN_TRAINING = {
    "none": (lambda n: [None] * n, TrainingFault, "has a reward: .* times None from .rewarding."),
    "nan": (lambda n: [float("nan")] * n, TrainingFault, "100% of the .* have no reward"),
    "huge": (lambda n: [(1e308, -1e308, 0.0)[i % 3] for i in range(n)], TrainingFault, "above 1e.15 in size"),
    "short": (lambda n: [0.0] * (n - 1), RewardError, "rewards for"),
    "text": (lambda n: ["1"] * n, RewardError, "expected a number"),
    "exit": (lambda n: sys.exit(0), TrainingFault, "SystemExit"),
}


@pytest.mark.parametrize("name", IN_TRAINING)
def test_a_run_ends_at_its_first_batch_and_names_the_function(name, tiny_model, tiny_tokenizer, tmp_path, capsys):
    value, error, said = IN_TRAINING[name]
    args, rows = arguments(SRLConfig, tmp_path), Dataset.from_list(ROWS)
    trainer = SRLTrainer(tiny_model, giving(value), args, train_dataset=rows, processing_class=tiny_tokenizer)
    before = [p.clone() for p in trainer.model.parameters()]
    with pytest.raises(error, match=said) as caught:
        trainer.train()
    assert f"'rewarding' ({__file__}:" in str(caught.value)
    assert trainer.state.global_step == 0
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))
