from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.hostile.driver import contents
from tests.hostile.recipes import SFT, SRL, recipe, write
from treadle.errors import DataError, RecipeError
from treadle.evaluate.benchmarks import split_name
from treadle.recipe.reading import parse_recipe


@pytest.fixture
def prepared(treadle, solutions):
    assert treadle("prepare", solutions, "-o", "prepared").code == 0


STAGES = [
    "../../../victim",
    "..",
    ".",
    "/abs",
    "a/b",
    "a\\b",
    "-rf",
    ".git",
    "a b",
    "ä",
    "con",
    "a:b",
    "x" * 101,
    "a\n",
]


@pytest.mark.parametrize("name", STAGES)
def test_names_that_no_stage_may_have(name):
    content = recipe(stages=[{**SRL, "name": name}])
    with pytest.raises(RecipeError, match=r"stages\.0\.name: .* cannot be a name; expected letters a to z, "):
        parse_recipe(content)


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_stages_stay_in_the_run(treadle, prepared, scratch, more):
    """A folder `model` elsewhere was taken for a finished stage, and the folder beside it for the stage's."""
    victim = scratch.parent / "victim" / "model"
    victim.mkdir(parents=True)
    (victim / "weights").write_text("mine")
    file = write(scratch, stages=[{**SRL, "name": "../../../victim"}])
    before = contents(victim.parent), contents(scratch)
    treadle("train", file, *more).refused("stages.0.name: '../../../victim' cannot be a name")
    assert (contents(victim.parent), contents(scratch)) == before


def test_stages_stay_in_the_run_by_override_too(treadle, prepared, scratch):
    treadle("train", write(scratch), "stages.srl.name=../../x").refused("stages.1.name: '../../x' cannot be a name")


def test_names_that_differ_by_case_alone(treadle, prepared, scratch):
    file = write(scratch, stages=[{**SRL, "name": "srl"}, {**SRL, "name": "SRL"}])
    treadle("train", file, "--dry-run").refused("two stages are called 'SRL'")


def test_ordinary_names_are_taken(treadle, prepared, scratch):
    file = write(scratch, stages=[{**SRL, "name": "srl-2.5_final"}])
    outcome = treadle("train", file, "--dry-run")
    assert (outcome.code, "name: srl-2.5_final" in outcome.out) == (0, True), outcome


@pytest.mark.parametrize("name", ["..", "../x", ".x", "-x", "a b", "x" * 101])
def test_sets(name):
    with pytest.raises(DataError, match=r"cannot be a name; expected letters, digits.*NAME=PATH"):
        split_name(f"{name}=rows.jsonl")


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000 + "b"], ids=["name", "path"])
@pytest.mark.parametrize("key", ["model", "tokenizer", "data", "output"])
def test_paths_that_no_disk_has(key, name):
    with pytest.raises(RecipeError, match=f"{key}: found .*, expected a path, each name in it of at most 255 bytes"):
        parse_recipe(recipe(**{key: name}))


def test_an_output_that_no_disk_has(treadle, solutions):
    treadle("prepare", solutions, "-o", "x" * 300).refused("File name too long", "Choose a shorter name")


@pytest.mark.parametrize("out", ["/", "//", "/tmp/.."])
def test_the_root_is_no_output(treadle, prepared, solutions, scratch, out):
    treadle("prepare", solutions, "-o", out).refused(": the root of the file system")
    treadle("train", write(scratch, output=out)).refused(": the root of the file system")


@pytest.mark.parametrize("out", ["s3://bucket/run", "http://host/run", "file:///tmp/run"])
def test_an_address_is_no_output(treadle, prepared, solutions, scratch, out):
    """Folders called `s3:` were made in the working folder."""
    (scratch / "problems.jsonl").write_text('{"problem": "1+1", "answer": "2"}\n')
    before = sorted(path.name for path in scratch.iterdir())
    treadle("prepare", solutions, "-o", out).refused(": an address; ")
    treadle("train", write(scratch, output=out)).refused(": an address; ")
    treadle("evaluate", "miniature", "--data", "problems.jsonl", "-o", out).refused(": an address; ")
    assert sorted(path.name for path in scratch.iterdir()) == sorted([*before, "recipe.yaml"])


