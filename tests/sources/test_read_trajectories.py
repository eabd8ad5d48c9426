"""Files of every kind, column mappings, counts, and what happens with bad input."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from treadle import DropReason, ReadReport, Step, Trajectory, read_trajectories
from treadle.errors import DataError
from treadle.sources.columns import PRESETS, parse_columns
from treadle.sources.native import read_native, to_row

GOOD = {"id": "a", "problem": "1+1?", "solution": "1. **Add** 2\n2. **Say** \\boxed{2}"}
PROSE = {"id": "b", "problem": "1+1?", "solution": "It is 2."}


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_the_same_rows_from_every_kind_of_file(tmp_path):
    rows = [GOOD, {**GOOD, "id": "c"}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "a.json").write_text(json.dumps(rows))
    write_jsonl(tmp_path / "lines.json", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    expected = None
    for name in ("a.jsonl", "a.json", "lines.json", "a.parquet"):
        read = [(t.id, t.problem, t.steps, t.answer) for t in read_trajectories(tmp_path / name)]
        expected = expected or read
        assert read == expected
    assert [id for id, *_ in expected] == ["a", "c"]
    assert len(list(read_trajectories(tmp_path))) == 8


def test_a_data_set_saved_for_the_hub_loads_through_datasets(tmp_path, monkeypatch):
    """A local folder under an `owner/name` path is what `load_dataset` reads; no network is needed."""
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    Dataset.from_list([GOOD]).to_parquet(folder / "train-00000.parquet")
    from treadle.sources.rows import _hub_rows

    monkeypatch.chdir(tmp_path)
    assert [row.data["id"] for row in _hub_rows("owner/name", "train")] == ["a"]


def test_counts_add_up_and_examples_are_kept(tmp_path):
    report = ReadReport()
    rows = [GOOD, PROSE, PROSE, {**GOOD, "id": "d", "verified": False}, {**GOOD, "solution": ""}]
    kept = list(read_trajectories(write_jsonl(tmp_path / "a.jsonl", rows), report=report))
    assert [t.id for t in kept] == ["a"]
    assert (report.read, report.kept) == (5, 1)
    assert report.dropped == {
        DropReason.NO_NUMBERED_STEPS: 2,
        DropReason.MARKED_AS_FAILED: 1,
        DropReason.EMPTY_SOLUTION: 1,
    }
    assert report.read == report.kept + sum(report.dropped.values())
    assert report.examples[DropReason.NO_NUMBERED_STEPS][0][1] == "It is 2."


def test_failed_rows_are_kept_on_request_and_unmarked_rows_always(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{**GOOD, "verified": flag} for flag in (True, False, None)])
    assert [t.verified for t in read_trajectories(path)] == [True, None]
    assert [t.verified for t in read_trajectories(path, keep_unverified=True)] == [True, False, None]


def test_s1k_columns_are_recognised(tmp_path):
    row = {
        "question": "q",
        "solution": "7",
        "deepseek_attempt": "1. **A** x\n2. **B** \\boxed{7}",
        "deepseek_thinking_trajectory": "hmm",
        "deepseek_grade": "Yes",
    }
    (trajectory,) = read_trajectories(write_jsonl(tmp_path / "s1k.jsonl", [row]))
    assert (trajectory.id, trajectory.problem, trajectory.answer) == ("s1k-1", "q", "7")
    assert (trajectory.steps[0].thought, trajectory.verified) == ("hmm", True)


def test_columns_by_name(tmp_path):
    columns = parse_columns("problem=q,solution=the text,answer=a")
    row = {"q": "1+1?", "the text": GOOD["solution"], "a": "two"}
    (trajectory,) = read_trajectories(write_jsonl(tmp_path / "a.jsonl", [row]), columns=columns)
    assert trajectory.answer == "two"
    assert parse_columns("s1k-1.1") is PRESETS["s1k-1.1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problem=a", "solution missing"),
        ("problem=a,solutoin=b", "did you mean 'solution'"),
        ("s1k", "did you mean 's1k-1.1'"),
        ("problem=,solution=b", "not understood"),
    ],
)
def test_wrong_mappings_are_explained(text, message):
    with pytest.raises(DataError, match=message):
        parse_columns(text)


def test_own_form_survives_a_round_trip(tmp_path):
    trajectory = Trajectory(
        "x", "p", (Step("a", "T", "why", "saw"), Step("b")), "3", "miniature", None, {"k": [1, {"n": None}]}
    )
    assert read_native(to_row(trajectory), "here") == trajectory
    assert list(read_trajectories(write_jsonl(tmp_path / "a.jsonl", [to_row(trajectory)]))) == [trajectory]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"problem": "p", "solution": "s"}\n{"problem": \n', r"a\.jsonl, line 2: not readable as JSON"),
        ("[1]\n", r"a\.jsonl, line 1: found a JSON list, expected an object"),
        ('{"question": "p"}\n', r"line 1: no known columns; found question, expected .*problem and solution"),
        ("", r"a\.jsonl: the file holds no rows"),
        ("\n\n", r"a\.jsonl: the file holds no rows"),
        ("\xff\xfe", r"line 1: not readable"),
    ],
)
def test_bad_files_name_file_line_and_expectation(tmp_path, content, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        list(read_trajectories(path))


def test_a_column_that_disappears_is_named_with_its_line(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [GOOD, {"problem": "p", "text": "t"}])
    with pytest.raises(DataError, match=r"line 2: no known columns; found problem, text"):
        list(read_trajectories(path))
    with pytest.raises(DataError, match=r"line 2: no column 'solution'; found problem, text"):
        list(read_trajectories(path, columns=PRESETS["plain"]))


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.jsonl", "no such file or folder"), ("folder", "holds no .jsonl"), ("a.txt", "unknown kind of file")],
)
def test_missing_and_unknown_files(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=message):
        list(read_trajectories(tmp_path / name))


def test_damaged_parquet_and_json(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "a.json").write_text("[{]")
    for name in ("a.parquet", "a.json"):
        with pytest.raises(DataError, match=f"{name}: not readable"):
            list(read_trajectories(tmp_path / name))


@pytest.mark.parametrize("id", ["nobody/nothing", "simplescaling/s1K-1.1"])
def test_an_unreachable_hub_id_says_what_was_tried(id):
    with pytest.raises(DataError, match=f"{id}: neither a local file nor a data set that could be loaded"):
        list(read_trajectories(id))


def test_a_column_that_is_named_must_exist(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [GOOD])
    columns = parse_columns("problem=problem,solution=solution,verified=okk")
    with pytest.raises(DataError, match=r"line 1: no column 'okk'; found id, problem, solution"):
        list(read_trajectories(path, columns=columns))


def test_ids_made_from_files_of_the_same_name_differ(tmp_path):
    for shard in ("x", "y"):
        (tmp_path / shard).mkdir()
        write_jsonl(tmp_path / shard / "part.jsonl", [{k: v for k, v in GOOD.items() if k != "id"}])
    assert [t.id for t in read_trajectories(tmp_path)] == ["x/part-1", "y/part-1"]


def test_own_form_with_another_type_is_named():
    row = to_row(Trajectory("x", "p", (Step("a"),), None, "math", None, {}))
    with pytest.raises(DataError, match="here: column 'id' holds int 7, expected text"):
        read_native({**row, "id": 7}, "here")


def test_unknown_format():
    with pytest.raises(DataError, match="expected 'auto', 'treadle' or 'numbered'"):
        list(read_trajectories("x.jsonl", format="xml"))


def test_reading_is_lazy(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [GOOD] * 3)
    with path.open("a") as file:
        file.write("broken\n")
    rows = read_trajectories(path)
    assert next(rows).id == "a"
