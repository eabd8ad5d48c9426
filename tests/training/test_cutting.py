"""A generation cut into micro-batches, in one process and in several simulated ones."""

from __future__ import annotations

import warnings
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from treadle.training.cutting import Cutter, CuttingSettings
from treadle.training.micro_batches import rows_of

PLAIN = {
    "group_size": 2, "per_generation": 4, "per_step": 4, "rows": 2, "max_tree_tokens": None, "shuffled": False,
    "by_tokens": True, "may_skip": True,
}  # fmt: skip


def settings(**changes):
    return CuttingSettings(**PLAIN | changes)


def generation(prompts, completions, size=2):
    """Groups of `size` siblings: lengths of each group's prompt, and of each row's completion (0 for a masked row).

    Prompts grow: each begins as the longest does. Advantages number the rows from 1.
    """
    rows = [prompts[row // size] for row in range(len(completions))]
    before, after = max(prompts), max(2, *completions)
    prompt_mask = torch.tensor([[0] * (before - n) + [1] * n for n in rows])
    mask = torch.tensor([[1] * n + [0] * (after - n) for n in completions])
    return {
        "prompt_ids": torch.stack([torch.arange(10, 10 + before).roll(before - n) for n in rows]) * prompt_mask,
        "prompt_mask": prompt_mask,
        "completion_ids": (100 + torch.arange(len(rows))[:, None]) * mask,
        "completion_mask": mask,
        "advantages": torch.arange(1.0, len(rows) + 1),
        "num_items_in_batch": mask.sum(),
    }


def numbers(parts):
    """The rows of each micro-batch by their numbers, without those that fill up."""
    return [[] if part is None else [int(a) for a in part["advantages"].tolist() if a] for part in parts]


def test_by_tokens_what_fits_comes_together_and_the_rest_is_skipped_first():
    """Two groups share a prompt of 3 and one of 5 tokens: 5 + 4 * 2 are 13 distinct tokens."""
    batch = generation([3, 5], [2, 2, 2, 2])
    parts = Cutter(settings(max_tree_tokens=13), alone()).cut(batch)
    assert numbers(parts) == [[], [], [], [1, 2, 3, 4]]
    assert parts[:3] == [None] * 3
    parts = Cutter(settings(max_tree_tokens=12), alone()).cut(batch)
    assert numbers(parts) == [[], [], [1, 2], [3, 4]]
    assert parts[2]["prompt_ids"].tolist() == [[10, 11, 12]] * 2  # without superfluous padding
    assert all(part["num_items_in_batch"] == 8 for part in parts[2:])


def test_a_backward_that_may_not_be_skipped_is_made_of_nothing():
    parts = Cutter(settings(max_tree_tokens=13, may_skip=False), alone()).cut(generation([3, 5], [2, 2, 2, 2]))
    assert numbers(parts) == [[1, 2, 3, 4], [], [], []]
    assert [rows_of(part) for part in parts] == [4, 0, 0, 0]


def test_a_generation_that_is_masked_throughout_is_skipped_throughout():
    assert Cutter(settings(), alone()).cut(generation([3, 5], [0, 0, 0, 0])) == [None] * 4


def test_by_default_the_budget_is_what_trl_would_forward():
    """Two rows of 5 + 2 tokens are 14, and all four rows together 13."""
    assert numbers(Cutter(settings(), alone()).cut(generation([3, 5], [2, 2, 2, 2])))[3] == [1, 2, 3, 4]
    # One row's 7 tokens are those of the first group; the second, 5 + 4 tokens, is cut into its rows.
    parts = Cutter(settings(rows=1), alone()).cut(generation([3, 5], [2, 2, 2, 2]))
    assert numbers(parts) == [[], [1, 2], [3], [4]]


def test_rows_above_the_budget_are_said_once():
    cutter = Cutter(settings(max_tree_tokens=4), alone())
    batch = generation([3, 5], [2, 2, 2, 2])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert numbers(cutter.cut(batch)) == [[1], [2], [3], [4]]
        cutter.cut(batch)
    (text,) = [str(w.message) for w in said]
    assert text.startswith("a micro-batch forwards 7 tokens, more than the budget of 4: there are 4 micro-batches")


@pytest.mark.parametrize(
    ("per_generation", "per_step", "expected"),
    [
        (4, 4, [[1, 2], [3, 4], [5, 6], [7, 8]]),  # one optimizer step
        (2, 4, [[1, 2, 3, 4], [5, 6, 7, 8]]),  # half a step
        (4, 2, [[1, 2], [3, 4], [5, 6], [7, 8]]),  # two steps
        (2, 1, [[1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
def test_by_rows_each_step_gets_as_many(per_generation, per_step, expected):
    changes = {"per_generation": per_generation, "per_step": per_step, "by_tokens": False}
    batch = generation([2, 3, 4, 5], [1, 2, 3, 1, 2, 3, 1, 2])
    assert numbers(Cutter(settings(**changes), alone()).cut(batch)) == expected


def test_shuffled_rows_come_by_the_length_of_prompts_within_each_step():
    batch = generation([5, 2, 4, 3], [1] * 8)
    parts = Cutter(settings(by_tokens=False, shuffled=True), alone()).cut(batch)
    assert numbers(parts) == [[3, 4], [7, 8], [5, 6], [1, 2]]
    torch.manual_seed(1)
    two_steps = Cutter(settings(by_tokens=False, shuffled=True, per_step=2), alone()).cut(batch)
    assert sorted(chain(*numbers(two_steps))) == list(range(1, 9))
    for step in (two_steps[:2], two_steps[2:]):
        lengths = [int(part["prompt_mask"].sum(1).max()) for part in step]
        assert lengths == sorted(lengths)


GROUPS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=5)
CHANGES = st.fixed_dictionaries(
    {
        "per_generation": st.sampled_from([1, 2, 4]),
        "per_step": st.sampled_from([1, 2, 4]),
        "max_tree_tokens": st.sampled_from([None, 1, 8, 20]),
        "by_tokens": st.booleans(),
        "may_skip": st.booleans(),
    }
)


def of(groups):
    return generation([prompt for prompt, *_ in groups], [n for _, *lengths in groups for n in lengths])


@given(st.lists(GROUPS, min_size=1, max_size=3), CHANGES)
@pytest.mark.filterwarnings("ignore:a micro-batch forwards")
def test_micro_batches_hold_every_row_that_counts_once_and_processes_agree(groups, changes):
    """Each process has a generation of its own; what they must have alike is the number of rows of each forward."""
    batches = [of(own) for own in groups]
    count = len(batches)
    cut = in_processes(count, lambda processes: Cutter(settings(**changes), processes).cut(batches[processes.index]))
    for batch, parts in zip(batches, cut, strict=True):
        assert len(parts) == changes["per_generation"]
        found = [number for part in numbers(parts) for number in part]
        masked = [number for number in found if not batch["completion_mask"][number - 1].any()]
        unmasked = [n for n in range(1, rows_of(batch) + 1) if batch["completion_mask"][n - 1].any()]
        assert [number for number in found if number not in masked] == unmasked  # as they lie, and once
        assert not (changes["by_tokens"] and masked)
        for part in filter(None, parts):
            check_rows(part, batch)
    shapes = [[None if part is None else rows_of(part) for part in parts] for parts in cut]
    assert all(shape == shapes[0] for shape in shapes)


def check_rows(part, batch):
    """Each row is that of the whole, or one of nothing with a prompt of one token."""
    for row, advantage in enumerate(part["advantages"].tolist()):
        tokens = [part[f"{of}_ids"][row][part[f"{of}_mask"][row].bool()].tolist() for of in ("prompt", "completion")]
        if advantage:
            there = int(advantage) - 1
            assert tokens == [
                batch[f"{of}_ids"][there][batch[f"{of}_mask"][there].bool()].tolist() for of in ("prompt", "completion")
            ]
        else:
            assert [len(ids) for ids in tokens] == [1, 0]
    assert part["num_items_in_batch"] == batch["num_items_in_batch"]


def test_a_process_with_less_fills_up_and_skips_with_the_others():
    batches = [generation([3, 5], [2, 2, 2, 2]), generation([3, 5], [2, 0, 0, 0])]
    first, second = in_processes(
        2, lambda processes: Cutter(settings(max_tree_tokens=9), processes).cut(batches[processes.index])
    )
    assert numbers(first) == [[], [], [1, 2], [3, 4]]
    assert numbers(second) == [[], [], [1], []]
    assert first[:2] == second[:2] == [None, None]
    assert [rows_of(part) for part in second[2:]] == [2, 2]
