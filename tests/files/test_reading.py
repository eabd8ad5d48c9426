"""Every kind of file, packed or not; folders; standard input; and files that cannot be read."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zlib
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from treadle.errors import DataError
from treadle.files.chunks import iter_chunks
from treadle.files.inputs import input_files
from treadle.files.reading import rows_of
from treadle.files.rows import Row

ROWS = [{"id": str(i), "text": f"row {i} ß\u0000"} for i in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(path, **settings):
    """Rows and rejections of a path, in order."""
    return [row for chunk in iter_chunks(path, **settings) for row in rows_of(chunk)]


def good(path, **settings):
    return [row.data for row in read(path, **settings) if isinstance(row, Row)]


def bad(path, **settings):
    return [(where, r.reason, r.detail) for where, r in (x for x in read(path, **settings) if not isinstance(x, Row))]


def contents():
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), parquet)
    return {
        "lines.jsonl": LINES,
        "array.json": json.dumps(ROWS).encode(),
        "pretty.json": json.dumps(ROWS, indent=2).encode(),
        "documents.json": b"\n".join(json.dumps(row, indent=1).encode() for row in ROWS),
        "bom.jsonl": b"\xef\xbb\xbf" + LINES,
        "blank.jsonl": b"\n\n" + LINES.replace(b"\n", b"\r\n\r\n"),
        "no_end.jsonl": LINES.rstrip(b"\n"),
        "table.parquet": parquet.getvalue(),
    }


@pytest.mark.parametrize("name", contents())
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_a_file_is_is_told_by_its_content_not_its_name(tmp_path, name, pack):
    path = tmp_path / "some.jsonl"
    path.write_bytes(pack(contents()[name]))
    assert good(path) == ROWS
    assert bad(path) == []


def test_zstd_in_one_frame_in_several_and_cut_off(tmp_path):
    for name, content in contents().items():
        path = tmp_path / f"{name}.zst"
        pa_file = pa.OSFile(str(path), "wb")
        with pa.CompressedOutputStream(pa_file, "zstd") as stream:
            stream.write(content)
        assert good(path) == ROWS
    one = (tmp_path / "lines.jsonl.zst").read_bytes()
    (tmp_path / "two.jsonl.zst").write_bytes(one + one)
    assert good(tmp_path / "two.jsonl.zst") == ROWS + ROWS
    (tmp_path / "cut.jsonl.zst").write_bytes(one[: len(one) // 2])
    assert [reason for _, reason, _ in bad(tmp_path / "cut.jsonl.zst")] == ["unreadable_file"]


@pytest.mark.parametrize("cut", [10, 2000, 40_000, 100_000])
def test_a_gzip_file_that_is_cut_off_gives_every_whole_line_and_one_rejection(tmp_path, cut):
    lines = "".join(json.dumps({"id": i, "text": str(i * 7919 % 10007) * 20}) + "\n" for i in range(20_000)).encode()
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-cut])
    whole = zlib.decompressobj(31).decompress(path.read_bytes()).count(b"\n")
    rows = read(path)
    assert [row.data["id"] for row in rows[:-1]] == list(range(whole))
    where, rejected = rows[-1]
    assert where.startswith(str(path))
    assert rejected.reason == "unreadable_file"


def test_a_bare_list_of_messages_or_events_is_one_row(tmp_path):
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    events = [{"id": 0, "source": "user", "action": "message"}]
    for name, content, column in (("m", messages, "messages"), ("e", events, "history"), ("p", [events], "history")):
        for indent in (None, 2):
            (tmp_path / f"{name}.json").write_text(json.dumps(content, indent=indent))
            assert good(tmp_path / f"{name}.json") == [{column: content}]
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps(messages) + "\n" + json.dumps(messages) + "\n")
    assert good(lines) == [{"messages": messages}] * 2


def test_rows_beyond_the_limit_are_skipped_with_their_size(tmp_path):
    big = {"id": "big", "text": "x" * 3_000_000}
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in (ROWS[0], big, ROWS[1])))
    assert good(lines, max_row_mb=1) == [ROWS[0], ROWS[1]]
    ((where, reason, detail),) = bad(lines, max_row_mb=1)
    assert (where, reason) == (f"{lines}, line 2", "row_too_large")
    assert detail == "3.0 MB, the limit is 1 MB"
    table = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([ROWS[0], big, ROWS[1]]), table)
    assert good(table, max_row_mb=1) == [ROWS[0], ROWS[1]]
    assert [reason for _, reason, _ in bad(table, max_row_mb=1)] == ["row_too_large"]
    array = tmp_path / "a.json"
    array.write_text(json.dumps([ROWS[0], big, ROWS[1]]))
    assert good(array, max_row_mb=1) == [ROWS[0]]
    assert [reason for _, reason, _ in bad(array, max_row_mb=1)] == ["row_too_large"]
    assert len(good(array)) == len(good(lines)) == len(good(table)) == 3


@pytest.mark.parametrize(
    ("content", "kept", "reasons"),
    [
        (b"", 0, ["unreadable_file"]),
        (b"\n \n", 0, ["unreadable_file"]),
        (b"[]", 0, ["unreadable_file"]),
        (b"PAR1 no", 0, ["unreadable_file"]),
        (b"[{]", 0, ["unreadable_json"]),
        (b'[{"id": 1}, {"id": 2}', 2, ["unreadable_json"]),
        (b'[{"id": 1}, {"id": 2', 1, ["unreadable_json"]),
        (b'[{"id": 1}, {"id": "\xff"}, {"id": 3}]', 2, ["unreadable_json"]),
        (b'{"id": 1,\n "x": 2}\n{"id": \n', 1, ["unreadable_json"]),
        (b'{"id": \n{"id": 2}\n', 1, ["unreadable_json"]),
        (b"\x00\x01\x02\n\x03", 0, ["unreadable_json", "unreadable_json"]),
        (b"\xff\xfe\n", 0, ["unreadable_file"]),
    ],
)
def test_damaged_files_give_what_can_be_read_and_say_what_cannot(tmp_path, content, kept, reasons):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert len(good(path)) == kept
    assert [reason for _, reason, _ in bad(path)] == reasons


def test_a_folder_counts_what_it_does_not_open_and_survives_links_in_a_circle(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "b.jsonl").write_bytes(LINES)
    (tmp_path / "a.TRAJ").write_text(json.dumps(ROWS[0], indent=2))
    (tmp_path / "notes.md").write_text("x")
    (inner / "circle").symlink_to(tmp_path, target_is_directory=True)
    (inner / "again.jsonl").symlink_to(inner / "b.jsonl")
    (inner / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    skipped = Counter()
    chunks = list(iter_chunks(tmp_path, skipped=skipped))
    assert [c.source for c in chunks] == ["a", "inner/again", "inner/b"]
    assert skipped == {
        "kind of file not read: .md": 1,
        "folder reached twice through links": 1,
        "link to nothing": 1,
    }
    assert input_files(tmp_path) == [tmp_path / "a.TRAJ", inner / "again.jsonl", inner / "b.jsonl"]


def test_standard_input_of_any_kind(tmp_path):
    script = (
        "from treadle.files.chunks import iter_chunks\nfrom treadle.files.reading import rows_of\n"
        "print([r.data['id'] for c in iter_chunks('-') for r in rows_of(c)])"
    )
    for content in (LINES, gzip.compress(LINES), contents()["table.parquet"], contents()["pretty.json"]):
        run = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
        assert run.stdout.decode().strip() == str([row["id"] for row in ROWS])


def test_a_data_set_saved_for_the_hub_loads_through_datasets(tmp_path, monkeypatch):
    """A local folder under an `owner/name` path is what `load_dataset` reads; no network is needed."""
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    Dataset.from_list([{"id": "a"}]).to_parquet(folder / "train-00000.parquet")
    from treadle.files.chunks import _hub_chunks

    monkeypatch.chdir(tmp_path)
    assert [row.data for chunk in _hub_chunks("owner/name", "train") for row in rows_of(chunk)] == [{"id": "a"}]


@pytest.mark.parametrize(
    ("name", "message"), [("missing.jsonl", "no such file or folder"), ("folder", "the folder holds no .jsonl")]
)
def test_missing_files_and_empty_folders(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("id", ["nobody/nothing", "simplescaling/s1K-1.1"])
def test_an_unreachable_hub_id_says_what_was_tried(id):
    with pytest.raises(DataError, match=f"{id}: neither a local file nor a data set that could be loaded"):
        read(id)


def test_chunks_hold_about_a_megabyte(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"id": i, "text": "y" * 50_000}) + "\n" for i in range(100)))
    sizes = [len(chunk.rows) for chunk in iter_chunks(path)]
    assert sum(sizes) == 100
    assert max(sizes) <= 22
