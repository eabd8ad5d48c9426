"""What rows are given, and what becomes of a trajectory's history."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from treadle.errors import RecipeError
from treadle.training.groups import Group
from treadle.training.prefixes.part import Prefixes, bare, given_text, with_longest
from treadle.training.prefixes.policy import Attempt, PrefixPolicy

ASKED = [{"role": "user", "content": "solve it"}]
STEPS = ["one", "two", "three", "four"]
ROW = {"prompt": ASKED, "trajectory_id": "t", "answer": "4", "prefix_texts": STEPS}


@dataclass(frozen=True)
class Scripted(PrefixPolicy):
    """Gives the lengths of a list one after the other, and asks for more where told; keeps what it was told."""

    lengths: tuple = (0, 1, 2, 3)
    again_after: tuple = ()
    told: list = field(default_factory=list)

    def length(self, trajectory, history):
        self.told.append((trajectory, history))
        return self.lengths[len(history.attempts)]

    def again(self, trajectory, history):
        self.told.append((trajectory, history))
        return len(history.attempts) in self.again_after


@dataclass(frozen=True)
class Answering(PrefixPolicy):
    """Gives nothing, and answers as it is told."""

    answer: Any

    def length(self, trajectory, history):
        return 0

    def again(self, trajectory, history):
        return self.answer


def prefixes(policy=None, **changes):
    return Prefixes(**{"policy": policy or Scripted(), "seed": 3, "weights": [1.0], "progress": lambda: 0.25} | changes)


def sampled(row, *rewards, generation=0):
    rewards = [reward if isinstance(reward, list) else [reward] for reward in rewards]
    return Group(row, [[1]] * len(rewards), [[2]] * len(rewards), ["x"] * len(rewards), rewards, generation)


def test_the_first_steps_are_a_last_message_that_the_model_goes_on_writing():
    part = prefixes(Scripted((0, 2)))
    first = part.given(ROW)
    assert (first["prompt"], first["prefix_length"], given_text(first)) == (ASKED, 0, "")
    part.visited(sampled(first, 0.0))
    second = part.given(ROW)
    assert second["prompt"] == [*ASKED, {"role": "assistant", "content": "one\ntwo\n"}]
    assert (second["prefix_length"], given_text(second)) == (2, "one\ntwo\n")
    assert bare(first) == bare(second) == ROW
    assert with_longest(ROW)[-1]["content"] == "one\ntwo\nthree\n"
    assert with_longest({"prompt": ASKED}) == with_longest({**ROW, "prefix_texts": None}) == ASKED


def test_a_hint_stands_in_the_users_message():
    row = {**ROW, "prefix_frame": ["solve it\n\nHint: ", "!"]}
    given = prefixes(Scripted((2,))).given(row)
    assert given["prompt"] == [{"role": "user", "content": "solve it\n\nHint: one\ntwo!"}]
    assert given_text(given) == "", "the model is not to write it"
    assert bare(given) == row
    assert prefixes(Scripted((0,))).given(row)["prompt"] == ASKED


def test_rows_of_steps_are_given_nothing():
    row = {"prompt": ASKED, "trajectory_id": "t", "expert_action": "one", "prefix_texts": None}
    part = prefixes()
    given = part.given(row)
    assert (given["prompt"], given["prefix_length"]) == (ASKED, None)
    assert part.visited(sampled(given, 1.0, 0.0)) is False
    assert part.state() == {}
    assert part.measures() == {}
    assert bare(given) == row


def test_a_policy_is_told_what_became_of_the_trajectory():
    policy = Scripted(again_after=(1, 2))
    part = prefixes(policy, weights=[1.0, 0.5])
    outcomes = [([0.0, 0.0], [0.0, math.nan]), ([1.0, 0.0], [0.5, 0.02]), ([math.nan, math.nan], [0.0, 1.02])]
    asked = []
    for generation, rewards in enumerate(outcomes):
        asked.append(part.visited(sampled(part.given(ROW), *map(list, rewards), generation=generation)))
    assert asked == [True, True, False]
    # Rewards in total: 0, 0; 1, 0.51; none, 0.51.
    attempts = (Attempt(0, 0, 2, 0), Attempt(1, 2, 2, 1), Attempt(2, 1, 1, 2))
    experts, histories = zip(*policy.told, strict=True)
    assert {expert.trajectory_id for expert in experts} == {"t"}
    assert {expert.steps for expert in experts} == {tuple(STEPS)}
    seen = [attempts[:count] for count in (0, 1, 1, 2, 2, 3)]
    assert [history.attempts for history in histories] == seen
    assert [history.visit for history in histories] == [0, 1, 1, 1, 1, 1], "the second and third were asked for"
    assert {history.progress for history in histories} == {0.25}
    seeds = [f"3/t/{len(before)}{'/again' * (n % 2)}" for n, before in enumerate(seen)]
    draws = [random.Random(seed).random() for seed in seeds]
    assert len(set(draws)) == len(draws), "a length's chance has nothing to do with that of `again` before it"
    assert [history.random.random() for history in histories] == draws
    part.given(ROW)
    part.visited(sampled(part.given(ROW), 0.0))
    assert policy.told[-1][1].visit == 2


def test_what_was_not_asked_for_begins_another_visit():
    policy = Scripted((0, 0, 0), again_after=(1,))
    part = prefixes(policy)
    for _ in range(3):
        part.visited(sampled(part.given(ROW), 0.0, 0.0))
    assert [history.visit for _, history in policy.told] == [0, 1, 1, 1, 1, 2]


def test_measures_are_of_the_groups_of_a_generation():
    part = prefixes(Scripted((0, 2, 3, 3), again_after=(2,)))
    for rewards in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [math.nan, math.nan]):
        part.visited(sampled(part.given(ROW), *rewards))
    assert part.measures() == {
        "prefix/length": 2.0,
        "prefix/share": pytest.approx((0 + 0.5 + 0.75 + 0.75) / 4),
        "prefix/again": 1.0,
        "prefix/success/none": 0.0,
        "prefix/success/first_half": 0.5,
        "prefix/success/second_half": 1.0,
    }
    assert part.measures() == {}


def test_a_state_goes_through_json_and_goes_on():
    part = prefixes(Scripted(again_after=(1, 3)))
    for _ in range(3):
        part.visited(sampled(part.given(ROW), 1.0, 0.0))
    policy = Scripted(again_after=(1, 3))
    other = prefixes(policy)
    other.load_state(json.loads(json.dumps(part.state())))
    assert other.state() == part.state() == {"t": [[[n, 1, 2, 0] for n in range(3)], 2, 1]}
    assert other.given(ROW) == part.given(ROW)
    other.visited(sampled(other.given(ROW), 1.0, 0.0))
    assert policy.told[-1][1].visit == 2, "the third asked for a fourth"


@pytest.mark.parametrize("length", [4, -1, 1.0, True, None, "1"])
def test_a_length_that_is_none_is_refused(length):
    with pytest.raises(RecipeError, match=r"Scripted: length\(\) gave .* for trajectory 't' of 4 steps; .* 0 to 3 "):
        prefixes(Scripted((length,))).given(ROW)


def test_numbers_of_numpy_are_whole_numbers():
    row = prefixes(Scripted((np.int64(2),))).given(ROW)
    assert (row["prefix_length"], type(row["prefix_length"])) == (2, int), "rollouts.jsonl and checkpoints hold it"


@pytest.mark.parametrize("again", [None, 1, "no", np.array([True, False])])
def test_an_answer_to_again_that_is_none_is_refused(again):
    part = prefixes(Answering(again))
    with pytest.raises(RecipeError, match=r"Answering: again\(\) gave .* for trajectory 't'; expected True or False"):
        part.visited(sampled(part.given(ROW), 0.0))


@pytest.mark.parametrize("again", [True, False, np.bool_(True)])
def test_booleans_are_answers(again):
    part = prefixes(Answering(again))
    assert part.visited(sampled(part.given(ROW), 0.0)) is bool(again)


def test_a_policy_that_fails_is_named_with_the_trajectory():
    with pytest.raises(RecipeError, match=r"Scripted: length\(\) failed for trajectory 't' after 0 attempts \(Index"):
        prefixes(Scripted(())).given(ROW)
