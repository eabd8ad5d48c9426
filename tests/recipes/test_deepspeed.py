"""`treadle train` under DeepSpeed on a CPU: ZeRO-3 in two gloo processes, against DDP. Minutes, and it needs DeepSpeed.

    pip install torch==2.13.0; pip install -c constraints.txt -e . ; pip install setuptools wheel
    DS_BUILD_OPS=0 DS_ACCELERATOR=cpu pip install --no-build-isolation deepspeed==0.19.8

in an environment of its own, whose Python `DEEPSPEED_PYTHON` names.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.distributed.ranks import free_port
from tests.recipes.commands import LAUNCH, ROOT
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row

PYTHON = os.environ.get("DEEPSPEED_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="DEEPSPEED_PYTHON names no Python that has DeepSpeed")

SHARED = {"max_steps": 3, "learning_rate": 1e-3, "gradient_checkpointing": False, "allow_no_change": True}
STAGES = {
    "sft": {**SHARED, "kind": "sft", "unit": "both", "batch_size": 4, "micro_batch": 2},
    "srl": {
        **SHARED,
        "kind": "srl",
        "prompts_per_step": 4,
        "micro_batch": 8,
        "rollouts": 4,
        "max_completion_length": 6,
        "think_tags": "optional",
    },
}


def launch(config: str, recipe: Path, *overrides: str) -> subprocess.CompletedProcess:
    words = f"-m accelerate.commands.accelerate_cli launch --config_file {LAUNCH / config} --num_processes 2"
    words += f" --main_process_port {free_port()} -m treadle.cli train {recipe}"
    environment = {**os.environ, "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"}  # ninja's
    environment |= {"ACCELERATE_USE_CPU": "true"} if config == "ddp.yaml" else {}
    command = [PYTHON, *words.split(), *overrides]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=1800)


@pytest.mark.parametrize("kind", STAGES)
def test_zero3_stopped_and_continued_ends_where_ddp_does(kind, expert_trajectories, tiny_folder, tmp_path):
    source = tmp_path / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=4))
    recipe = {"model": str(tiny_folder), "data": str(tmp_path / "data"), "dtype": "float32", "threads": 1}
    recipe |= {"output": str(tmp_path / "ddp"), "stages": [STAGES[kind]]}
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    ended = launch("ddp.yaml", file)
    assert ended.returncode == 0, ended.stderr[-3000:]
    stopped = launch("deepspeed_zero3.yaml", file, f"output={tmp_path / 'zero3'}", "max_hours=1e-6")
    assert "stopped after step 1 of 3 by max_hours" in stopped.stderr
    folder = tmp_path / "zero3" / f"1-{kind}"
    assert list((folder / "checkpoint-1").glob("global_step*/*optim_states.pt"))  # DeepSpeed's, a part a process
    ended = launch("deepspeed_zero3.yaml", file, f"output={tmp_path / 'zero3'}")
    assert ended.returncode == 0, ended.stderr[-3000:]
    begun = load_file(tiny_folder / "model.safetensors")
    expected = load_file(tmp_path / "ddp" / f"1-{kind}" / "model" / "model.safetensors")
    found = load_file(folder / "model" / "model.safetensors")
    assert found.keys() == expected.keys()
    assert max(float((expected[name] - begun[name]).abs().max()) for name in begun) > 1e-4
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-6)
