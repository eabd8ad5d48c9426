"""Reward functions that raise, hang and return no numbers, alone and in a trainer that goes on."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
import torch
from datasets import Dataset

from tests.training.test_trainer import ROWS, arguments
from treadle import SRLConfig, SRLTrainer
from treadle.errors import DataError, RewardError, TrainingFault
from treadle.training.guards.async_rewards import guarded
from treadle.training.guards.rewards import RewardFault

TEXTS = ["one", "bad", "three", "four"]


def lengths(completions, **kwargs):
    return [float(len(text)) for text in completions]


def call(function, seconds=5.0, **columns):
    """Rewards of `TEXTS`, the guard, and what reached TRL's logs."""
    guard, logged = guarded(function, seconds), {}
    arguments = {
        "prompts": ["p"] * 4,
        "completions": TEXTS,
        "completion_ids": [[1]] * 4,
        "log_metric": lambda name, value: logged.setdefault(name, []).append(value),
        "log_extra": lambda name, values: logged.setdefault(name, []).append(list(values)),
        **columns,
    }
    rewards = guard(**arguments)
    return (asyncio.run(rewards) if asyncio.iscoroutine(rewards) else rewards), guard, logged


def burn():
    while True:
        pass


def backtrack():
    re.match(r"(a+)+$", "a" * 60 + "b")


FAULTS = {
    "raises": (lambda: 1 / 0, RewardFault.RAISED, "ZeroDivisionError: division by zero"),
    "sleeps": (lambda: time.sleep(60), RewardFault.OUT_OF_TIME, "did not end"),
    "burns": (burn, RewardFault.OUT_OF_TIME, "did not end"),
    "backtracks": (backtrack, RewardFault.OUT_OF_TIME, "did not end"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_only_the_completion_that_fails_loses_its_reward(name, capfd):
    act, fault, detail = FAULTS[name]

    def reward(completions, log_metric, log_extra, **kwargs):
        log_metric("seen", 1.0)
        for text in completions:
            if text == "bad":
                act()
        log_extra("text", completions)
        return lengths(completions)

    began = time.monotonic()
    rewards, guard, logged = call(reward, seconds=0.4)
    assert rewards == [3.0, None, 5.0, 4.0]
    (failure,) = guard.failures
    assert (failure.row, failure.fault, failure.function) == (1, fault, "reward")
    assert failure.detail.startswith(detail)
    assert time.monotonic() - began < 3
    # The call for all four had logged before it failed; only what the single calls logged counts.
    assert logged == {"seen": [1.0] * 3, "text": [["one", None, "three", "four"]]}
    said = capfd.readouterr().err
    assert "asking for each alone" in said
    assert f"a completion is unscorable ({failure.detail}); it begins 'bad'" in said


def test_a_sound_function_is_called_once_and_logs_once():
    calls = []

    def reward(completions, log_metric, log_extra, **kwargs):
        calls.append(completions)
        log_metric("seen", 2.0)
        log_extra("text", completions)
        return [1, None, torch.tensor(0.5), 0.25]

    rewards, guard, logged = call(reward)
    assert rewards == [1, None, torch.tensor(0.5), 0.25]  # None on purpose is no fault
    assert calls == [TEXTS]
    assert guard.failures == []
    assert logged == {"seen": [2.0], "text": [TEXTS]}
    assert guard.__name__ == "reward"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -torch.inf, torch.tensor(torch.nan)])
def test_what_is_no_finite_number_is_no_reward(value):
    rewards, guard, _ = call(lambda completions, **kwargs: [1.0, value, 2.0, 3.0])
    assert rewards == [1.0, None, 2.0, 3.0]
    assert [(f.row, f.fault) for f in guard.failures] == [(1, RewardFault.NOT_FINITE)]


def test_columns_follow_their_completion():
    def reward(completions, number, shared, **kwargs):
        if "bad" in completions:
            raise ValueError("no")
        assert shared == "all"
        return [float(n) for n in number]

    rewards, _, _ = call(reward, number=[10, 11, 12, 13], shared="all")
    assert rewards == [10.0, None, 12.0, 13.0]


def test_a_wrong_number_of_rewards_is_no_fault_of_a_completion():
    with pytest.raises(RewardError, match="returned 1 rewards for 4 completions"):
        call(lambda completions, **kwargs: [1.0])


def test_errors_of_treadle_go_through():
    def reward(completions, **kwargs):
        raise DataError("a row has no reference")

    with pytest.raises(DataError):
        call(reward)


