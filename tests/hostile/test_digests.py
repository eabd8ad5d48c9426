"""Folders that look finished and are not: a file is missing, cut or changed."""

from __future__ import annotations

import json
import shutil
from itertools import cycle

import pytest

from tests.hostile.driver import contents

PREPARED = (
    "trajectories_train.parquet",
    "trajectories_heldout.parquet",
    "instances_train.parquet",
    "instances_heldout.parquet",
    "rows.jsonl",
    "report.md",
    "report.html",
)


def missing(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {missing: "is missing, expected", cut: "bytes, expected", changed: "has SHA-256"}
every_damage = pytest.mark.parametrize("damage", DAMAGE)


@pytest.mark.parametrize(("file", "damage"), zip(PREPARED, cycle(DAMAGE)))
def test_a_prepared_folder_is_up_to_date_only_when_it_is_whole(treadle, given, scratch, file, damage):
    command, target = given.command("prepare", scratch / "target"), scratch / "target"
    shutil.copytree(given.folder / "prepared", target)
    assert "up to date" in treadle(*command).out
    whole = contents(target)
    damage(target / file)
    before = contents(target)
    treadle(*command).refused(str(target), file, DAMAGE[damage], "--overwrite")
    assert contents(target) == before
    assert treadle(*command, "--overwrite").code == 0
    assert contents(target)[PREPARED[0]] == whole[PREPARED[0]]
    assert "up to date" in treadle(*command).out


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"fingerprint": 3}'])
@pytest.mark.parametrize(("name", "file"), [("prepare", "report.json"), ("shard", "shard.json")])
def test_a_report_that_is_no_report(treadle, given, scratch, name, file, content):
    command, target = given.command(name, scratch / "target"), scratch / "target"
    shutil.copytree(given.folder / {"prepare": "prepared", "shard": "shard-1"}[name], target)
    (target / file).write_bytes(content)
    treadle(*command).refused("--overwrite")
    assert treadle(*command, "--overwrite").code == 0


@pytest.mark.parametrize(("file", "damage"), zip(("parts.parquet", "parts.jsonl", "signatures"), DAMAGE, strict=True))
def test_shards(treadle, given, scratch, file, damage):
    target = scratch / "target"
    shutil.copytree(given.folder / "shard-1", target)
    assert "up to date" in treadle(*given.command("shard", target)).out
    damage(target / file)
    treadle(*given.command("shard", target)).refused(file, DAMAGE[damage], "--overwrite")
    treadle("merge", target, given.folder / "shard-2", "-o", "out").refused(str(target), "damaged", file, "--overwrite")
    assert not (scratch / "out").exists()


@pytest.fixture(scope="module")
def trained(given, tmp_path_factory):
    """A stage that was trained, once."""
    from tests.hostile.driver import drive

    folder = tmp_path_factory.mktemp("trained")
    outcome = drive(folder, *given.command("train", folder / "target"), seconds=120)
    assert outcome.code == 0, outcome
    return folder / "target"


@pytest.mark.parametrize(
    ("file", "damage"),
    [("model.safetensors", missing), ("model.safetensors", cut), ("config.json", cut), ("config.json", changed)],
)
def test_a_finished_stage_is_one_whose_model_is_whole(treadle, given, trained, scratch, file, damage):
    target = scratch / "target"
    shutil.copytree(trained, target)
    command = given.command("train", target)
    damage(target / "1-sft" / "model" / file)
    before = contents(target / "1-sft")
    treadle(*command).refused(f"{target}/1-sft: its stage was finished, but model/{file}", DAMAGE[damage], "rm -r")
    assert contents(target / "1-sft") == before


def test_a_whole_stage_is_not_run_again(treadle, given, trained, scratch):
    target = scratch / "target"
    shutil.copytree(trained, target)
    before = contents(target / "1-sft")
    outcome = treadle(*given.command("train", target))
    assert outcome.code == 0, outcome
    assert contents(target / "1-sft") == before


@every_damage
@pytest.mark.parametrize("file", ["samples.jsonl", "problems.jsonl"])
def test_figures_are_shown_only_beside_what_they_were_made_from(treadle, given, scratch, file, damage):
    target = given.target("view", scratch)
    damage(target / file)
    before = contents(scratch)
    for command in (("view", target), ("compare", target, given.folder / "other", "-o", "c")):
        treadle(*command).refused(str(target), file)
    assert contents(scratch) == before


@pytest.mark.parametrize("damage", [missing, cut])
def test_a_run_is_not_graded_again_without_its_generations(treadle, given, scratch, damage):
    target = given.target("regrade", scratch)
    whole = contents(target)
    damage(target / "generations.jsonl")
    before = contents(scratch)
    treadle("evaluate", "--regrade", target).refused("generations.jsonl: ", "treadle evaluate MODEL")
    assert contents(scratch) == before
    outcome = treadle(*given.command("evaluate", target))
    assert outcome.code == 0, outcome
    assert contents(target)["generations.jsonl"] == whole["generations.jsonl"]


def test_lost_generations_are_named(treadle, given, scratch):
    target = given.target("regrade", scratch)
    file = target / "generations.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    outcome = treadle(*given.command("evaluate", target))
    assert f"{len(lines) - 1} of {len(lines)} generations are left" in outcome.out
    assert file.read_bytes() == b"".join(lines)


def test_samples_are_made_again_from_generations(treadle, given, scratch):
    target = given.target("regrade", scratch)
    whole = (target / "samples.jsonl").read_bytes()
    cut(target / "samples.jsonl")
    assert treadle("evaluate", "--regrade", target).code == 0
    assert (target / "samples.jsonl").read_bytes() == whole
    assert treadle("view", target).code == 0


def test_runs_of_before_have_no_list_of_files(treadle, given, scratch):
    target = given.target("view", scratch)
    results = json.loads((target / "results.json").read_text())
    del results["files"]
    (target / "results.json").write_text(json.dumps(results))
    assert treadle("view", target).code == 0
