"""The folder of an export, by the command."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from treadle.chat.settings import read_file
from treadle.errors import OutputError
from treadle.export.run import export
from treadle.export.skyrl.engine import SKYRL
from treadle.export.verl.engine import VERL
from treadle.recipe.reading import load_recipe, resolved

STAGES = ({"kind": "srl", "validate_every": 2, "validation_rows": 10}, {"kind": "rlvr"})

# Stands for python: notes each call, and makes what the engine would.
STAND_IN = """#!/bin/bash
printf '%s\\n' "$*" >> "$CALLS"
case $2 in
treadle.export.skyrl.main)
    for word in "$@"; do [[ $word == trainer.export_path=* ]] && folder=${word#*=}; done
    folder=${folder//\\'/}
    for step in 4 20; do
        mkdir -p "$folder/global_step_$step/policy" && echo $step > "$folder/global_step_$step/policy/step"
    done ;;
verl.trainer.main_ppo)
    for word in "$@"; do [[ $word == trainer.default_local_dir=* ]] && folder=${word#*=}; done
    folder=${folder//\\'/}
    mkdir -p "$folder/global_step_4/actor/huggingface" && echo 4 > "$folder/latest_checkpointed_iteration.txt"
    pwd > "$folder/global_step_4/actor/huggingface/model.safetensors" ;;
esac
"""


def written(recipe_of, folder, engine):
    recipe = recipe_of(*STAGES)
    return recipe, folder / "out", export(recipe, engine, folder / "out", "recipe.yaml", nodes=2, gpus=1)


@pytest.fixture
def exported(recipe_of, tmp_path):
    return written(recipe_of, tmp_path, VERL)


@pytest.mark.parametrize("engine", [VERL, SKYRL], ids=lambda engine: engine.name)
def test_a_folder_says_what_is_in_it(recipe_of, tmp_path, engine):
    recipe, out, stages = written(recipe_of, tmp_path, engine)
    assert [stage.folder for stage in stages] == ["1-srl", "2-rlvr"]
    assert (stages[0].validation, stages[1].rows, stages[1].validation) == (10, 16, 0)
    record = json.loads((out / "export.json").read_text())
    assert [stage["rows"] for stage in record["stages"]] == [stage.rows for stage in stages]
    assert record[engine.package] == engine.version
    readme = (out / "README.md").read_text()
    assert f"Written by `treadle export {engine.package} " in readme
    assert (Path(__file__).parents[2] / re.search(r"method's page is (\S+)", readme)[1]).is_file()
    assert f"| 2-rlvr | 16 | 0 | nothing | {stages[1].longest} tokens | 4 |" in readme
    assert "- `max_staleness`: surplus groups are discarded" in readme
    assert yaml.safe_load((out / "recipe.yaml").read_text()) == yaml.safe_load(resolved(recipe))
    assert load_recipe(out / "recipe.yaml").stages == recipe.stages
    assert read_file(str(out))["thought_tags"] == ["<think>", "</think>"]


def ran(out, folder):
    """The calls of a Python that stands for the engine's, where run.sh is run twice in another place."""
    moved = out.rename(folder / "a place, with = signs")  # as on the cluster
    python, calls = folder / "python", folder / "calls"
    python.write_text(STAND_IN)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PYTHON": str(python), "CALLS": str(calls), "NODES": "4"}
    for _ in range(2):  # a second time there is nothing left to do
        subprocess.run(["bash", moved / "run.sh"], env=environment, check=True, capture_output=True)
    return moved, calls.read_text().splitlines()


def test_on_skyrl_run_sh_takes_the_last_exported_weights(recipe_of, tmp_path):
    _, out, _ = written(recipe_of, tmp_path, SKYRL)
    moved, (first, second) = ran(out, tmp_path)
    assert "-m treadle.export.skyrl.main" in first
    assert "trainer.placement.policy_num_nodes=4 trainer.placement.policy_num_gpus_per_node=1" in first
    assert "generator.inference_engine.num_engines=4" in first
    assert f"trainer.policy.model.path='{tmp_path / 'model'}'" in first
    assert f"data.val_data=['{moved}/1-srl/validation.parquet']" in first
    assert "data.val_data=[]" in second
    assert f"trainer.policy.model.path='{moved}/1-srl/model'" in second
    assert (moved / "2-rlvr" / "model" / "step").read_text() == "20\n"
    assert (moved / "2-rlvr" / "model" / "treadle_chat.json").is_file()


def test_on_verl_run_sh_trains_and_goes_on_with_the_result(exported, tmp_path):
    _, out, _ = exported
    moved, (first, second) = ran(out, tmp_path)
    assert "-m verl.trainer.main_ppo" in first
    assert "trainer.nnodes=4 trainer.n_gpus_per_node=1" in first
    assert f"actor_rollout_ref.model.path='{tmp_path / 'model'}'" in first
    assert f"data.val_files='{moved}/1-srl/validation.parquet'" in first
    assert f"hydra.run.dir='{moved}/1-srl/hydra'" in first
    assert f"actor_rollout_ref.model.path='{moved}/1-srl/model'" in second
    for stage in ("1-srl", "2-rlvr"):
        files = {path.name for path in (moved / stage / "model").iterdir()}
        assert files == {"model.safetensors", "treadle_chat.json"}


@pytest.mark.parametrize("engine", [VERL, SKYRL], ids=lambda engine: engine.name)
def test_scripts_are_shell(recipe_of, tmp_path, engine):
    _, out, _ = written(recipe_of, tmp_path, engine)
    for path in [*out.glob("*.sh"), *out.glob("*/*.sh")]:
        subprocess.run(["bash", "-n", path], check=True)
    assert f"--job-name=treadle-{engine.package}\n#SBATCH --nodes=2" in (out / "slurm.sh").read_text()


def test_a_folder_of_another_kind_is_not_replaced(exported, recipe_of):
    recipe, out, _ = exported
    with pytest.raises(OutputError, match="exists already"):
        export(recipe, VERL, out, "recipe.yaml", gpus=1)
    (out / "export.json").unlink()
    with pytest.raises(OutputError, match=r"holds no export\.json"):
        export(recipe, VERL, out, "recipe.yaml", gpus=1, overwrite=True)
