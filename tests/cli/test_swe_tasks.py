"""`treadle swe tasks` as a user meets it."""

from __future__ import annotations

import sys

import pytest

from tests.evaluate.swe.tasks.conftest import TEST_WORDS, WORDS, write_sdist
from treadle.cli.swe_tasks import _said
from treadle.evaluate.swe.sandbox import why_not


def test_tasks_and_their_experts(treadle, tmp_path):
    files = {"tinywords/core.py": WORDS, "tinywords/__init__.py": "", "tests/test_words.py": TEST_WORDS}
    archive = write_sdist(tmp_path, "tinywords", "0.2", files)
    out, experts = tmp_path / "tasks", tmp_path / "experts.jsonl"
    command = ["swe", "tasks", archive, "-n", 1, "-o", out, "--trajectories", experts, "--python", sys.prefix]
    code, said, _ = treadle(*command, *(["--unsafe-local"] if why_not() else []))
    lines = said.splitlines()
    assert code == 0
    assert lines[0].startswith("tinywords==0.2: 3 tests pass; ")
    assert lines[1].startswith("tinywords==0.2: 1 task (train) of ")
    assert lines[2].startswith("1 task in ")
    assert lines[3] == f"1 trajectory in {experts}"
    assert lines[4] == f"written to {out}; look whether they hold with `treadle swe validate {out}`"
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "experts.jsonl",
        "tasks",
        "tinywords-0.2.tar.gz",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["toolz"], "toolz: expected NAME==VERSION, such as toolz==1.0.0, or a source archive (.tar.gz)"),
        (["nowhere-1.tar.gz"], "nowhere-1.tar.gz: no such file; expected a source distribution, or NAME==VERSION"),
        (["toolz==1", "--python", "/nowhere"], "--python /nowhere: no bin/python in it"),
    ],
)
def test_faults_are_one_line(treadle, arguments, said, tmp_path):
    code, _, err = treadle("swe", "tasks", *arguments, "-o", tmp_path / "tasks")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_fewer_than_asked_for_are_told_with_the_reason():
    one = {"made": 2, "tried": 9, "split": "train", "short": "all its bugs were tried", "dropped": {"survived": 7}}
    lines = _said({"made": 2, "asked": 5, "seconds": 3.2, "releases": {"p==1": one}})
    assert lines == [
        "p==1: 2 tasks (train) of 9 bugs; 7 dropped (no test fails)",
        "2 tasks in 3 s",
        "3 fewer than asked for: p==1: all its bugs were tried",
    ]


def test_a_command_is_put_right_after_one_that_tried_nothing(treadle, tmp_path):
    out = tmp_path / "tasks"
    for name in ("nowhere-1.tar.gz", "elsewhere-1.tar.gz"):
        code, _, err = treadle("swe", "tasks", name, "-o", out, "--python", sys.prefix)
        assert code == 2
        assert f"{name}: no such file" in err
    code, _, err = treadle("swe", "validate", out, *(["--unsafe-local"] if why_not() else []))
    assert code == 2
    assert "tasks that are not finished (journal.jsonl, no instances.jsonl); run its treadle swe tasks again" in err
