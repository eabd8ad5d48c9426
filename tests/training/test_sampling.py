"""Which groups carry a signal, against numpy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.training.sampling import Drop, all_equal, drop_reasons, informative_groups, spread_P


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
