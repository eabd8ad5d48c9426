"""What TRL refuses where it makes a trainer is refused before a model is loaded, and rehearsing leaves no trace."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from datasets.utils.logging import disable_progress_bar

from tests.recipe.test_stages import RLVR, SFT, SRL, prepared, recipe  # noqa: F401
from treadle.errors import RecipeError
from treadle.recipe import build, rehearsal, stages

disable_progress_bar()
WARMUP = {"kind": "warmup", "max_steps": 2, "batch_size": 4, "micro_batch": 2, "sampled_prompts": 8, "goal_prompts": 4}


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({**SFT, "trl": {"loss_type": "nil"}}, "stages.sft: Invalid `loss_type` nil"),
        ({**SFT, "trl": {"padding_free": True}, "max_length": 900}, "stages.sft: When `padding_free=True`"),
        ({**SFT, "trl": {"pad_token": "<none>"}}, "stages.sft: The specified `pad_token`"),
        ({**SRL, "trl": {"router_aux_loss_coef": 0.1}}, "stages.srl: `router_aux_loss_coef` is set to 0.1"),
        ({**RLVR, "trl": {"router_aux_loss_coef": 0.1}}, "stages.rlvr: `router_aux_loss_coef` is set to 0.1"),
    ],
)
def test_what_trl_refuses_of_a_later_stage_is_refused_first(recipe, monkeypatch, tmp_path, stage, message):  # noqa: F811
    monkeypatch.setattr(build, "load_model", lambda *_: pytest.fail("a model was loaded"))
    first = {**SFT, "name": "first"}
    for command in (stages.check, stages.run):
        with pytest.raises(RecipeError, match=message):
            command(recipe(first, stage))
    assert not (tmp_path / "run").exists()


def test_all_kinds_of_stages_are_rehearsed(recipe, monkeypatch):  # noqa: F811
    made, make = [], rehearsal.make_trainer
    monkeypatch.setattr(rehearsal, "make_trainer", lambda *given: made.append(make(*given)))
    validated = {"validate_every": 1, "validation_rows": 4}
    loaded = recipe(WARMUP, {**SFT, **validated}, {**SRL, **validated, "kl": 0.1}, {**RLVR, "prefix": "reverse"})
    stages.check(loaded)
    stages.check(loaded.model_copy(update={"lora": recipe(SFT, lora={"r": 2}).lora}))
    assert [type(trainer).__name__ for trainer in made] == 2 * (2 * ["GuardedSFTTrainer"] + 2 * ["SRLTrainer"])
    assert {p.device.type for trainer in made for p in trainer.model.parameters()} == {"meta"}


def test_random_numbers_stay_as_they_were(recipe):  # noqa: F811
    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()

    for source in (random.seed, np.random.seed, torch.manual_seed):
        source(7)
    expected = draws()
    for source in (random.seed, np.random.seed, torch.manual_seed):
        source(7)
    stages.check(recipe(SFT, SRL))
    assert draws() == expected


@pytest.mark.parametrize("name", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_a_model_that_processes_share_is_not_rehearsed(monkeypatch, name):
    assert rehearsal.can_rehearse()
    monkeypatch.setenv(name, "true")
    assert not rehearsal.can_rehearse()
    monkeypatch.delenv(name)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not rehearsal.can_rehearse()
