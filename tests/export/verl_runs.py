"""Exports of the miniature world, and processes of the real verl: of VERL_PYTHON, which `make verl-test` sets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.export.verl.run import export
from treadle.recipe.reading import parse_recipe

PYTHON = os.environ.get("VERL_PYTHON")
needs_verl = pytest.mark.skipif(not PYTHON, reason="needs verl in an environment of its own: make verl-test")
ROOT = Path(__file__).parents[2]


def exported_world(folder, trajectories, stage, **more):
    """The recipe of one stage for `folder/model`, and its export."""
    source = folder / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in trajectories))
    prepare(source, folder / "data", PrepareSettings(targets="all", held_out=4))
    told = {"model": str(folder / "model"), "data": str(folder / "data"), "output": str(folder / "run")}
    recipe = parse_recipe({**told, **more, "stages": [stage]})
    export(recipe, folder / "out", "recipe.yaml", gpus=1)
    return recipe, folder / "out"


def rows_of(out, name="train"):
    """Rows of the first stage."""
    return pq.read_table(out / "1-srl" / f"{name}.parquet").to_pylist()


def run_verl(words, seconds=600, **environment):
    """A finished process in which `python` is verl's."""
    environment = {
        **os.environ,
        "PYTHON": PYTHON,
        "PYTHONPATH": str(ROOT),
        "GPUS": "1",
        "RAY_AUTH_MODE": "disabled",
        "RAY_raylet_start_wait_time_s": "300",
        "RAY_worker_niceness": "0",  # else Ray's processes wait for all others on this machine
        **environment,
    }
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done
