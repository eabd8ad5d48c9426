"""Whether parquet files are those that `treadle prepare` writes."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treadle import Step, Trajectory
from treadle.data.instances import Rendering
from treadle.data.prepared_files import (
    INSTANCES,
    RENDERING,
    check_instances,
    check_references,
    check_trajectories,
    reading,
    rendering_of,
    stored,
    trajectory_of,
)
from treadle.data.sources.native import SCHEMA, to_row
from treadle.errors import DataError

TRAJECTORY = Trajectory("t1", "1+1?", [Step("1+1=2"), Step("So 2.", title="End")], answer="2", meta={"a": 1})
SAYS = {RENDERING: b'{"give_title": true, "context": 2}'}


@pytest.fixture
def files(tmp_path):
    """Trajectories and instances of two steps each."""
    trajectories, instances = tmp_path / "trajectories_train.parquet", tmp_path / "instances_train.parquet"
    pq.write_table(pa.Table.from_pylist([to_row(TRAJECTORY)] * 2, SCHEMA), trajectories)
    rows = [{"trajectory": t, "step": s} for t in (0, 1) for s in (1, 2)]
    pq.write_table(pa.Table.from_pylist(rows, INSTANCES.with_metadata(SAYS)), instances)
    return trajectories, instances


def changed(file, change):
    pq.write_table(change(pq.read_table(file)), file)


def test_what_prepare_writes(files):
    trajectories, instances = files
    check_trajectories(trajectories)
    check_instances(instances)
    check_references(instances, trajectories)
    assert rendering_of(instances, pq.read_schema(instances)) == Rendering(give_title=True, context=2)
    assert trajectory_of(stored(trajectories)[0], trajectories, 0) == TRAJECTORY


def large(kind):
    """As polars and others write the same columns."""
    if pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_list(kind):
        return pa.large_list(pa.field("element", large(kind.value_type)))
    return pa.struct([(field.name, large(field.type)) for field in kind]) if pa.types.is_struct(kind) else kind


def test_the_same_by_another_writer(files):
    other = pa.schema([(field.name, large(field.type)) for field in SCHEMA])
    pq.write_table(pa.Table.from_pylist([to_row(TRAJECTORY)], other), files[0])
    check_trajectories(files[0])
    assert trajectory_of(stored(files[0])[0], files[0], 0) == TRAJECTORY


def test_columns_that_came_later_may_be_missing_and_others_be_there(files):
    changed(files[0], lambda table: table.drop_columns(["system", "repo"]).append_column("more", pa.array([1, 2])))
    check_trajectories(files[0])
    row = to_row(TRAJECTORY)
    row["steps"] = [{"action": step["action"]} for step in row["steps"]]
    pq.write_table(pa.Table.from_pylist([row]), files[0])
    check_trajectories(files[0])


@pytest.mark.parametrize("name", ["id", "problem", "steps", "domain"])
def test_a_column_that_is_missing(files, name):
    changed(files[0], lambda table: table.drop_columns([name]))
    with pytest.raises(
        DataError, match=rf"trajectories_train\.parquet: has no column '{name}', expected id, .*--overwrite"
    ):
        check_trajectories(files[0])


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("id", [1, 2], "int64"),
        ("steps", ["a", "b"], "string"),
        ("steps", [["a"], ["b"]], "list<"),
        ("steps", [[{"title": "a"}]] * 2, "list<"),
        ("steps", [[{"action": 1}]] * 2, "list<"),
        ("verified", ["yes", "no"], "string"),
        ("meta", [{"a": 1}] * 2, "struct<a: int64>"),
    ],
)
def test_a_column_of_another_type(files, name, values, found):
    changed(files[0], lambda table: table.set_column(table.column_names.index(name), name, pa.array(values)))
    with pytest.raises(DataError, match=rf"column '{name}' is {found}.*expected.*--overwrite"):
        check_trajectories(files[0])


def test_instances_of_other_columns(files):
    changed(files[1], lambda table: table.cast(pa.schema([("trajectory", pa.int64()), ("step", pa.int16())], SAYS)))
    with pytest.raises(DataError, match="column 'trajectory' is int64, expected int32"):
        check_instances(files[1])
    changed(files[1], lambda table: table.drop_columns(["step"]))
    with pytest.raises(DataError, match=r"has no column 'step', expected trajectory, step; found trajectory"):
        check_instances(files[1])


@pytest.mark.parametrize(
    "says",
    [None, b"", b"{", b"[]", b"5", b'{"context": "none"}', b'{"context": -1}', b'{"more": 1}', b"[" * 100_000, b"\xff"],
)
def test_instances_that_do_not_say_how_they_are_rendered(files, says):
    changed(files[1], lambda table: table.replace_schema_metadata(None if says is None else {RENDERING: says}))
    with pytest.raises(
        DataError, match=r"instances_train\.parquet: its metadata treadle\.rendering say .*give_title"
    ) as caught:
        check_instances(files[1])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([0, 2], "is of trajectory 2, expected 0 to 1"),
        ([-1, 0], "is of trajectory -1, expected 0 to 1"),
        ([0, None], "column 'trajectory' has 1 nulls"),
    ],
)
def test_instances_of_other_trajectories(files, numbers, said):
    table = pa.table({"trajectory": numbers, "step": [1, 1]}, INSTANCES)
    pq.write_table(table, files[1])
    with pytest.raises(DataError, match=rf"instances_train\.parquet: .*{said}.*--overwrite"):
        check_references(files[1], files[0])


def test_no_instances_are_of_no_trajectories(files):
    pq.write_table(pa.table({"trajectory": [], "step": []}, INSTANCES), files[1])
    pq.write_table(pq.read_table(files[0]).slice(0, 0), files[0])
    check_references(files[1], files[0])


def test_a_file_that_changed_is_read_again(files):
    trajectories, instances = files
    check_references(instances, trajectories)
    pq.write_table(pa.table({"trajectory": [7], "step": [1]}, INSTANCES), instances)
    os.utime(instances, ns=(1, 1))
    with pytest.raises(DataError, match="of trajectory 7"):
        check_references(instances, trajectories)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all", None])
@pytest.mark.parametrize("check", [check_trajectories, check_instances, stored])
def test_what_is_no_parquet_is_one_line(files, content, check):
    file = files[1]
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        check(file)
    assert str(caught.value).startswith(f"{file}: cannot be read as parquet (")
    assert "--overwrite" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("meta", [[], 0, False, "", "text", [1]])
def test_a_row_that_is_none(files, meta):
    row = {**to_row(TRAJECTORY), "meta": json.dumps(meta)}
    with pytest.raises(DataError, match=r"trajectories_train\.parquet, row 3: .*meta.*--overwrite"):
        trajectory_of(row, files[0], 2)


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ZeroDivisionError), reading(tmp_path / "a"):
        1 / 0  # noqa: B018
    with pytest.raises(DataError, match=r"^mine$"), reading(tmp_path / "a"):
        raise DataError("mine")
