"""Arrow files and the folders that `datasets` saves; files of kinds that are not read."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import zipfile
from collections import Counter

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from tests.files.test_reading import bad, good
from treadle.errors import DataError
from treadle.files.chunks import iter_chunks
from treadle.files.inputs import input_files

ROWS = [{"id": str(i), "steps": [{"action": f"ä{i}"}], "note": None if i else "x"} for i in range(5)]
TABLE = pa.Table.from_pylist(ROWS)


def stream(table=TABLE):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def feather(**settings):
    sink = io.BytesIO()
    pyarrow.feather.write_feather(TABLE, sink, **settings)
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [stream(), feather(), feather(compression="uncompressed"), feather(chunksize=2)],
    ids=["stream", "feather", "uncompressed", "in chunks"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_arrow_streams_and_files(tmp_path, content, pack):
    path = tmp_path / "a.arrow"
    path.write_bytes(pack(content))
    assert good(path) == ROWS
    assert bad(path) == []


def test_a_batch_of_any_size_is_cut_into_chunks(tmp_path):
    rows = [{"id": str(i), "text": "x" * 5000} for i in range(1000)]
    path = tmp_path / "a.arrow"
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    chunks = list(iter_chunks(path))
    assert max(chunk.rows.num_rows for chunk in chunks) <= 220
    assert [chunk.first for chunk in chunks][:2] == [1, chunks[0].rows.num_rows + 1]
    assert good(path) == rows
    big = [*rows[:2], {"id": "big", "text": "x" * 3_000_000}]
    path.write_bytes(stream(pa.Table.from_pylist(big)))
    assert good(path, max_row_mb=1) == rows[:2]
    assert [reason for _, reason, _ in bad(path, max_row_mb=1)] == ["row_too_large"]


@pytest.mark.parametrize("content", [stream()[:200], feather()[:-40], b"ARROW1\0\0"])
def test_damaged_arrow_files(tmp_path, content):
    path = tmp_path / "a.arrow"
    path.write_bytes(content)
    assert [reason for _, reason, _ in bad(path)] == ["unreadable_file"]


def test_a_saved_data_set_is_read_in_its_order(tmp_path):
    Dataset.from_list(ROWS).select([4, 0, 2]).save_to_disk(tmp_path / "saved", num_shards=2)
    assert good(tmp_path / "saved") == [ROWS[4], ROWS[0], ROWS[2]]
    assert good(tmp_path) == good(tmp_path / "saved")
    assert [file.suffix for file in input_files(tmp_path)] == [".arrow", ".arrow"]


def test_of_a_saved_data_set_with_splits_one_is_read(tmp_path):
    folder = tmp_path / "saved"
    DatasetDict(train=Dataset.from_list(ROWS), test=Dataset.from_list(ROWS[:1])).save_to_disk(folder)
    skipped = Counter()
    assert sum(chunk.rows.num_rows for chunk in iter_chunks(folder, skipped=skipped)) == 5
    assert skipped == {"split that --split does not name: test": 1}
    assert good(folder, split="test") == ROWS[:1]
    with pytest.raises(DataError, match=r"with the splits train, test, and none is named 'dev'; choose one with"):
        good(folder, split="dev")
    next((folder / "train").glob("*.arrow")).unlink()
    with pytest.raises(DataError, match=r"its state.json names data-.*, which is not there; copy the whole folder"):
        good(folder)


def test_descriptions_and_caches_beside_arrow_files_are_counted(tmp_path):
    (tmp_path / "set-train.arrow").write_bytes(stream())
    (tmp_path / "cache-0a1b.arrow").write_bytes(stream())
    (tmp_path / "dataset_info.json").write_text("{}")
    skipped = Counter()
    assert [chunk.source for chunk in iter_chunks(tmp_path, skipped=skipped)] == ["set-train"] * 3
    assert skipped == {"description or cache of a data set": 2}


def test_kinds_that_are_not_read_are_named_with_what_to_do(tmp_path):
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as made:
        made.writestr("a.jsonl", "{}")
    with tarfile.open(fileobj=tarred, mode="w:gz") as made:
        made.addfile(tarfile.TarInfo("a.jsonl"))
    for content, what in (
        (zipped.getvalue(), "a zip archive or an Excel workbook, which is not read: unpack it"),
        (tarred.getvalue(), "a tar archive, which is not read: unpack it and name the folder"),
        (pickle.dumps(ROWS * 9), "a Python pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"SQLite format 3\0....", "an SQLite database"),
    ):
        path = tmp_path / "a.jsonl"
        path.write_bytes(content)
        ((_, reason, detail),) = bad(path)
        assert reason == "unreadable_file"
        assert what in detail


def test_parquet_without_rows_says_so(tmp_path):
    pq.write_table(TABLE.slice(0, 0), tmp_path / "a.parquet")
    assert [detail for _, _, detail in bad(tmp_path / "a.parquet")] == ["the file holds no rows"]
