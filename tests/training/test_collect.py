"""`DynamicSampling` with groups made by hand: what is kept, refilled, filled up, left over, told and restored."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.test_groups import group
from treadle.errors import TrainingFault
from treadle.training.dynamic_sampling import DynamicSampling, SamplingSettings
from treadle.training.groups import Collected
from treadle.training.prompts import Prompts
from treadle.training.sampling import Drop

PLAIN = SamplingSettings(0.01, 3, "train", "missing", 1, (1.0,))
# Rewards of a prompt's group by the first word of the prompt, and what becomes of it.
REWARDS = {"good": (0.0, 1.0), "right": (1.0, 1.0), "wrong": (0.0, 0.0), "narrow": (0.5, 0.51), "none": (math.nan, 1.0)}
POOR = {"poor": (0.1, 0.3)}  # a signal, unless a floor says otherwise
REASONS = {
    "good": None,
    "right": Drop.ALL_RIGHT,
    "wrong": Drop.ALL_WRONG,
    "narrow": Drop.LOW_SPREAD,
    "none": Drop.UNSCORABLE,
}


def rows_of(*kinds):
    return [{"prompt": f"{kind} {number}"} for number, kind in enumerate(kinds)]


def kind_of(row):
    return row["prompt"].split()[0]


def names(groups):
    return [group.row["prompt"] for group in groups]


class Run:
    """A run whose prompts' names decide their rewards; `further` are the rows of the data set, in the stream's order.

    Attributes:
        rounds: Names of the prompts of each round, with the generation.
        told: Outcomes of each round.
        scored: Names of the groups whose log-probs were asked for.
    """

    def __init__(self, further, old_logps=True, rest_after=None, **changes):
        self.rounds, self.told, self.scored, self.metrics = [], [], [], defaultdict(list)
        self.prompts = Prompts(further, 0, False, rest_after)
        self.sampling = DynamicSampling(
            replace(PLAIN, **changes),
            self.prompts,
            self.sample,
            self.logps if old_logps else None,
            self.told.append,
            self.metrics,
        )

    def sample(self, rows, generation):
        self.rounds.append((generation, [row["prompt"] for row in rows]))
        return [group(*(REWARDS | POOR)[kind_of(row)], generation=generation, name=row["prompt"]) for row in rows]

    def logps(self, groups):
        self.scored.append(names(groups))
        return [[[-float(len(self.scored))]] * 2 for _ in groups]

    def collect(self, *kinds, step=0):
        """Names of the groups to train on."""
        chosen, self.found = self.sampling.collect(rows_of(*kinds), step)
        return names(chosen)

    def last(self, name):
        return self.metrics[f"sampling/{name}"][-1]


def test_a_full_batch_takes_one_round():
    run = Run(rows_of("good"))
    assert run.collect("good", "good") == ["good 0", "good 1"]
    assert run.rounds == [(0, ["good 0", "good 1"])]
    assert run.told == [[None, None]]
    told = {name: values for name, values in run.metrics.items() if values != [0.0]}
    assert told == {"sampling/kept_groups": [2.0], "sampling/rounds": [1.0], "sampling/kept_share": [1.0]}
    assert run.sampling.generation == 1


def test_what_is_missing_is_drawn_until_the_last_round():
    run = Run(rows_of("wrong"), max_rounds=3)
    assert run.collect("good", "right", "narrow", "none") == ["good 0"]
    assert [len(sampled) for _, sampled in run.rounds] == [4, 3, 3]
    assert run.told[0] == [None, Drop.ALL_RIGHT, Drop.LOW_SPREAD, Drop.UNSCORABLE]
    assert run.told[1:] == [[Drop.ALL_WRONG] * 3] * 2
    # One of ten was kept: nine groups of two completions were made besides it.
    expected = {
        "kept_groups": 1, "rounds": 3, "missing_groups": 3, "filled_groups": 0, "waited_groups": 0, "kept_share": 0.1,
        "dropped/all_right": 0.1, "dropped/all_wrong": 0.6, "dropped/low_spread": 0.1, "dropped/unscorable": 0.1,
        "dropped/all_format_faults": 0, "extra_rollouts_per_kept_group": 18, "expired_groups": 0, "surplus_groups": 0,
        "thrown_away_groups": 0, "empty_generations": 0,
    }  # fmt: skip
    assert {name.removeprefix("sampling/"): values for name, values in run.metrics.items()} == {
        name: [pytest.approx(value)] for name, value in expected.items()
    }


@pytest.mark.parametrize(("refill", "second"), [("missing", 1), ("expected", 2), ("full", 3)])
def test_a_further_round_is_as_large_as_asked_for(refill, second):
    """One of three is missing, and two of three were kept: 1 * 3 / 2 prompts should bring it."""
    run = Run(rows_of("wrong"), refill=refill, max_rounds=2)
    run.collect("good", "wrong", "good")
    assert [len(sampled) for _, sampled in run.rounds] == [3, second]


def test_fill_takes_the_widest_of_the_rest():
    run = Run(rows_of("wrong"), max_rounds=1, when_short="fill")
    assert run.collect("wrong", "good", "narrow", "none", "right") == [
        "good 1",
        "wrong 0",
        "narrow 2",
        "none 3",
        "right 4",
    ]
    assert (run.last("missing_groups"), run.last("filled_groups")) == (4, 4)
    run = Run(rows_of("wrong"), max_rounds=2, when_short="fill", refill="full")
    assert run.collect("wrong", "narrow", "none") == ["wrong 0", "narrow 1", "wrong 0"]


def test_stop_says_what_was_found_and_what_to_set():
    run = Run(rows_of("wrong"), max_rounds=2, when_short="stop")
    with pytest.raises(TrainingFault) as fault:
        run.collect("good", "right", "wrong", step=6)
    assert str(fault.value) == (
        "step 7: 1 of 3 groups carry a signal after 2 sampling rounds of 5 groups (dropped: all_wrong 3, all_right 1), "
        "and when_short='stop'; set when_short='train' or 'fill', or more max_sampling_rounds"
    )
    assert run.last("missing_groups") == 2
    assert Run(rows_of("good"), when_short="stop").collect("good", "wrong") == ["good 0", "good 0"]


def test_a_poor_group_is_dropped_for_a_reason_of_its_own_and_only_under_a_floor():
    run = Run(rows_of("good"), floor=0.31, max_rounds=1, rest_after=1)
    assert run.collect("poor", "good", "narrow", "wrong") == ["good 1"]
    assert run.told == [[Drop.ALL_POOR, None, Drop.LOW_SPREAD, Drop.ALL_WRONG]]
    assert (run.last("dropped/all_poor"), run.last("dropped/low_spread"), run.last("kept_share")) == (0.25,) * 3
    assert (run.last("resting/solved"), run.last("resting/silent")) == (0, 3), "a poor visit is a silent one"
    assert Run(rows_of("good"), floor=0.3).collect("poor") == ["poor 0"], "it reaches its own best reward"
    run = Run(rows_of("good"))
    assert run.collect("poor", "good") == ["poor 0", "good 1"]
    assert "sampling/dropped/all_poor" not in run.metrics


def test_poor_groups_fill_last_and_without_rewards():
    run = Run(rows_of("good"), floor=0.31, max_rounds=1, when_short="fill")
    assert run.collect("poor", "good", "narrow", "poor", "wrong") == [
        "good 1",
        "poor 0",
        "narrow 2",
        "poor 3",
        "wrong 4",
    ]
    dropped = {group.row["prompt"]: group.rewards for _, group in run.found.dropped}
    assert dropped["narrow 2"] == [[0.5], [0.51]]
    assert all(math.isnan(value) for name in ("poor 0", "poor 3") for (value,) in dropped[name])
    assert [group.row["prompt"] for group in run.found.best_of_the_rest(2)] == ["narrow 2", "wrong 4"]
    assert torch.cat(run.found.rewards).flatten()[:2].tolist() == pytest.approx([0.1, 0.3]), "logged as they were"


def test_stop_names_the_floor_where_it_dropped_some():
    run = Run(rows_of("poor"), floor=0.5, max_rounds=2, when_short="stop")
    with pytest.raises(
        TrainingFault, match=r"dropped: all_poor 3, all_wrong 1.*more max_sampling_rounds, or sampling_floor below 0.5"
    ):
        run.collect("good", "poor", "wrong")


def test_surplus_waits_with_the_log_probs_of_its_policy_and_stands_in_for_the_last_prompts():
    run = Run(rows_of("good"), refill="full")
    assert run.collect("good", "wrong", "good") == ["good 0", "good 2", "good 0"]
    assert run.last("surplus_groups") == 2
    assert run.scored == [["good 0", "good 0"]]
    assert [waiting.old_logps for waiting in run.sampling.surplus] == [[[-1.0], [-1.0]]] * 2
    # Two wait: of the three proposed prompts the first is sampled, the others are passed down to the next round.
    assert run.collect("wrong", "narrow", "right") == ["good 0"] * 3
    assert run.rounds[2:] == [(1, ["wrong 0"]), (1, ["narrow 1", "right 2", "good 0"])]
    assert [g.old_logps is None for g in run.found.kept] == [False, False, True]
    assert (run.last("waited_groups"), run.last("kept_groups"), run.last("kept_share")) == (2, 3, 0.25)
    assert run.last("surplus_groups") == 0


def test_groups_that_wait_twice_keep_the_first_log_probs():
    run = Run(rows_of("good"), refill="full", max_staleness=2)
    run.collect("good", "wrong", "good")
    for waits in (1, 0):
        assert run.collect("good") == ["good 0"]
        assert len(run.sampling.surplus) == waits
    assert len(run.rounds) == 2  # where enough wait nothing is sampled
    assert run.scored == [["good 0", "good 0"]]
    assert run.metrics["sampling/rounds"] == [2, 0, 0]
    assert len(run.metrics["sampling/kept_share"]) == 1
    assert run.found.kept[0].old_logps == [[-1.0], [-1.0]]
    assert run.collect("wrong") == ["good 0"]  # the first prompt that was passed down


@pytest.mark.parametrize(("max_staleness", "expired"), [(1, [0, 0, 1]), (2, [0, 0, 0])])
def test_groups_that_wait_too_long_are_thrown_away(max_staleness, expired):
    run = Run(rows_of("good"), refill="full", max_staleness=max_staleness)
    for proposed in (("good", "wrong", "good"), ("good",), ("good",)):
        run.collect(*proposed)
    assert run.metrics["sampling/expired_groups"] == expired
    assert len(run.rounds) == (3 if expired[-1] else 2)


def test_without_staleness_surplus_is_thrown_away_at_once():
    run = Run(rows_of("good"), refill="full", max_staleness=0)
    run.collect("good", "wrong", "good")
    assert (run.last("thrown_away_groups"), run.last("surplus_groups")) == (2, 0)
    assert run.sampling.surplus == run.scored == []


def test_where_the_engine_tells_log_probs_none_are_computed():
    run = Run(rows_of("good"), old_logps=False, refill="full")
    run.collect("good", "wrong", "good")
    assert [waiting.old_logps for waiting in run.sampling.surplus] == [None, None]


def test_outcomes_reach_the_prompts_that_rest():
    run = Run(rows_of("good"), rest_after=1, max_rounds=1)
    run.collect("wrong", "right", "good")
    assert run.collect("wrong", "right", "good") == ["good 2", "good 0", "good 0"]
    found = {
        name.removeprefix("sampling/"): values
        for name, values in run.metrics.items()
        if "rest" in name or "over" in name
    }
    assert found == {
        "resting/solved": [1, 1], "resting/silent": [1, 1], "passed_over/solved": [0, 1], "passed_over/silent": [0, 1],
    }  # fmt: skip


def test_rewards_are_logged_of_all_that_was_sampled():
    """TRL's own values, of the batch alone, are those in the lists before."""
    run = Run(rows_of("wrong"), max_rounds=1, weights=(1.0, 0.5))
    rewards = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[np.nan, np.nan], [0.0, 3.0]]])
    groups = [replace(group(0.0, 0.0), rewards=of.tolist()) for of in rewards]
    run.sampling = DynamicSampling(
        run.sampling.settings, Prompts([], 0, False), lambda *_: groups, None, [].append, run.metrics
    )
    run.collect("a", "b", "c")
    names = (
        "reward",
        "reward_std",
        "frac_reward_zero_std",
        "rewards/f/mean",
        "rewards/f/std",
        "rewards/g/mean",
        "rewards/g/std",
    )
    for name in names:
        run.metrics[name] = [7.0, 8.0]
    run.sampling.log_rewards(run.found, ["f", "g"])
    total = rewards[..., 0] + 0.5 * rewards[..., 1]
    flat = rewards.reshape(-1, 2)
    expected = {"reward": np.nanmean(total), "reward_std": np.nanstd(total, ddof=1), "frac_reward_zero_std": 1 / 3}
    for number, name in enumerate("fg"):
        expected[f"rewards/{name}/mean"] = np.nanmean(flat[:, number])
        expected[f"rewards/{name}/std"] = np.nanstd(flat[:, number], ddof=1)
    for name in names:
        assert run.metrics[name] == [7.0, pytest.approx(expected[name])], name
    run.sampling.log_rewards(Collected(1, [groups[0]]), ["f", "g"])  # nothing was sampled
    assert run.metrics["reward"] == [7.0, pytest.approx(expected["reward"])]