@pytest.mark.parametrize("model", ["/dev/zero", "pipe"])
def test_a_device_is_no_model(treadle, prepared, scratch, model):
    os.mkfifo(scratch / "pipe")
    treadle("train", write(scratch, model=model), "--dry-run").refused(f"{model}: neither a folder nor a file")
    checked = treadle("check", model)
    assert (checked.code, f"{model}: neither a folder nor a file" in checked.out) == (2, True), checked


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_recipe_beside_its_results_stays(treadle, prepared, scratch, more):
    """The recipe with all defaults took its place, and its comments were lost."""
    (scratch / "run").mkdir()
    file = write(scratch / "run", output=str(scratch / "run"))
    file.write_text("# the learning rate is that of the paper\n" + file.read_text())
    before = contents(scratch / "run")
    treadle("train", file, *more).refused(f"{file}: a recipe that no run has written")
    assert contents(scratch / "run") == before


def test_a_stage_that_was_removed_is_made_again(treadle, prepared, scratch):
    """What a run has written itself is no reason to refuse."""
    file = write(scratch, stages=[SFT])
    assert treadle("train", file).code == 0
    shutil.rmtree(scratch / "run" / "1-sft")
    assert treadle("train", file).code == 0


def test_ids_are_no_paths(treadle, scratch):
    """An id may hold anything: no file is named after it."""
    ids = ["../../../escaped", "/etc/passwd", "org/model", "ü 1", "a\\b", "con", ""]
    rows = [{"id": name, "problem": f"{n}+1?", "answer": str(n + 1)} for n, name in enumerate(ids)]
    (scratch / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = ("evaluate", "miniature", "--mode", "whole", "--max-new-tokens", 4)
    assert treadle(*run, "--data", "rows.jsonl", "-o", "run").code == 0
    assert treadle("view", "run").code == 0
    outside = [path for path in contents(scratch.parent) if not path.startswith(("scratch/run", "scratch.driven"))]
    assert outside == ["scratch", "scratch/rows.jsonl"]
    assert {Path(path).name for path in contents(scratch / "run")} >= {"results.json", "report.html"}


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname"])
def test_a_model_index_that_names_files_elsewhere(treadle, prepared, scratch, name):
    import treadle as package

    model = scratch / "model"
    model.mkdir()
    for file in (Path(package.__file__).parent / "miniature" / "base").iterdir():
        if file.suffix != ".safetensors":
            (model / file.name).write_bytes(file.read_bytes())
    index = {"weight_map": {"a": name}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    treadle("train", write(scratch, model="model"), "--dry-run").refused(f"names {name!r}, which is outside the folder")


def test_a_saved_data_set_that_names_files_elsewhere(treadle, scratch):
    saved = scratch / "saved"
    saved.mkdir()
    (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../../secret.arrow"}]}))
    treadle("prepare", "saved", "-o", "prepared").refused("names '../../secret.arrow', which is outside the folder")


@pytest.mark.parametrize("output", ["prepared", "prepared/run"])
def test_a_run_does_not_lie_in_its_data(treadle, prepared, scratch, output):
    """Preparing again with --overwrite would delete it."""
    before = contents(scratch / "prepared")
    treadle("train", write(scratch, output=output)).refused(f"{output}: lies in the `data` prepared")
    assert contents(scratch / "prepared") == before


def test_a_pipe_is_read_from_standard_input(treadle, scratch):
    os.mkfifo(scratch / "pipe")
    treadle("prepare", "pipe", "-o", "out").refused("pipe: a pipe or a device", "< pipe")
