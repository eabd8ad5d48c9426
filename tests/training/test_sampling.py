"""Which groups carry a signal, against numpy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import RecipeError
from treadle.training.sampling import (
    Drop,
    all_equal,
    best_P,
    check_floor,
    drop_reasons,
    informative_groups,
    spread_P,
)


@given(
    st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.98, 1.0]), min_size=4, max_size=4), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_informative_groups_are_those_numpy_finds(groups, threshold):
    expected = [bool(np.std(group) > threshold) for group in groups]
    rewards = torch.tensor(groups).flatten()
    spread = np.std(groups, axis=1)
    found = informative_groups(rewards, 4, threshold).tolist()
    for i in range(len(groups)):
        if abs(spread[i] - threshold) > 1e-6:
            assert found[i] == expected[i]


def test_population_not_sample_deviation():
    # Eight rewards, one right: population sd = sqrt(1/8 * 7/8) = 0.3307, sample sd = 0.3536.
    rewards = torch.tensor([1.0] + [0.0] * 7)
    assert informative_groups(rewards, 8, 0.330).item()
    assert not informative_groups(rewards, 8, 0.331).item()


def test_all_alike_carries_no_signal_even_at_threshold_zero():
    assert informative_groups(torch.tensor([0.1] * 8 + [1.0] * 8), 8, 0.0).tolist() == [False, False]


def test_unscorable_completions_are_left_out():
    nan = float("nan")
    rewards = torch.tensor([1.0, nan, 0.0, nan] + [1.0, nan, nan, nan] + [nan] * 4)
    assert informative_groups(rewards, 4, 0.1).tolist() == [True, False, False]


@given(
    st.lists(
        st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, float("nan")]), min_size=4, max_size=4),
        min_size=1,
        max_size=6,
    )
)
def test_the_spread_is_that_of_the_scored_rewards(groups):
    found = spread_P(torch.tensor(groups).flatten(), 4).tolist()
    for group, spread in zip(groups, found, strict=True):
        scored = [reward for reward in group if not np.isnan(reward)]
        if len(scored) < 2:
            assert np.isnan(spread)
        else:
            assert abs(spread - np.std(scored)) < 1e-12


def test_each_dropped_group_has_one_reason():
    nan = float("nan")
    groups = [
        [1.0, 1.0, nan],
        [-1.0, -1.0, -1.0],
        [0.0, 0.0, 0.0],
        [0.5, 0.5, 0.505],
        [1.0, nan, nan],
        [0.0, 1.0, 0.5],
        [-1.0, 0.9, 0.8],
        [0.3, 0.3, 0.3],
    ]
    rewards = torch.tensor(groups).flatten()
    keep = informative_groups(rewards, 3, 0.01)
    assert keep.tolist() == [False] * 5 + [True, True, False]
    assert drop_reasons(rewards, 3, keep) == [
        Drop.ALL_RIGHT,
        Drop.ALL_FORMAT_FAULTS,
        Drop.ALL_WRONG,
        Drop.LOW_SPREAD,
        Drop.UNSCORABLE,
        Drop.LOW_SPREAD,
    ]
    assert len(drop_reasons(rewards, 3, torch.ones(8, dtype=torch.bool))) == 0


@pytest.mark.parametrize("weights", [(1.0,), (2.0,), (0.5,), (1.0, 1.0), (0.7, 0.2)])
def test_reasons_do_not_depend_on_weights_and_on_further_functions(weights):
    """Groups of three: all broken, all right, all wrong, all the same."""
    first = torch.tensor([-1.0] * 3 + [1.0] * 3 + [0.0] * 3 + [0.4] * 3)
    second = torch.tensor([0.5] * 3 + [1.0] * 3 + [0.0] * 3 + [0.4] * 3)
    rewards_BF = torch.stack([first, second][: len(weights)], dim=1)
    total_B = rewards_BF @ torch.tensor(weights)
    assert drop_reasons(total_B, 3, torch.zeros(4, dtype=torch.bool), rewards_BF) == [
        Drop.ALL_FORMAT_FAULTS,
        Drop.ALL_RIGHT,
        Drop.ALL_WRONG,
        Drop.LOW_SPREAD,
    ]


def test_what_a_function_did_not_score_says_nothing_of_the_group():
    nan = math.nan
    rewards_BF = torch.tensor([[-1.0, 0.1], [nan, 0.1], [-1.0, 0.1], [nan, 1.0], [nan, 1.0], [nan, 1.0]])
    total_B = rewards_BF.nansum(1)
    keep_P = torch.zeros(2, dtype=torch.bool)
    assert drop_reasons(total_B, 3, keep_P, rewards_BF) == [Drop.ALL_FORMAT_FAULTS, Drop.ALL_RIGHT]
    assert not all_equal(torch.full((3, 2), nan), -1.0)
    assert not all_equal(torch.empty(0), -1.0)


REWARD_GROUPS = st.lists(
    st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.7, 1.0, math.nan]), min_size=4, max_size=4), min_size=1, max_size=6
)
THRESHOLDS = st.sampled_from([0.0, 0.01, 0.3])


@given(REWARD_GROUPS, THRESHOLDS, st.sampled_from([-0.5, 0.0, 0.25, 0.7, 0.71, 1.0]))
def test_a_floor_keeps_of_the_groups_with_a_spread_those_whose_best_reaches_it(groups, threshold, floor):
    """In float32 0.7 is below 0.7 in double precision; a reward that is the floor reaches it all the same."""
    rewards_B = torch.tensor(groups).flatten()
    without_P = informative_groups(rewards_B, 4, threshold)
    keep_P = informative_groups(rewards_B, 4, threshold, floor)
    reaches = [any(reward >= floor for reward in group) for group in groups]
    assert keep_P.tolist() == [kept and good for kept, good in zip(without_P.tolist(), reaches, strict=True)]

    dropped = dict(zip(np.flatnonzero(~keep_P), drop_reasons(rewards_B, 4, keep_P, None, threshold), strict=True))
    as_before = dict(zip(np.flatnonzero(~without_P), drop_reasons(rewards_B, 4, without_P), strict=True))
    poor = {number for number, reason in dropped.items() if reason is Drop.ALL_POOR}
    assert poor == dropped.keys() - as_before.keys(), "all_poor counts what the floor alone drops"
    assert {number: reason for number, reason in dropped.items() if number not in poor} == as_before


@given(REWARD_GROUPS, THRESHOLDS)
def test_without_a_floor_no_group_is_poor(groups, threshold):
    rewards_B = torch.tensor(groups).flatten()
    keep_P = informative_groups(rewards_B, 4, threshold)
    assert torch.equal(informative_groups(rewards_B, 4, threshold, None), keep_P)
    reasons = drop_reasons(rewards_B, 4, keep_P)
    assert Drop.ALL_POOR not in reasons
    assert drop_reasons(rewards_B, 4, keep_P, None, threshold) == reasons


@given(REWARD_GROUPS)
def test_the_best_is_the_highest_scored_reward(groups):
    scored = [[reward for reward in group if not math.isnan(reward)] for group in groups]
    found = best_P(torch.tensor(groups).flatten(), 4).tolist()
    assert found == [pytest.approx(max(rewards, default=-math.inf)) for rewards in scored]


@pytest.mark.parametrize(
    ("floor", "weights", "message"),
    [
        (1.01, [1.0], "above 1, the highest"),
        (1.6, [1.0, 0.5], "above 1.5, the highest"),
        (-1.01, [1.0], "below -1, what a broken format earns"),
        (0.3, [0.2], "set a number between 0 and 0.2, or null"),
    ],
)
def test_a_floor_out_of_reach_is_refused(floor, weights, message):
    with pytest.raises(RecipeError, match=rf"sampling_floor={floor}: .*{message}|{message}"):
        check_floor(floor, weights)
    for good in (None, 0.2, sum(weights), -sum(weights)):
        check_floor(good, [max(1.0, sum(weights))])
