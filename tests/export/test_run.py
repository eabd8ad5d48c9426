"""The folder of an export, by the command."""

from __future__ import annotations

import json
import os
import stat
import subprocess

import pytest
import yaml

from treadle.chat.settings import read_file
from treadle.errors import OutputError
from treadle.export.verl.run import export
from treadle.recipe.reading import load_recipe, resolved

STAGES = ({"kind": "srl", "validate_every": 2, "validation_rows": 10}, {"kind": "rlvr"})

# Stands for python: notes each call, and makes what verl would.
STAND_IN = """#!/bin/bash
printf '%s\\n' "$*" >> "$CALLS"
case $2 in
verl.trainer.main_ppo)
    for word in "$@"; do [[ $word == trainer.default_local_dir=* ]] && folder=${word#*=}; done
    folder=${folder//\\'/}
    mkdir -p "$folder/global_step_4/actor/huggingface" && echo 4 > "$folder/latest_checkpointed_iteration.txt"
    pwd > "$folder/global_step_4/actor/huggingface/model.safetensors" ;;
esac
"""


@pytest.fixture
def exported(recipe_of, tmp_path):
    recipe = recipe_of(*STAGES)
    return recipe, tmp_path / "out", export(recipe, tmp_path / "out", "recipe.yaml", nodes=2, gpus=1)


def test_a_folder_says_what_is_in_it(exported):
    recipe, out, stages = exported
    assert [stage.folder for stage in stages] == ["1-srl", "2-rlvr"]
    assert (stages[0].validation, stages[1].rows, stages[1].validation) == (10, 16, 0)
    record = json.loads((out / "export.json").read_text())
    assert [stage["rows"] for stage in record["stages"]] == [stage.rows for stage in stages]
    readme = (out / "README.md").read_text()
    assert f"| 2-rlvr | 16 | 0 | nothing | {stages[1].longest} tokens | 4 |" in readme
    assert "- `max_staleness`: surplus groups are discarded" in readme
    assert yaml.safe_load((out / "recipe.yaml").read_text()) == yaml.safe_load(resolved(recipe))
    assert load_recipe(out / "recipe.yaml").stages == recipe.stages
    assert read_file(str(out))["thought_tags"] == ["<think>", "</think>"]


def test_run_sh_trains_and_goes_on_with_the_result(exported, tmp_path):
    _, out, _ = exported
    moved = out.rename(tmp_path / "a place, with = signs")  # as on the cluster
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(STAND_IN)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PYTHON": str(python), "CALLS": str(calls), "NODES": "4"}
    for _ in range(2):  # a second time there is nothing left to do
        subprocess.run(["bash", moved / "run.sh"], env=environment, check=True, capture_output=True)
    first, second = calls.read_text().splitlines()
    assert "-m verl.trainer.main_ppo" in first
    assert "trainer.nnodes=4 trainer.n_gpus_per_node=1" in first
    assert f"actor_rollout_ref.model.path='{tmp_path / 'model'}'" in first
    assert f"data.val_files='{moved}/1-srl/validation.parquet'" in first
    assert f"hydra.run.dir='{moved}/1-srl/hydra'" in first
    assert f"actor_rollout_ref.model.path='{moved}/1-srl/model'" in second
    for stage in ("1-srl", "2-rlvr"):
        files = {path.name for path in (moved / stage / "model").iterdir()}
        assert files == {"model.safetensors", "treadle_chat.json"}


def test_scripts_are_shell(exported):
    _, out, _ = exported
    for path in [*out.glob("*.sh"), *out.glob("*/*.sh")]:
        subprocess.run(["bash", "-n", path], check=True)
    assert "#SBATCH --nodes=2" in (out / "slurm.sh").read_text()


def test_a_folder_of_another_kind_is_not_replaced(exported, recipe_of):
    recipe, out, _ = exported
    with pytest.raises(OutputError, match="exists already"):
        export(recipe, out, "recipe.yaml", gpus=1)
    (out / "export.json").unlink()
    with pytest.raises(OutputError, match=r"holds no export\.json"):
        export(recipe, out, "recipe.yaml", gpus=1, overwrite=True)
