"""Tasks as SWE-bench, SWE-smith and treadle write them, and what is said of rows that are none."""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.instances import are_tasks, instance_by_id, read_instances
from treadle.evaluate.swe.patches import apply_to_files, diff_of

OLD, NEW = {"m.py": "x = 1\n"}, {"m.py": "x = 2\n"}
ROW = {
    "instance_id": "o__r-1",
    "repo": "o/r",
    "base_commit": "abc",
    "problem_statement": "It is 1.",
    "patch": diff_of(OLD, NEW),
    "test_patch": "",
    "version": "1.0",
    "created_at": "2020-01-01",
    "FAIL_TO_PASS": ["t.py::a[x, 'y']"],
    "PASS_TO_PASS": ["t.py::b"],
    "hints_text": "none",
}


def saved(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def other(**values):
    return {**ROW, "instance_id": "o__r-2", **values}


def without(*names):
    return {name: value for name, value in ROW.items() if name not in names}


def test_fields_and_the_rest(tmp_path):
    (found,) = read_instances(saved(tmp_path / "a.jsonl", ROW))
    assert (found.instance_id, found.repo, found.base_commit) == ("o__r-1", "o/r", "abc")
    assert (found.problem_statement, found.patch) == ("It is 1.", ROW["patch"])
    assert (found.fail_to_pass, found.pass_to_pass) == (("t.py::a[x, 'y']",), ("t.py::b",))
    assert (found.version, found.created_at, found.bug, found.folder) == ("1.0", "2020-01-01", None, None)
    assert found.meta == {"hints_text": "none"}


@pytest.mark.parametrize(
    "tests",
    [
        ["a b", "c"],
        '["a b", "c"]',
        "['a b', 'c']",
        "a b\nc\n",
    ],
)
@pytest.mark.parametrize("key", ["FAIL_TO_PASS", "fail_to_pass"])
def test_lists_of_tests_in_the_forms_that_there_are(tmp_path, tests, key):
    (found,) = read_instances(saved(tmp_path / "a.jsonl", {**without("FAIL_TO_PASS"), key: tests}))
    assert found.fail_to_pass == ("a b", "c")


def test_every_kind_of_file_gives_the_same(tmp_path):
    rows = [ROW, other()]
    expected = read_instances(saved(tmp_path / "a.jsonl", *rows))
    assert [instance.instance_id for instance in expected] == ["o__r-1", "o__r-2"]
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.json").write_text(json.dumps({"instances": rows}, indent=1))
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    (tmp_path / "f.json").write_text(json.dumps({"train": [other(repo="x/y")], "test": rows}))
    for name in ("b.json", "c.json", "d.jsonl.gz", "e.parquet", "f.json"):
        assert read_instances(tmp_path / name) == expected, name
    (tmp_path / "g.json").write_text(json.dumps(ROW, indent=1))
    assert read_instances(tmp_path / "g.json") == expected[:1]
    assert read_instances(tmp_path / "f.json", "train")[0].repo == "x/y"


def test_dates_of_tables_are_texts(tmp_path):
    rows = [{**ROW, "created_at": datetime.datetime(2020, 1, 2, 3, 4, 5)}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_instances(tmp_path / "a.parquet")[0].created_at == "2020-01-02T03:04:05"


def test_of_swe_smith_the_patch_is_the_bug_and_gold_its_reverse(tmp_path):
    row = without("base_commit", "test_patch", "version", "created_at") | {
        "repo": "swesmith/oauthlib__oauthlib.1fd52536",
        "image_name": "x",
    }
    (found,) = read_instances(saved(tmp_path / "a.jsonl", row))
    assert (found.repo, found.base_commit) == ("oauthlib/oauthlib", "1fd52536")
    assert found.bug == ROW["patch"]
    assert apply_to_files(NEW, found.patch).files == OLD
    assert found.meta["mirror"] == "swesmith/oauthlib__oauthlib.1fd52536"


def test_of_swe_smith_a_commit_of_its_mirror_is_not_the_base(tmp_path):
    row = without("test_patch", "version", "created_at") | {"repo": "swesmith/oauthlib__oauthlib.1fd52536"}
    (found,) = read_instances(saved(tmp_path / "a.jsonl", row))
    assert (found.repo, found.base_commit, found.of_release) == ("oauthlib/oauthlib", "1fd52536", False)


def test_made_tasks_know_their_folder_and_their_split(tmp_path):
    rows = [{**ROW, "bug": "x", "split": "train"}, other(bug="y", split="test")]
    saved(tmp_path / "instances.jsonl", *rows)
    (tmp_path / "tasks.json").write_text("{}")
    assert [instance.folder for instance in read_instances(tmp_path)] == [tmp_path, tmp_path]
    assert [instance.instance_id for instance in read_instances(tmp_path / "instances.jsonl", "test")] == ["o__r-2"]
    with pytest.raises(DataError, match="no task of split 'dev', found test, train"):
        read_instances(tmp_path, "dev")


def test_a_file_of_some_made_tasks_finds_the_releases_beside_it(tmp_path):
    file = saved(tmp_path / "band.jsonl", {**ROW, "bug": "x"})
    assert read_instances(file)[0].folder is None
    (tmp_path / "sources").mkdir()
    assert read_instances(file)[0].folder == tmp_path


def test_tasks_are_told_from_problems_by_their_rows(tmp_path):
    assert are_tasks(saved(tmp_path / "tasks.jsonl", ROW))
    assert not are_tasks(saved(tmp_path / "problems.jsonl", {"problem": "What is 1+1?", "answer": "2"}))
    assert not are_tasks(saved(tmp_path / "empty.jsonl"))
    assert not are_tasks(tmp_path / "nothing.jsonl")
    (tmp_path / "made").mkdir()
    assert are_tasks(saved(tmp_path / "made/instances.jsonl", ROW).parent)


def test_a_split_is_refused_where_there_is_none(tmp_path):
    path = saved(tmp_path / "a.jsonl", ROW)
    for place in (path, tmp_path):
        with pytest.raises(DataError, match=r"--split test, and no row of it names a split; leave --split out$"):
            read_instances(place, "test")
    (tmp_path / "b").mkdir()
    several = tmp_path / "b/several.json"
    several.write_text(json.dumps({"test": [ROW], "dev": [other()]}))
    assert [one.instance_id for one in read_instances(several, "dev")] == ["o__r-2"]
    with pytest.raises(DataError, match="dev"):
        read_instances(several, "train")


BAD = [
    (without("FAIL_TO_PASS"), "FAIL_TO_PASS: missing, expected a list of tests"),
    (other(FAIL_TO_PASS=[]), "FAIL_TO_PASS: an empty list"),
    (without("PASS_TO_PASS"), "PASS_TO_PASS: missing"),
    (other(PASS_TO_PASS=[1]), "PASS_TO_PASS: found '1' among the tests"),
    (other(PASS_TO_PASS="{'a': 1}"), "PASS_TO_PASS: found"),
    (other(PASS_TO_PASS=7), "PASS_TO_PASS: found '7', expected a list of tests"),
    (other(problem_statement=3), "problem_statement: found int '3', expected a text"),
    (other(version=3.1), "version: found float '3.1', expected a text"),
    (other(patch=" "), "patch: empty"),
    (without("instance_id"), "instance_id: missing, expected a text; the row has repo"),
    (other(base_commit=None), "base_commit: missing"),
    (without("base_commit", "test_patch"), "base_commit: missing, and repo 'o/r' names no commit as SWE-smith's do"),
    (
        without("base_commit", "test_patch") | {"repo": "swesmith/a__b.1", "patch": "none"},
        "patch: a patch that cannot be reversed: no diff",
    ),
    ({**ROW, "repo": "other/r"}, "instance_id: 'o__r-1' is that of"),
]


@pytest.mark.parametrize(("row", "said"), BAD)
def test_what_is_no_task_is_named_by_file_row_and_key(tmp_path, row, said):
    path = saved(tmp_path / "a.jsonl", ROW, row)
    with pytest.raises(DataError) as error:
        read_instances(path)
    assert str(error.value).startswith(f"{path}, line 2: {said}")
    assert "\n" not in str(error.value)


def test_a_set_with_bad_rows_is_refused_with_their_number(tmp_path):
    rows = [ROW, other(version=1), {**other(), "instance_id": 3}]
    with pytest.raises(DataError, match=r"line 2: version: .* \(2 such rows of 3\)"):
        read_instances(saved(tmp_path / "a.jsonl", *rows))
    (tmp_path / "b.jsonl").write_text(json.dumps(ROW) + "\n{cut off\n")
    with pytest.raises(DataError, match=r"line 2: .*every task must be readable"):
        read_instances(tmp_path / "b.jsonl")
    with pytest.raises(DataError, match="no such file or folder"):
        read_instances(tmp_path / "none.jsonl")


def test_a_row_that_stands_twice_is_one_task(tmp_path):
    found = read_instances(saved(tmp_path / "a.jsonl", ROW, other(), ROW))
    assert [instance.instance_id for instance in found] == ["o__r-1", "o__r-2"]
    assert found[0].meta["repeated"] == 1


def test_one_is_found_by_its_id(tmp_path):
    found = read_instances(saved(tmp_path / "a.jsonl", ROW, other()))
    assert instance_by_id(found, "o__r-2") is found[1]
    with pytest.raises(DataError, match=r"no task 'o__r2' among the 2 of the set; did you mean o__r-2\?"):
        instance_by_id(found, "o__r2")


def test_real_sets_are_read_and_their_patches_are_as_git_writes_them(data):
    sizes = {}
    for path in sorted((data / "instances").glob("*.json")):
        found = read_instances(path)
        sizes[path.name] = len(found)
        for instance in found:
            for patch in (instance.patch, instance.test_patch):
                before = before_of(patch)
                there = apply_to_files(before, patch)
                assert (there.fault, there.reason) == ("", "")
                assert there.rung in ("exact", "unanchored", "offset")
    assert sizes == {
        "debug_20240322.json": 5,
        "swe-bench-dev-easy.json": 4,
        "swe-bench-dev-easy_first_only.json": 1,
        "swe-bench-lite-test.json": 5,
    }


def before_of(patch):
    """Files that have the old lines of a patch at their places, and lines of no meaning between them."""
    files, lines, path = {}, [], ""
    for line in patch.split("\n"):
        if line.startswith("--- a/"):
            path = line[6:]
            lines = files[path] = []
        elif line.startswith("--- /dev/null"):
            lines = []
        elif line.startswith("@@"):
            start = int(line.split("-")[1].split(",")[0].split(" ")[0])
            lines += [f"filler {k}" for k in range(len(lines) + 1, start)]
        elif line[:1] in (" ", "-") and not line.startswith("--- "):
            lines.append(line[1:])
    return {path: "".join(f"{line}\n" for line in lines) for path, lines in files.items()}


def test_nothing_heavy_is_imported():
    modules = "instances, predictions, patches, edits"
    heavy = "torch", "transformers", "datasets", "trl"
    code = f"import sys; from treadle.evaluate.swe import {modules}; sys.exit(any(m in sys.modules for m in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
