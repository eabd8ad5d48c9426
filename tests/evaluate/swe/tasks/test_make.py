"""Tasks from packages: what is written, that tests tell each bug, and that a stopped command makes the same tasks."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.tasks import make
from treadle.evaluate.swe.tasks.make import make_tasks
from treadle.evaluate.swe.tasks.trials import Bench

from .conftest import SUMS, WORDS, write_sdist

SOURCE = {"tinysums": ("tinysums.py", SUMS), "tinywords": ("src/tinywords/core.py", WORDS)}


@dataclass
class Tasks:
    folder: Path
    said: list[str]

    @property
    def rows(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "instances.jsonl").read_text().splitlines()]

    @property
    def summary(self) -> dict:
        return json.loads((self.folder / "tasks.json").read_text())


@pytest.fixture(scope="module")
def tasks(archives, environment, unsafe_local, tmp_path_factory) -> Tasks:
    out, said = tmp_path_factory.mktemp("made") / "tasks", []
    make_tasks(archives, 4, out, lambda _: environment, unsafe_local=unsafe_local, said=said.append)
    return Tasks(out, said)


def test_the_tasks_are_even_over_the_packages(tasks):
    assert [row["repo"] for row in tasks.rows] == ["tinysums", "tinysums", "tinywords", "tinywords"]
    assert len({row["instance_id"] for row in tasks.rows}) == 4
    assert sorted({(row["repo"], row["split"]) for row in tasks.rows}) in (
        [("tinysums", "test"), ("tinywords", "train")],
        [("tinysums", "train"), ("tinywords", "test")],
    )
    assert {row["base_commit"] for row in tasks.rows} == {"tinysums==1.0", "tinywords==0.2"}
    assert {row["created_at"] for row in tasks.rows} == {"2023-11-14"}


def test_bug_and_patch_are_each_other_undone_by_git(tasks, tmp_path):
    for row in tasks.rows:
        name, text = SOURCE[row["repo"]]
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for diff in ("bug", "patch"):
            subprocess.run(["git", "apply", "-"], input=row[diff], text=True, cwd=tmp_path, check=True)
            assert (file.read_text() == text) == (diff == "patch")


def test_the_tests_that_tell_are_named_as_pytest_names_them(tasks):
    names = {
        "tinysums": {
            "tests/test_sums.py::test_total[two numbers]",
            "tests/test_sums.py::test_total[one]",
            "tests/test_sums.py::test_total_from_start",
            "tests/test_sums.py::test_largest_of_none",
            "tests/test_sums.py::test_largest",
            "tests/test_sums.py::test_clamp",
        },
        "tinywords": {f"tests/test_words.py::WordsTest::test_{name}" for name in ("first", "joined", "longest")},
    }
    for row in tasks.rows:
        assert row["FAIL_TO_PASS"]
        assert not set(row["FAIL_TO_PASS"]) & set(row["PASS_TO_PASS"])
        assert set(row["FAIL_TO_PASS"]) | set(row["PASS_TO_PASS"]) == names[row["repo"]]


def test_the_issue_says_what_goes_wrong_and_not_what_was_changed(tasks):
    for row in tasks.rows:
        issue = row["problem_statement"]
        assert row["repo"] in issue
        changed = [
            line[1:].strip() for line in row["bug"].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        assert changed
        assert not [line for line in changed if len(line) > 12 and line in issue]
        assert "{{" not in issue
        assert "\n\n\n" not in issue


def test_the_folder_says_what_was_made_of_what(tasks):
    summary = tasks.summary
    assert (summary["asked"], summary["made"], summary["packages"]) == (
        4,
        4,
        ["tinysums-1.0.tar.gz", "tinywords-0.2.tar.gz"],
    )
    sums = summary["releases"]["tinysums==1.0"]
    assert (sums["tests"], sums["tests_left_out"]) == (6, {"failed": 1})
    assert sums["tried"] == sums["made"] + sum(sums["dropped"].values())
    assert tasks.said[0].startswith("tinysums==1.0: 6 tests pass, 1 failed; ")
    assert sorted(path.name for path in (tasks.folder / "sources").iterdir()) == summary["packages"]


def test_the_instances_are_read_back(tasks):
    found = read_instances(tasks.folder)
    assert [each.instance_id for each in found] == [row["instance_id"] for row in tasks.rows]
    assert {each.folder for each in found} == {tasks.folder}
    assert all(each.bug and each.meta["kind"] for each in found)


def test_a_stopped_command_goes_on_to_the_same_tasks(tasks, archives, environment, unsafe_local, tmp_path, monkeypatch):
    out = tmp_path / "tasks"
    shutil.copytree(tasks.folder, out)
    for name in ("instances.jsonl", "tasks.json"):
        (out / name).unlink()
    lines = (out / "journal.jsonl").read_text().splitlines(keepends=True)
    (out / "journal.jsonl").write_text("".join(lines[:-1]) + lines[-1][:20])  # as a kill leaves it
    tried = []
    first = Bench._try
    monkeypatch.setattr(Bench, "_try", lambda *given: tried.append(given) or first(*given))
    again = make_tasks(archives, 4, out, lambda _: environment, unsafe_local=unsafe_local, said=lambda _: None)
    assert len(tried) == 1
    assert again.instances == tasks.rows


def test_more_tasks_begin_with_the_same(tasks, archives, environment, unsafe_local, tmp_path, monkeypatch):
    out = tmp_path / "tasks"
    shutil.copytree(tasks.folder, out)
    monkeypatch.setattr(Bench, "_try", lambda *_: {"dropped": "survived"})
    made = make_tasks(archives, 5, out, lambda _: environment, unsafe_local=unsafe_local, said=lambda _: None)
    assert made.instances == tasks.rows
    assert made.summary["releases"]["tinysums==1.0"]["short"] == "all its bugs were tried"


def test_another_command_does_not_write_there(tasks, archives, environment):
    with pytest.raises(OutputError, match=r"holds tasks of another command .* or replace them with --overwrite"):
        make_tasks(archives, 4, tasks.folder, lambda _: environment, seed=1)


def test_a_folder_of_others_is_not_touched(archives, environment, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is there already and holds no journal.jsonl"):
        make_tasks(archives, 4, tmp_path, lambda _: environment)
    with pytest.raises(OutputError, match=r"so it is no folder of tasks"):
        make_tasks(archives, 4, tmp_path, lambda _: environment, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_package_named_twice(archives, environment, tmp_path):
    with pytest.raises(DataError, match=r"tinysums==1.0 is named twice"):
        make_tasks([archives[0]] * 2, 4, tmp_path / "tasks", lambda _: environment)


def test_a_package_whose_tests_never_pass(environment, unsafe_local, tmp_path):
    files = {"bad.py": "def f():\n    return 1\n", "test_bad.py": "import nowhere\n\ndef test_f():\n    pass\n"}
    archive = write_sdist(tmp_path, "bad", "1", files)
    with pytest.raises(DataError, match=r"bad==1: (its tests do not run|none of its)"):
        make_tasks([str(archive)], 1, tmp_path / "tasks", lambda _: environment, unsafe_local=unsafe_local)


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (2, 1), (3, 1), (8, 2)])
def test_every_fourth_package_is_held_out(count, held_out):
    from treadle.evaluate.swe.tasks.releases import Release

    releases = [Release(f"p{k}", "1", Path("x"), "", (), (), ()) for k in range(count)]
    splits = make._splits(releases, 0)
    assert list(splits.values()).count("test") == held_out
    assert make._splits(releases[::-1], 0) == splits
