"""What engines' loops do alike with kept and dropped groups."""

from __future__ import annotations

import pytest
import torch

from treadle.errors import TrainingFault
from treadle.export.sampling import check_enough, counts
from treadle.training.groups import Collected, Group


def found():
    """One group that spreads, one all right and one narrow, where two are wanted."""
    rewards = [[0.0, 1.0], [1.0, 1.0], [0.500, 0.504]]
    groups = [Group({}, [], [[1], [2]], [], [[reward] for reward in each], 0) for each in rewards]
    collected = Collected(2, [])
    collected.add(groups, torch.ones(1), 0.01)
    return collected


def test_too_few_groups_stop_a_run_where_that_is_asked_for():
    with pytest.raises(TrainingFault, match=r"1 of 2 groups .* 1 sampling rounds of 3 groups \(dropped: all_right 1"):
        check_enough(found(), "stop")
    check_enough(found(), "train")
    check_enough(Collected(0, []), "stop")


def test_metrics_have_each_reason():
    told = counts(found(), 1, 0)
    assert (told["sampling/kept_groups"], told["sampling/missing_groups"], told["sampling/sampled_groups"]) == (1, 1, 3)
    assert {name: count for name, count in told.items() if "dropped" in name and count} == {
        "sampling/dropped/all_right": 1,
        "sampling/dropped/low_spread": 1,
    }