# Several generations: the kinds of the proposed prompts of each, and how the run is set.
GENERATIONS = st.lists(st.lists(st.sampled_from(list(REWARDS)), min_size=1, max_size=4), max_size=5)
STREAM = st.lists(st.sampled_from(list(REWARDS)), min_size=1, max_size=5)
CHANGES = st.fixed_dictionaries(
    {
        "refill": st.sampled_from(["missing", "expected", "full"]),
        "when_short": st.sampled_from(["train", "fill"]),
        "max_staleness": st.integers(0, 2),
        "max_rounds": st.integers(1, 3),
        "rest_after": st.sampled_from([None, 1, 2]),
    }
)


@given(GENERATIONS, STREAM, CHANGES)
def test_every_informative_group_is_trained_on_once_or_counted_as_lost(generations, stream, changes):
    run = Run(rows_of(*stream), **changes)
    trained = 0
    for kinds in generations:
        before = len(run.rounds)
        chosen = run.collect(*kinds)
        rounds = run.rounds[before:]
        informative = [name for name in chosen if name.startswith("good")]
        trained += len(informative)
        assert len(rounds) <= changes["max_rounds"]
        assert run.last("rounds") == len(rounds)
        assert len(informative) + run.last("missing_groups") == len(kinds)
        assert len(chosen) - len(informative) == run.last("filled_groups")
        if changes["when_short"] == "fill":
            assert len(chosen) == len(kinds)
        assert [len(told) for told in run.told[before:]] == [len(prompts) for _, prompts in rounds]
    sampled = [name for _, names in run.rounds for name in names]
    lost = sum(run.metrics["sampling/expired_groups"]) + sum(run.metrics["sampling/thrown_away_groups"])
    assert sum(name.startswith("good") for name in sampled) == trained + lost + len(run.sampling.surplus)
    assert [reason for told in run.told for reason in told] == [REASONS[name.split()[0]] for name in sampled]


@given(GENERATIONS, GENERATIONS, STREAM, CHANGES)
def test_a_restored_state_has_the_same_future(before, after, stream, changes):
    straight, resumed = (Run(rows_of(*stream), **changes) for _ in range(2))
    for kinds in before:
        straight.collect(*kinds)
    for part in ("sampling", "prompts"):
        state = json.loads(json.dumps(getattr(straight, part).state()))
        getattr(resumed, part).load_state(state)
    resumed.scored = list(straight.scored)  # the policy, which gives the log-probs, is restored with the weights
    rounds = len(straight.rounds)
    for kinds in after:
        assert resumed.collect(*kinds) == straight.collect(*kinds)
    assert resumed.rounds == straight.rounds[rounds:]
    assert resumed.sampling.state() == straight.sampling.state()
