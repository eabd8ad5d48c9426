"""What a recipe asks of the machine: packages and trackers, and launches under which it cannot be trained."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from tests.recipe.test_rehearsal import WARMUP
from tests.recipe.test_stages import SFT, SRL, prepared, recipe  # noqa: F401
from treadle.errors import RecipeError
from treadle.recipe.machine import check_launch, check_packages, check_sharding, check_vllm, devices

TRACKERS = ("tensorboard", "wandb", "trackio", "mlflow", "swanlab")


def launched(zero=None, fsdp=False, gpus=0):
    """What a configuration knows of a launch."""
    plugin = None if zero is None else SimpleNamespace(zero_stage=zero)
    return SimpleNamespace(deepspeed_plugin=plugin, fsdp=fsdp, n_gpu=gpus)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_without_its_package_is_one_line(recipe, tracker):  # noqa: F811
    if find_spec(tracker) is not None:
        pytest.skip("it is installed")
    with pytest.raises(RecipeError, match=f"^report_to: {tracker} cannot be used: .*take it out of report_to") as said:
        check_packages(recipe(SRL, report_to=["none", tracker]))
    assert ("[track]" in str(said.value)) == (tracker in ("tensorboard", "wandb", "trackio"))


def test_what_a_trackers_package_raises_is_one_line(recipe, monkeypatch):  # noqa: F811
    def broken():
        raise OSError("no\nkey")

    monkeypatch.setitem(INTEGRATION_TO_CALLBACK, "wandb", broken)
    with pytest.raises(RecipeError, match="report_to: wandb cannot be used: no key; "):
        check_packages(recipe(SRL, report_to=["wandb"]))
    monkeypatch.setitem(INTEGRATION_TO_CALLBACK, "wandb", object)
    check_packages(recipe(SRL, report_to=["wandb"]))


def test_an_adapter_needs_whole_weights(recipe):  # noqa: F811
    adapter = recipe(SRL, lora={"r": 2})
    with pytest.raises(RecipeError, match="lora: under ZeRO-3 no process can merge the adapter"):
        check_launch(adapter, launched(zero=3))
    check_launch(adapter, launched(zero=2))
    check_launch(adapter, launched(fsdp=True))
    check_sharding(recipe(SRL), "zero3")


def test_a_warmup_samples_with_whole_weights(recipe, monkeypatch):  # noqa: F811
    loaded = recipe(WARMUP, SRL)
    check_launch(loaded, launched())
    for launch in (launched(fsdp=True), launched(zero=2), launched(zero=3)):
        with pytest.raises(RecipeError, match=r"stages.warmup: a warm-up samples while it trains, with whole weights"):
            check_launch(loaded, launch)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(RecipeError, match=r"stages\.warmup"):
        check_launch(loaded, launched())
    check_launch(recipe(SRL), launched())


def test_several_gpus_want_a_process_each(recipe):  # noqa: F811
    check_launch(recipe(SFT), launched(gpus=1))
    with pytest.raises(RecipeError, match=r"^8 GPUs are visible .*--num_processes 8 -m treadle.cli train"):
        check_launch(recipe(SFT), launched(gpus=8))


def test_only_deepspeed_is_not_told_that_it_runs_on_a_cpu(monkeypatch):
    """accelerate 1.15 would give its processes DDP around weights that are in parts."""
    assert devices() == {"use_cpu": True}
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")  # by `accelerate launch`
    assert devices() == {"use_cpu": False, "ddp_backend": "gloo"}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert devices() == {"use_cpu": False}


@pytest.mark.parametrize(
    ("mode", "why"),
    [("colocate", "vLLM takes new weights on a GPU"), ("server", "TRL sends weights to a server from a CUDA device")],
)
def test_vllm_is_for_training_on_gpus(recipe, mode, why):  # noqa: F811
    loaded = recipe({**SRL, "trl": {"use_vllm": True, "vllm_mode": mode}})
    with pytest.raises(RecipeError, match=rf"^stages.srl.trl.use_vllm: this trains on the CPU, and {why}; leave"):
        check_vllm(loaded, "cpu")
    check_vllm(loaded, "cuda")
    check_vllm(recipe(SRL), "cpu")