def test_each_kind_is_told_once_and_all_are_counted(capfd):
    def reward(completions, **kwargs):
        raise KeyError("answer")

    _, guard, _ = call(reward)
    assert len(guard.failures) == 4
    assert isinstance(guard.error, KeyError)
    assert capfd.readouterr().err.count("is unscorable") == 1


# In a trainer


def some_digits(completions, number, **kwargs):
    return [sum(ch.isdigit() for ch in c[0]["content"]) / 7 + n / 100 for c, n in zip(completions, number, strict=True)]


def trainer_of(model, tokenizer, folder, rewards, **changes):
    args = arguments(SRLConfig, folder, max_steps=1, **changes)
    return SRLTrainer(model, rewards, args, train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_group_goes_on_without_the_completion_that_failed(tiny_model, tiny_tokenizer, tmp_path, dynamic):
    """Advantages of the first group are those of its three scored completions; the failed one has none."""
    failing = []

    def reward(completions, number, **kwargs):
        if not failing:
            failing.append(completions[1][0]["content"])
        if failing[0] in [c[0]["content"] for c in completions]:
            raise ValueError("cannot judge")
        return some_digits(completions, number)

    trainer = trainer_of(
        tiny_model,
        tiny_tokenizer,
        tmp_path,
        reward,
        dynamic_sampling=dynamic,
        sampling_threshold=0.0,
        log_rollouts=True,
    )
    seen = {}

    def watch(name):
        original = getattr(trainer, name)

        def watched(*args):
            found = original(*args)
            seen.setdefault(name, found)
            return found

        setattr(trainer, name, watched)

    watch("_calculate_rewards")
    watch("_generate_and_score_completions")
    trainer.train()
    rewards_B = seen["_calculate_rewards"][:, 0]
    assert rewards_B.isnan().tolist() == [False, True] + [False] * 14
    scored = rewards_B[[0, 2, 3]]
    expected = (scored - scored.mean()) / (scored.std() + 1e-4)
    advantages = seen["_generate_and_score_completions"]["advantages"][:4]
    assert torch.allclose(advantages[[0, 2, 3]], expected, atol=1e-5)
    assert advantages[1] == 0
    log = trainer.state.log_history[0]
    assert log["faults/unscorable"] == pytest.approx(1 / 16)
    assert log["faults/unscorable/raised"] == pytest.approx(1 / 16)
    assert log["faults/unscorable/out_of_time"] == 0.0


def test_a_completion_that_one_of_two_functions_cannot_judge_has_no_reward(tiny_model, tiny_tokenizer, tmp_path):
    def second(completions, **kwargs):
        return [float("inf"), *[1.0] * (len(completions) - 1)]

    trainer = trainer_of(tiny_model, tiny_tokenizer, tmp_path, [some_digits, second])
    calculate, found = trainer._calculate_rewards, []
    trainer._calculate_rewards = lambda *args: found.append(calculate(*args)) or found[-1]
    trainer.train()
    assert trainer.state.log_history[0]["faults/unscorable/not_finite"] == pytest.approx(1 / 16)
    assert trainer.state.log_history[0]["rewards/some_digits/mean"] is not None
    assert found[0].isnan().tolist() == [[True, True]] + [[False, False]] * 15


def test_a_function_that_always_raises_stops_the_run(tiny_model, tiny_tokenizer, tmp_path):
    def reward(completions, **kwargs):
        raise KeyError("expert_action")

    trainer = trainer_of(tiny_model, tiny_tokenizer, tmp_path, reward)
    with pytest.raises(
        TrainingFault, match=r"100% of the 16 completions of step 1 .*KeyError: 'expert_action'"
    ) as stop:
        trainer.train()
    assert isinstance(stop.value.__cause__, KeyError)


def test_too_many_without_reward_stop_the_run(tiny_model, tiny_tokenizer, tmp_path):
    def reward(completions, **kwargs):
        return [float("nan") if i < 5 else 1.0 for i in range(len(completions))]

    trainer = trainer_of(tiny_model, tiny_tokenizer, tmp_path, reward)
    with pytest.raises(TrainingFault, match=r"31% of the 16 .*\(not_finite 5\); max_unscorable=0.25"):
        trainer.train()
    trainer_of(tiny_model, tiny_tokenizer, tmp_path, reward, max_unscorable=0.5).train()
