"""`treadle teach solve` and `select` of software-engineering tasks: what they take, and what is refused in one line."""

from __future__ import annotations

import json
import sys

import pytest

from tests.evaluate.swe.scripted import playing, write_tasks
from treadle.evaluate.swe.sandbox import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def tasks(tmp_path):
    return write_tasks(tmp_path / "tasks", ("thinking",))


def command(what, source, out, server, *more):
    url = server if isinstance(server, str) else server.url
    end = ("--backend", "openai", "--base-url", url, "--retries", 0, "--python", sys.prefix)
    return "teach", what, source, "-o", out, "--model", "tiny", *end, "--cache", out.parent / "cache", *more


def test_tasks_are_recognised_validated_solved_and_prepared(treadle, tasks, tmp_path):
    out = tmp_path / "out"
    with playing() as server:
        code, said, error = treadle(*command("solve", tasks, out, server, "-n", 1, "--max-steps", 6))
    assert code == 0, error
    assert f"{tasks}: software-engineering tasks, 1 of 1 given" in said
    assert "1 of 1 tasks have not been validated; their gold patches are run first" in said
    assert "samples 1 = kept 1 + rejected 0 + failed 0 + not asked 0" in said
    assert f"go on with `treadle prepare {out} -o DATA`" in said
    code, said, _ = treadle("prepare", out, "-o", tmp_path / "data", "--held-out", 0)
    assert code == 0, said
    assert "| solve by tiny | 1 |" in said


def test_an_empty_band_is_one_line(treadle, tasks, tmp_path):
    more = ("-k", 1, "--max-steps", 1, "--no-validate", "--band", "learnable")
    with playing() as server:
        code, _, error = treadle(*command("select", tasks, tmp_path / "out", server, *more))
    assert (code, len(error.strip().splitlines())) == (2, 1), error
    assert "no problem is in the band 'learnable'" in error
    assert "0 easy, 1 unsolved" in error
    assert json.loads((tmp_path / "out/rates.jsonl").read_text())["right"] == 0


OF_PROBLEMS = "and this is an option of problems of mathematics; leave it out"


@pytest.mark.parametrize(
    ("what", "more", "said"),
    [
        ("solve", ("--min-steps", 3), f"--min-steps: TASKS holds software-engineering tasks, {OF_PROBLEMS}"),
        ("solve", ("--agreement", 0.5), "--agreement: TASKS holds"),
        ("solve", ("--unverified",), "--unverified: TASKS holds"),
        ("solve", ("--max-new-tokens", 9), "give --max-step-tokens"),
        ("solve", ("--budget", 1), "no count of the tokens that are sent"),
        ("solve", ("--temperature", 0, "-n", 2), "2 samples with --temperature 0"),
        ("solve", ("--near-threshold", 0.1), "--near-threshold 0.1"),
        ("solve", ("--split", "train"), "--split train, and no row of it names a split"),
        ("solve", ("--gpus", 2), "--gpus is no option of --backend openai"),
        ("select", ("--mode", "loop"), "--mode: TASKS holds"),
        ("select", ("--grader", "treadle"), "--grader: TASKS holds"),
        ("select", ("--band", "medium"), "--band"),
    ],
)
def test_what_means_nothing_for_tasks_is_refused_by_name(treadle, tasks, tmp_path, what, more, said):
    code, _, error = treadle(*command(what, tasks, tmp_path / "out", "http://127.0.0.1:9/v1", *more))
    assert (code, len(error.strip().splitlines())) == (2, 1), error
    assert said.replace("TASKS", str(tasks)) in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["solve", "select"])
def test_options_of_tasks_are_refused_for_problems(treadle, tmp_path, what):
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"problem": "What is 3+4?", "answer": "7"}\n')
    words = ("teach", what, problems, "-o", tmp_path / "out", "--model", "tiny", "--mirrors", tmp_path)
    code, _, error = treadle(*words)
    assert (code, len(error.strip().splitlines())) == (2, 1), error
    assert f"--mirrors: {problems} holds problems, and this is an option of software-engineering tasks" in error


def test_tasks_of_a_repository_need_its_clone(treadle, tmp_path):
    row = {"instance_id": "a__b-1", "repo": "a/b", "base_commit": "f" * 40, "problem_statement": "It is wrong."}
    row |= {"patch": "x", "test_patch": "y", "version": "1", "FAIL_TO_PASS": ["t"], "PASS_TO_PASS": []}
    file = tmp_path / "issues.jsonl"
    file.write_text(json.dumps(row) + "\n")
    code, _, error = treadle(*command("solve", file, tmp_path / "out", "http://127.0.0.1:9/v1"))
    assert (code, len(error.strip().splitlines())) == (2, 1), error
    assert "git clone --bare https://github.com/a/b MIRRORS/a__b, and give --mirrors MIRRORS" in error
    assert not (tmp_path / "out").exists()
