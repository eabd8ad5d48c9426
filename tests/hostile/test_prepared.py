"""Prepared folders that were cut, rewritten or mended by hand: one line names the file and what differs."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hostile.folders import BASE


@pytest.fixture
def prepared(given, scratch):
    """A copy of a prepared folder, and a recipe that trains on it."""
    folder = shutil.copytree(given.folder / "prepared", scratch / "prepared")
    stage = {"kind": "srl", "max_steps": 1, "prompts_per_step": 2, "rollouts": 2, "micro_batch": 2}
    recipe = {"model": str(BASE), "data": "prepared", "output": "run", "stages": [stage]}
    (scratch / "recipe.yaml").write_text(json.dumps(recipe))
    return folder


COMMANDS = {
    "check": ("check", "recipe.yaml"),
    "plan": ("plan", "recipe.yaml"),
    "train": ("train", "recipe.yaml"),
    "evaluate": ("evaluate", str(BASE), "--data", "prepared", "--mode", "steps", "--split", "train", "-o", "out"),
}


PARQUET = ("trajectories_train.parquet", "instances_heldout.parquet")


def renamed(file):
    table = pq.read_table(file)
    pq.write_table(table.rename_columns([f"other_{name}" for name in table.column_names]), file)


def texts(file):
    """The first column as text."""
    table = pq.read_table(file)
    name = table.column_names[0]
    other = pa.array([["a"]] * len(table)) if name == "id" else table[name].cast(pa.string())
    pq.write_table(table.set_column(0, name, other), file)


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file):
    file.write_bytes(b"")


def removed(file):
    file.unlink()


FILES = [
    *((name, change, "train") for name in PARQUET for change in (renamed, texts, cut, emptied, removed)),
    *(("trajectories_train.parquet", renamed, command) for command in ("check", "plan", "evaluate")),
]


@pytest.mark.parametrize(("name", "change", "command"), FILES)
def test_a_file_that_is_not_as_it_was_written(name, change, command, prepared, treadle, scratch):
    change(prepared / name)
    outcome = treadle(*COMMANDS[command])
    outcome.is_clean()
    assert name in outcome.out + outcome.err
    assert "prepare" in outcome.out + outcome.err
    assert outcome.code == 2
    assert not list(scratch.glob("run/*/*"))
    assert not (scratch / "out").exists()


def rows_changed(file, **values):
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0].update(values)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("instances_train.parquet", {"trajectory": 999}, "trajectory 999, expected 0 to"),
        ("instances_train.parquet", {"trajectory": -1}, "trajectory -1, expected 0 to"),
        ("instances_train.parquet", {"trajectory": None}, "nulls"),
        ("instances_train.parquet", {"step": 99}, "step 99 is a target"),
        ("trajectories_train.parquet", {"steps": []}, "row 1: column 'steps' is empty"),
        ("trajectories_train.parquet", {"problem": None}, "row 1: column 'problem'"),
        ("trajectories_train.parquet", {"meta": "["}, "row 1: column 'meta'"),
    ],
)
def test_rows_that_are_none(name, values, said, prepared, treadle):
    rows_changed(prepared / name, **values)
    treadle(*COMMANDS["evaluate"]).refused(said, "prepare the data again with --overwrite")


def test_bytes_that_changed_behind_a_whole_footer(prepared, treadle):
    file = prepared / "trajectories_train.parquet"
    content = bytearray(file.read_bytes())
    content[4:200] = bytes(196)
    file.write_bytes(content)
    treadle(*COMMANDS["train"]).refused("trajectories_train.parquet", "cannot be read as parquet", "--overwrite")


def test_instances_that_do_not_say_how_they_are_rendered(prepared, treadle):
    file = prepared / "instances_train.parquet"
    table = pq.read_table(file)
    for metadata in (None, {"treadle.rendering": "[]"}, {"treadle.rendering": '{"context": "none"}'}):
        pq.write_table(table.replace_schema_metadata(metadata), file)
        treadle(*COMMANDS["train"]).refused("instances_train.parquet", "treadle.rendering", "--overwrite")


REPORTS = [
    ("settings", "x"),
    ("settings", {"answers_only": 1}),
    ("floors", []),
    ("floors", {}),
    ("floors", {"floor": {"name": "constant", "value": "0.5", "low": None, "high": None}}),
    ("floors", {"floor": {"name": "constant", "value": 0.5}}),
]


@pytest.mark.parametrize(("key", "value"), REPORTS)
def test_a_report_of_other_types(key, value, prepared, treadle):
    content = json.loads((prepared / "report.json").read_text())
    (prepared / "report.json").write_text(json.dumps({**content, key: value}))
    treadle(*COMMANDS["train"]).refused("report.json", key, "--overwrite")


@pytest.mark.parametrize("content", ["[]", "", "{", "[" * 100_000])
def test_a_report_that_is_none(content, prepared, treadle):
    (prepared / "report.json").write_text(content)
    treadle(*COMMANDS["train"]).refused("report.json", "--overwrite")


def test_a_tracker_without_its_package_is_named_before_training(prepared, treadle, scratch):
    if any(map(find_spec, ("tensorboard", "tensorboardX"))):
        pytest.skip("tensorboard is installed")
    treadle(*COMMANDS["train"], "report_to=[tensorboard]").refused("report_to: tensorboard", "[track]")
    assert not list(scratch.glob("run/*/*"))
