"""Steps without effect, in the watcher alone and in trainers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig

from tests.training.guards.test_steps import run, sft_trainer, srl_trainer
from treadle.training.guards.quiet import QuietSteps, fingerprint

DTYPES = (torch.float32, torch.bfloat16, torch.float64)


def parameter(values, dtype=torch.float32, trained=True):
    return torch.nn.Parameter(torch.tensor(values, dtype=dtype), requires_grad=trained)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_smallest_change_of_any_weight_is_seen(dtype):
    weights = [parameter([0.5, -1.0, 3.0], dtype), parameter([[1.0], [2.0]], dtype)]
    before = fingerprint(weights)
    assert fingerprint(weights) == before
    with torch.no_grad():
        weights[1][1, 0] = torch.nextafter(weights[1][1, 0], torch.tensor(9.0, dtype=dtype))
    after = fingerprint(weights)
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_weights_that_are_not_trained_are_not_looked_at():
    assert len(fingerprint([parameter([1.0]), parameter([2.0], trained=False)])) == 1
    assert fingerprint([]) == []


def test_large_weights_are_summed_in_parts(monkeypatch):
    weight = torch.nn.Parameter(torch.randn(1000))
    whole = fingerprint([weight])
    monkeypatch.setattr("treadle.training.guards.quiet.CHUNK", 7)
    assert fingerprint([weight]) == whole == [int(weight.detach().view(torch.int32).to(torch.int64).sum())]


@given(norms=st.lists(st.sampled_from([0.0, 0.5]), max_size=30), limit=st.integers(1, 4))
def test_it_speaks_after_every_full_run_of_steps_without_gradient(norms, limit):
    quiet = QuietSteps(limit)
    spoke = [quiet.see_gradient(norm) is not None for norm in norms]
    for i, said in enumerate(spoke):
        run_length = 0
        while run_length <= i and norms[i - run_length] == 0:
            run_length += 1
        assert said == (run_length > 0 and run_length % limit == 0)


def test_only_steps_with_a_learning_rate_count():
    quiet, weight = QuietSteps(2), parameter([1.0])
    found = [quiet.see_weights([weight], rate) for rate in (0.0, 0.0, 0.0, 1e-3, 0.0, 1e-3)]
    assert found == [False, False, False, False, False, True]
    with torch.no_grad():
        weight += 1
    assert [quiet.see_weights([weight], 1e-3) for _ in range(4)] == [False, False, False, True]
    assert QuietSteps(0).see_weights([weight], 1e-3) is False
    assert QuietSteps(0).see_gradient(0.0) is None


# In trainers


def quiet_warnings(said):
    return [text for text in said if "gradient norm was 0" in text or "no trained weight changed" in text]


def test_steps_without_signal_are_told_of(tiny_model, tiny_tokenizer, tmp_path):
    def alike(completions, **kwargs):
        return [0.5] * len(completions)

    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, alike, max_steps=5, quiet_steps=2)
    _, logs, said = run(trainer)
    assert [log["faults/quiet_steps"] for log in logs] == [1.0, 2.0, 3.0, 4.0, 5.0]
    first, second = quiet_warnings(said)
    assert "gradient norm was 0 in the last 2 optimizer steps" in first
    assert "sampling/kept_groups" in first
    assert "last 4" in second


@pytest.mark.parametrize("make", [srl_trainer, sft_trainer])
def test_steps_too_small_for_the_weights_are_told_of(make, tiny_model, tiny_tokenizer, tmp_path):
    """In float32 a step of 1e-30 is rounded away."""
    trainer = make(tiny_model, tiny_tokenizer, tmp_path, max_steps=5, quiet_steps=3, learning_rate=1e-30)
    with torch.no_grad():  # a step of this size moves weights at 0, but no others
        for weight in tiny_model.parameters():
            weight[weight == 0] = 1e-3
    _, logs, said = run(trainer)
    assert [log.get("faults/quiet_steps") for log in logs] == [None, None, None, 3.0, None]
    (warning,) = quiet_warnings(said)
    assert "no trained weight changed in the last 3 optimizer steps" in warning
    assert "learning rate 1e-30" in warning


def test_lora_that_is_left_out_of_the_optimizer_is_told_of(tiny_model, tiny_tokenizer, tmp_path):
    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    for left_out in (False, True):
        trainer = sft_trainer(tiny_model, tiny_tokenizer, tmp_path, max_steps=4, quiet_steps=3, peft_config=lora)
        if left_out:
            trainer.create_optimizer()
            trainer.optimizer.param_groups[:] = [{**group, "params": []} for group in trainer.optimizer.param_groups]
        _, _, said = run(trainer)
        assert bool(quiet_warnings(said)) == left_out
        tiny_model = trainer.model.unload()


@pytest.mark.parametrize("make", [srl_trainer, sft_trainer])
def test_a_run_that_learns_is_not_quiet(make, tiny_model, tiny_tokenizer, tmp_path):
    _, logs, said = run(make(tiny_model, tiny_tokenizer, tmp_path, max_steps=5, quiet_steps=1))
    assert quiet_warnings(said) == []
    assert all("faults/quiet_steps" not in log for log in logs)
