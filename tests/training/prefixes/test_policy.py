"""What holds for every policy of treadle, and the nouns that they are told."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings

from tests.training.prefixes.histories import cases, expert, history
from treadle.training.prefixes.adaptive import Adaptive
from treadle.training.prefixes.anneal import Anneal
from treadle.training.prefixes.guidance import Guidance
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.prefixes.policy import Attempt, PrefixPolicy
from treadle.training.prefixes.reverse import Reverse

POLICIES = [
    Reverse(),
    Reverse(stages=6),
    Reverse(mode="staged"),
    Reverse(mode="staged", stages=4),
    Anneal(),
    Adaptive(),
    Adaptive(threshold=1.0, unaided=0.0),
    OnFailure(),
    Guidance(),
    Guidance(guided=1.0),
]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@settings(max_examples=40)
@given(case=cases())
def test_any_history_has_a_length_within_the_solution_and_always_the_same(policy, case):
    longest, attempts, progress, seed = case
    ask = lambda what: what(expert(longest), history(*attempts, progress=progress, seed=seed))  # noqa: E731
    length, again = ask(policy.length), ask(policy.again)
    assert 0 <= length <= longest
    assert (ask(policy.length), ask(policy.again)) == (length, again)
    assert type(length) is int
    assert type(again) is bool


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_policy_goes_to_other_processes(policy):
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_only_schedules_use_progress():
    assert [repr(policy) for policy in POLICIES if policy.uses_progress] == [
        "Reverse(mode='staged', stages=None)",
        "Reverse(mode='staged', stages=4)",
        "Anneal(high=0.95, low=0.05, until=0.6)",
    ]


def test_only_guidance_stands_in_the_prompt():
    assert {type(policy) for policy in POLICIES if policy.place == "prompt"} == {Guidance}


def test_the_last_step_is_the_models():
    assert expert(3).longest == 3
    assert len(expert(3).steps) == 4


def test_the_rate_of_a_group():
    assert Attempt(2, 3, 4, 0).rate == 0.75
    assert Attempt(2, 0, 0, 0).rate == 0.0


def test_a_policy_says_how_many_steps():
    with pytest.raises(TypeError, match=r"abstract method .*length"):
        PrefixPolicy()
