"""What treadle's trainers override of TRL's and transformers': each seam once, in few classes."""

from __future__ import annotations

from collections import Counter

import pytest

from treadle import SRLTrainer
from treadle.training.sft_trainer import GuardedSFTTrainer

TRAINERS = [SRLTrainer, GuardedSFTTrainer]
NOT_SEAMS = {"__module__", "__doc__", "__annotations__", "__dict__", "__weakref__", "__qualname__"}


def classes(trainer, ours):
    return [c for c in trainer.__mro__ if c is not object and c.__module__.startswith("treadle.") == ours]


def overridden(trainer):
    """How often each method or attribute of the stock trainer is set in a class of treadle."""
    stock = {name for c in classes(trainer, ours=False) for name in vars(c)} - NOT_SEAMS
    return Counter(name for c in classes(trainer, ours=True) for name in vars(c) if name in stock)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainer_has_at_most_three_classes_of_its_own(trainer):
    assert len(classes(trainer, ours=True)) <= 3


@pytest.mark.parametrize("trainer", TRAINERS)
def test_no_seam_is_overridden_twice(trainer):
    counts = overridden(trainer)
    assert {"training_step", "compute_loss", "_get_grad_norm", "_save_checkpoint", "evaluate"} <= set(counts)
    assert [name for name, count in counts.items() if count > 1] == []


def test_the_count_sees_a_second_override():
    class Twice(SRLTrainer):
        __module__ = "treadle.somewhere"

        def compute_loss(self, *args, **kwargs):
            return super().compute_loss(*args, **kwargs)

    assert overridden(Twice)["compute_loss"] == 2
