"""The order of prompts, on data sets as they are prepared and as users bring them."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
import torch
from datasets import Dataset, IterableDataset, concatenate_datasets
from hypothesis import given
from hypothesis import strategies as st
from trl.trainer.utils import RepeatSampler

from treadle.data.rows import references
from treadle.training.prompt_order import PromptStream, TrajectorySampler, shuffled, trajectories_of


def test_trajectories_are_known_by_either_column_without_rendering():
    def never(batch):
        raise AssertionError("a prompt was rendered")

    lazy = references([(7, 1), (7, 2), (3, 1), (7, 3)]).with_transform(never)
    assert trajectories_of(lazy).tolist() == [1, 1, 0, 1]
    written = Dataset.from_dict({"trajectory_id": ["b", "a", "b"], "step": [1, 1, 2], "prompt": ["x", "y", "z"]})
    assert trajectories_of(written).tolist() == [1, 0, 1]


def test_copies_of_a_row_are_further_passes():
    rows = references([(0, 1), (0, 2), (1, 1)])
    # Trajectory 0 twice and trajectory 1 twice: four in all.
    assert trajectories_of(concatenate_datasets([rows, rows])).tolist() == [0, 0, 2, 1, 1, 3]


def test_a_whole_solution_has_no_step_and_goes_with_its_trajectory():
    rows = Dataset.from_dict({"trajectory_id": ["a", "a", "a"], "step": [None, 1, 2]})
    assert trajectories_of(rows).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "rows",
    [
        Dataset.from_dict({"prompt": ["x", "y"]}),
        Dataset.from_dict({"trajectory_id": ["a", "b"], "step": [1, 1]}),
        Dataset.from_dict({"trajectory_id": [], "step": []}),
        IterableDataset.from_generator(lambda: iter([{"trajectory_id": "a"}])),
        ["a", "list"],
    ],
)
def test_without_shared_trajectories_there_is_nothing_to_group(rows):
    assert trajectories_of(rows) is None


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 99))
def test_an_order_holds_every_row_once_and_trajectories_whole(numbers, seed):
    _, trajectory = np.unique(numbers, return_inverse=True)
    order = shuffled(len(numbers), trajectory, torch.Generator().manual_seed(seed))
    assert sorted(order) == list(range(len(numbers)))
    runs = [list(run) for _, run in groupby(order, key=lambda row: trajectory[row])]
    assert len(runs) == len(set(numbers))
    assert all(run == sorted(run) for run in runs)


def test_the_sampler_repeats_as_trl_does():
    trajectory = np.array([0, 0, 0, 1, 1, 2, 2])
    sampler = TrajectorySampler(trajectory, trajectory, mini_repeat_count=2, batch_size=3, repeat_count=2, seed=0)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert len(first) == len(sampler) == 24  # two batches of three prompts, the seventh is left over
    for batch in (first[:12], first[12:]):
        assert batch[:6] == batch[6:]
        assert batch[0:6:2] == batch[1:6:2]
    assert len({*first}) == 6
    assert first != second  # another pass has another order
    again = TrajectorySampler(trajectory, trajectory, mini_repeat_count=2, batch_size=3, repeat_count=2, seed=0)
    again.set_epoch(1)
    assert list(again) == second


def test_the_order_of_rows_is_trls_own_in_every_epoch():
    settings = {"mini_repeat_count": 2, "batch_size": 3, "repeat_count": 2, "seed": 5}
    stock, ours = RepeatSampler(range(10), **settings), TrajectorySampler(range(10), None, **settings)
    for epoch in range(4):
        ours.set_epoch(epoch)
        assert list(ours) == list(stock)


def test_prompt_stream_visits_all_rows_each_pass_and_continues():
    stream = PromptStream(5, seed=3)
    drawn = list(stream.draw(12))
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert drawn[:5] != drawn[5:10] or drawn[:5] != list(range(5))
    again = PromptStream(5, seed=3, drawn=7)
    assert list(again.draw(5)) == drawn[7:]


def test_prompt_stream_keeps_trajectories_together():
    drawn = list(PromptStream(6, seed=1, trajectory_N=np.array([0, 1, 2, 0, 1, 2])).draw(6))
    assert all(b == a + 3 for a, b in zip(drawn[::2], drawn[1::2], strict=True))


@pytest.mark.parametrize("seed", [0, 1])
def test_prompt_stream_is_repeatable(seed):
    assert list(PromptStream(9, seed).draw(9)) == list(PromptStream(9, seed).draw(9))
