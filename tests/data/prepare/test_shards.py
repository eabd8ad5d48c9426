"""Shards that are merged give what one run gives; shards that do not belong together are refused."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepare.merge import merge, read_shards
from treadle.data.prepare.shards import ShardOf, parse_shard, prepare_shard
from treadle.data.prepared import Prepared
from treadle.data.sources.report import COMPARED
from treadle.errors import DataError, OutputError
from treadle.files import chunks, tables

FILES = ("trajectories_train.parquet", "trajectories_heldout.parquet", "instances_train.parquet")
FILES += ("instances_heldout.parquet", "rows.jsonl")


def row(i, n_steps=4, **changes):
    steps = "\n".join(f"{k}. **Step {k}** work {i} on part {k}" for k in range(1, n_steps + 1))
    return {"id": f"r{i}", "problem": f"problem {i} é", "solution": steps + f"\n\n\\boxed{{{i}}}", **changes}


def rows_of(draw, count=30):
    """Rows of which some cannot be used, some have the id of an earlier row and some are its duplicates."""
    made = []
    for i in range(count):
        kind = draw.randrange(8)
        earlier = made[draw.randrange(i)] if i else row(0)
        made.append(
            {
                0: {"x": i},
                1: {**row(i), "id": earlier.get("id", "r0")},
                2: {**earlier, "id": f"copy {i}"},
                3: row(i, reward=draw.random(), answer=f"{i}.0"),
                4: row(i, problem=f"problem {i}\r\nin two lines"),
            }.get(kind, row(i, 1 + draw.randrange(6)))
        )
    return [*made, *(row(100 + i) for i in range(8))]


def in_shards(source, folder, count, options=None, **more):
    folders = [folder / f"shard {n}" for n in range(1, count + 1)]
    for number, out in enumerate(folders, 1):
        prepare_shard(source, out, ShardOf(number, count), options, **more)
    return folders


def same(one, other):
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    reports = [json.loads((folder / "report.json").read_text()) for folder in (one, other)]
    for report in reports:
        report.pop("seconds")
        report["files"].pop("report.md", None)  # which says the seconds
    assert reports[0] == reports[1]


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 600)
    monkeypatch.setattr(tables, "BATCH_BYTES", 600)


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    draw=st.randoms(use_true_random=False),
    count=st.integers(1, 4),
    kind=st.sampled_from(["jsonl", "parquet", "one folder", "many files"]),
    options=st.fixed_dictionaries(
        {
            "duplicates": st.sampled_from(["report", "drop", "off"]),
            "held_out": st.sampled_from([0, 0.2, 3]),
            "targets": st.sampled_from(["all", "skip_last"]),
        }
    ),
)
def test_shards_that_are_merged_are_one_run_to_the_byte(tmp_path_factory, draw, count, kind, options):
    folder = tmp_path_factory.mktemp("shards")
    rows, options = rows_of(draw), PrepareSettings(**options)
    if kind == "jsonl":
        source = write(folder / "in.jsonl", rows)
    elif kind == "parquet":
        source = folder / "in.parquet"
        pq.write_table(pa.Table.from_pylist([{**row(0), "x": None} | r for r in rows]), source)
    else:
        source = folder / "in"
        source.mkdir()
        (source / "notes.md").write_text("x")
        size = 20 if kind == "one folder" else 1
        for start in range(0, len(rows), size):
            write(source / f"{start:03}.jsonl", rows[start : start + size])
    prepare(source, folder / "one", options)
    report = merge(in_shards(source, folder, count, options)[::-1], folder / "merged", page=None)
    same(folder / "one", folder / "merged")
    assert report.rows.read == len(rows)
    assert prepare(source, folder / "merged", options).reused, "the merged folder is that of the whole input"


@pytest.mark.usefixtures("small_chunks")
def test_every_setting_reaches_the_merged_folder(tmp_path, tiny_tokenizer):
    evaluation = write(tmp_path / "eval.jsonl", [{"problem": "Problem 7 é", "id": "seven"}])
    source = write(tmp_path / "in.jsonl", [{**row(i), "repo": f"r/{i % 5}"} for i in range(30)])
    options = PrepareSettings(
        against=(str(evaluation),), observation_tokens=50, context=1, give_title=True, materialise=True, seed=3
    )
    one = prepare(source, tmp_path / "one", options, tiny_tokenizer)
    folders = in_shards(source, tmp_path, 3, options, tokenizer=tiny_tokenizer)
    merged = merge(folders, tmp_path / "merged", tiny_tokenizer)
    same(tmp_path / "one", tmp_path / "merged")
    assert merged.overlap == one.overlap == {str(evaluation): 1}
    assert (tmp_path / "one" / "rows_train.parquet").read_bytes() == (
        tmp_path / "merged" / "rows_train.parquet"
    ).read_bytes()
    with pytest.raises(DataError, match=r"prepared with the tokenizer .*, which has changed since"):
        merge(folders, tmp_path / "other")


@pytest.mark.usefixtures("small_chunks")
def test_shards_share_the_rows_between_them(tmp_path):
    source = write(tmp_path / "in.jsonl", [row(i) for i in range(40)])
    counts = [about["read"] for about in read_shards(in_shards(source, tmp_path, 4))]
    assert sum(counts) == 40
    assert max(counts) <= 15


def test_a_shard_without_rows_is_no_error_and_one_that_is_there_is_left(tmp_path):
    source = write(tmp_path / "in.jsonl", [row(i) for i in range(4)])
    folders = in_shards(source, tmp_path, 3)
    assert [about["kept"] for about in read_shards(folders)] == [4, 0, 0]
    assert prepare_shard(source, folders[0], ShardOf(1, 3))["reused"]
    with pytest.raises(OutputError, match="exists already"):
        prepare_shard(source, folders[0], ShardOf(2, 3))
    assert merge(folders, tmp_path / "out", page=None).rows.kept == 4


def test_nothing_to_keep_in_any_shard_says_why(tmp_path):
    source = write(tmp_path / "in.jsonl", [{"x": 1}] * 3)
    folders = in_shards(source, tmp_path, 2)
    with pytest.raises(DataError, match="none of 3 rows could be used"):
        merge(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_do_not_belong_together_are_refused(tmp_path):
    source = write(tmp_path / "in.jsonl", [row(i) for i in range(4)])
    one, two, three = in_shards(source, tmp_path, 3)
    shutil.copytree(two, tmp_path / "again")
    prepare_shard(source, tmp_path / "all", ShardOf(3, 3), PrepareSettings(targets="all"))
    for folders, message in (
        ([one, three], "of 3 shards 2 is missing; run the same command with --shard 2/3"),
        ([three], "of 3 shards 1, 2 are missing"),
        ([one, two, tmp_path / "again", three], "shard 2 of 3 is there twice: "),
        ([one, two, tmp_path / "all"], "all: targets 'all', but 'skip_last' in "),
        ([one, tmp_path], "holds no shard.json; expected a folder made by `treadle prepare INPUT --shard"),
        ([one, tmp_path / "none"], "none: no such folder"),
        ([], "no shards given"),
    ):
        with pytest.raises(DataError, match=message):
            merge(folders, tmp_path / "out")
    source.write_text(source.read_text() + json.dumps(row(9)) + "\n")
    prepare_shard(source, three, ShardOf(3, 3), overwrite=True)
    with pytest.raises(DataError, match=r"another input than that of .*: the files of .*in.jsonl had other"):
        merge([one, two, three], tmp_path / "out")


def test_shards_of_another_version_and_damaged_ones_are_refused(tmp_path):
    source = write(tmp_path / "in.jsonl", [row(i) for i in range(4)])
    (folder,) = in_shards(source, tmp_path, 1)
    about = json.loads((folder / "shard.json").read_text())
    (folder / "shard.json").write_text(json.dumps({**about, "version": "0.0"}))
    with pytest.raises(DataError, match=r"written by treadle 0.0, this is .*; run the shards again"):
        merge([folder], tmp_path / "out")
    (folder / "shard.json").write_text(json.dumps(about))
    (folder / "signatures").write_bytes(b"123")
    with pytest.raises(DataError, match=r"shard 1: the shard is damaged \(.*\); run it again with --overwrite"):
        merge([folder], tmp_path / "out")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/2/3", ""])
def test_a_shard_is_named_by_its_number_and_their_count(text):
    assert parse_shard("3/8") == (3, 8)
    with pytest.raises(DataError, match=r"expected I/N with I from 1 to N, such as 3/8"):
        parse_shard(text)


def test_standard_input_cannot_be_shared(tmp_path):
    with pytest.raises(DataError, match="--shard 1/2: standard input is read once"):
        prepare_shard("-", tmp_path / "out", ShardOf(1, 2))


def test_a_shard_is_no_input_and_no_prepared_folder(tmp_path):
    source = write(tmp_path / "in.jsonl", [row(i) for i in range(4)])
    (shard,) = in_shards(source, tmp_path / "shards", 1)
    for folder in (shard, shard.parent):
        with pytest.raises(DataError, match="treadle merge"):
            prepare(folder, tmp_path / "out")
    with pytest.raises(DataError, match="treadle merge"):
        Prepared(shard)


def test_what_was_read_how_is_counted_over_all_shards(tmp_path):
    rows = [row(i, answer=str(i)) for i in range(4)] + [row(9, verified=True)]
    source = write(tmp_path / "in.jsonl", rows)
    prepare(source, tmp_path / "one")
    merge(in_shards(source, tmp_path, 2), tmp_path / "merged")
    same(tmp_path / "one", tmp_path / "merged")
    notes = json.loads((tmp_path / "merged" / "report.json").read_text())["rows"]["notes"]
    assert notes == {COMPARED: {"right": 4}, "marked by": {"verified: right": 1}}
