"""What fits is what the plan says, and the largest that does."""

from __future__ import annotations

import pytest

from treadle.init.fitting import fitting, machine
from treadle.plan import Hardware, estimate
from treadle.plan.hardware import GIB
from treadle.recipe.reading import parse_recipe


@pytest.fixture
def recipe_with(tiny_folder, prepared_world, tmp_path):
    def make(lora, micro_batch):
        # Of fine-tuning a micro-batch is all that memory depends on.
        stage = {"kind": "sft", "batch_size": 8, "micro_batch": micro_batch, "gradient_checkpointing": False}
        content = {"model": str(tiny_folder), "data": str(prepared_world), "output": str(tmp_path / "run")}
        return parse_recipe({**content, "lora": lora and lora.model_dump(), "stages": [stage]})

    return make


def test_memory_decides(recipe_with):
    peaks = {size: estimate(recipe_with(None, size), Hardware(device="cpu"))[0].peak / GIB for size in (8, 4, 1)}
    assert peaks[8] > peaks[4] > peaks[1]
    plenty = fitting(recipe_with, Hardware(device="cpu", memory=1.0), "plenty")
    assert (plenty.lora, plenty.micro_batch, plenty.fits) == (None, 8, True)
    between = fitting(recipe_with, Hardware(device="cpu", memory=(peaks[8] + peaks[4]) / 2), "less")
    assert (between.lora, between.micro_batch, between.fits) == (None, 4, True)
    nothing = fitting(recipe_with, Hardware(device="cpu", memory=1e-6), "nothing")
    assert nothing.fits is False
    assert nothing.said == (
        "does not fit by estimate, even with an adapter: weights and optimizer alone are more, there is nothing"
    )


def test_another_machine_is_named():
    hardware, where = machine(80)
    assert (hardware.memory, hardware.device, where) == (80, "cuda", "a GPU of 80 GiB")
