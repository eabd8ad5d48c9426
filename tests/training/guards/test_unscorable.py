"""Completions without a reward: counted by all processes together, and too many of them stop the run."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from treadle.errors import TrainingFault
from treadle.training.guards.async_rewards import guarded
from treadle.training.guards.rewards import RewardFault
from treadle.training.guards.unscorable import Unscorable


def judged(completions, **kwargs):
    """Rewards by text: `raise` raises, `inf` has no number, anything else is worth its length."""
    if "raise" in completions:
        raise ValueError("a bad text")
    return [math.inf if text == "inf" else float(len(text)) for text in completions]


def others(completions, **kwargs):
    return [math.nan if text == "other" else 1.0 for text in completions]


class Run:
    """One process with guarded functions; `round` asks them as TRL does and tells the guard."""

    def __init__(self, processes, most, functions=(judged, others)):
        self.functions = [guarded(function, 5.0) for function in functions]
        self.processes, self.metrics = processes, defaultdict(list)
        self.guard = Unscorable(self.functions, most, processes)

    def round(self, texts, mode="train", step=0):
        columns = [function(completions=texts) for function in self.functions]
        values = [[math.nan if value is None else value for value in row] for row in zip(*columns, strict=True)]
        rewards_BF = self.processes.gather(torch.tensor(values))
        self.guard.rewarded(rewards_BF, len(texts), mode, step, self.metrics)
        return rewards_BF

    def shares(self):
        return {name.removeprefix("faults/unscorable"): values for name, values in self.metrics.items()}


def test_a_completion_that_one_function_cannot_judge_loses_all_rewards():
    run = Run(alone(), 1.0)
    rewards = run.round(["a", "inf", "other", "abc"])
    assert rewards.isnan().tolist() == [[False] * 2, [True] * 2, [True] * 2, [False] * 2]
    assert rewards[3].tolist() == [3.0, 1.0]
    assert run.shares() == {"": [0.5], "/raised": [0.0], "/out_of_time": [0.0], "/not_finite": [0.5]}
    assert run.round(["a", "b"]).isnan().sum() == 0
    assert run.shares()[""] == [0.5, 0.0]


def test_faults_are_counted_of_each_function_and_completions_once():
    def both(completions, **kwargs):
        return judged(completions)

    run = Run(alone(), 1.0, (judged, both))
    run.round(["a", "inf", "c", "d"])
    assert run.shares()[""] == [0.25]
    assert run.shares()["/not_finite"] == [0.5]


def test_what_a_function_leaves_out_by_itself_is_no_fault():
    run = Run(alone(), 0.0, (lambda completions: [None] * len(completions), others))
    assert run.round(["a", "b"])[:, 1].tolist() == [1.0, 1.0]
    assert run.shares()[""] == [0.0]


def test_the_message_names_shares_function_cause_and_remedy():
    run = Run(alone(), 0.25)
    with pytest.raises(TrainingFault) as fault:
        run.round(["raise", "inf", "c", "d"], step=4)
    assert str(fault.value) == (
        "50% of the 4 completions of step 5 have no reward (raised 1, not_finite 1); max_unscorable=0.25. Reward "
        f"'judged' ({__file__}:{judged.__code__.co_firstlineno}): ValueError: a bad text; the completion begins "
        "'raise'. Mend the function for such completions, or raise max_unscorable."
    )
    assert isinstance(fault.value.__cause__, ValueError)


def test_where_none_has_a_reward_the_function_is_wrong():
    with pytest.raises(TrainingFault, match=r"100% of the 2 .*likely a mistake in the function, or in a column"):
        Run(alone(), 1.0).round(["inf", "inf"])


def test_rounds_of_one_step_are_judged_together():
    """One of two in a round of a refill, but one of six of the step: below a quarter."""
    run = Run(alone(), 0.25)
    run.round(["a", "b", "c", "d"])
    run.round(["inf", "b"])
    run.round(["a", "b"], mode="eval")
    run.round(["a", "b", "c", "inf"], step=1)
    with pytest.raises(TrainingFault, match=r"33% of the 6 completions of step 2"):
        run.round(["a", "inf"], step=1)
    with pytest.raises(TrainingFault, match=r"50% of the 2 completions"):  # another step begins anew
        run.round(["a", "inf"], step=2)


def test_a_slow_function_is_told_the_setting():
    run = Run(alone(), 0.25, (others,))

    class Slow(type(run.functions[0])):
        def __call__(self, **arguments):
            rewards = super().__call__(**arguments)
            self.failures = [
                type(f)(f.row, f.function, RewardFault.OUT_OF_TIME, "too slow", f.beginning) for f in self.failures
            ]
            return rewards

    run.functions[0].__class__ = Slow
    with pytest.raises(TrainingFault, match=r"out_of_time 1.*If it is only slow, raise reward_seconds \(now 5\)"):
        run.round(["other", "b"])


TEXTS = st.lists(st.sampled_from(["a", "b", "inf", "other"]), min_size=2, max_size=2)


@given(
    st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=3), st.sampled_from([0.0, 0.25, 0.5, 1.0])
)
def test_processes_judge_as_one_with_all_rows_would(rounds, most):
    def work(processes):
        run = Run(processes, most)
        found = []
        for each in rounds:
            own = each[processes.index] if processes.count > 1 else [text for texts in each for text in texts]
            try:
                found.append(run.round(own).nan_to_num(-1).tolist())
            except TrainingFault as fault:
                found.append(str(fault).split(" Reward '")[0])  # whose completion is named first may differ
        return found, run.shares()

    (alone_found,) = in_processes(1, work)
    assert in_processes(3, work) == [alone_found] * 3
