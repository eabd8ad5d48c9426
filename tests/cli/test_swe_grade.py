"""`treadle swe validate` and `treadle swe grade` from the command line, on two made tasks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.evaluate.swe import tiny
from treadle.evaluate.swe.predictions import write_predictions
from treadle.evaluate.swe.sandbox import why_not
from treadle.extras import install

SANDBOX = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
PYTHON = ("--python", sys.prefix)


@pytest.fixture
def tasks(tmp_path):
    return tiny.make(tmp_path / "tasks")


def handed_in(tmp_path, *predictions):
    write_predictions(tmp_path / "predictions.jsonl", predictions)
    return tmp_path / "predictions.jsonl"


@SANDBOX
def test_tasks_are_validated_and_predictions_graded(treadle, tmp_path, tasks):
    rows = [json.loads(row) for row in (tasks / "instances.jsonl").read_text().splitlines()]
    rows[1]["patch"] = rows[1]["patch"].replace("range(b)", "range(b + 1)")
    (tasks / "instances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, err = treadle("swe", "validate", tasks, *PYTHON)
    assert code == 1, err
    assert "does not validate: calc-times: gold patch: 1 of 1 FAIL_TO_PASS not passed" in out
    assert "1 of 2 tasks validate" in out
    given = handed_in(tmp_path, tiny.prediction("add", rows[0]["patch"]), tiny.prediction("times", "x"))
    code, out, err = treadle("swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", *PYTHON)
    assert code == 0, err
    assert "left out: calc-times: gold patch" in out
    assert "resolved 1 of 1: 100.0% (95% interval 20.7% to 100.0%), grader: local" in out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["total"], results["resolved"]) == (1, ["calc-add"])
    assert [one["instance_id"] for one in results["left_out"]] == ["calc-times"]


@SANDBOX
@pytest.mark.slow
def test_what_has_not_been_validated_is_validated_first(treadle, tmp_path, tasks):
    given = handed_in(tmp_path, tiny.prediction("add", "", "edit_fault", "block 1 matches twice"))
    words = ("swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", *PYTHON)
    code, out, err = treadle(*words, "--workers", 2)
    assert code == 0, err
    assert "2 of 2 tasks have not been validated; their gold patches are run first" in out
    assert "not resolved: calc-add: edit_fault: block 1 matches twice" in out
    assert "not resolved: calc-times: empty: no prediction" in out
    assert (tmp_path / "out" / "validation.json").is_file()
    assert not (tasks / "validation.json").exists()
    assert treadle(*words)[0] == 0


def test_without_validation_it_is_said(treadle, tmp_path, tasks):
    given = handed_in(tmp_path, tiny.prediction("add", ""))
    words = ("--tasks", tasks, "-o", tmp_path / "out", "--no-validate", "--unsafe-local", *PYTHON)
    code, out, err = treadle("swe", "grade", given, *words)
    assert code == 0, err
    assert "2 of 2 tasks have not been validated: their verdicts may be the machine's doing" in out
    assert "resolved 0 of 2: 0.0% (95% interval 0.0% to 65.8%)" in out
    code, out, err = treadle("swe", "grade", given, *words, "--instance", "calc-add", "--overwrite")
    assert "resolved 0 of 1" in out, err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--grader", "docker"), "--grader 'docker': expected local or official"),
        (("--report", "x.json"), "--report is read by --grader official"),
        (("--python", "/nowhere"), "no bin/python in it"),
        (("--instance", "calc-ad"), "did you mean calc-add?"),
        (("--grader", "official"), "their bugs were put in"),
        (("--grader", "official", "--report", "/nowhere.json"), "/nowhere.json: cannot be read"),
    ],
)
def test_errors_are_a_line(treadle, tmp_path, tasks, more, said):
    given = handed_in(tmp_path, tiny.prediction("add", "x"))
    code, _, err = treadle("swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", "--unsafe-local", *more)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_predictions_of_other_tasks_are_told(treadle, tmp_path, tasks):
    given = handed_in(tmp_path, tiny.prediction("divide", "x"))
    code, _, err = treadle("swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", "--unsafe-local")
    assert code == 2
    assert "no task 'calc-divide' among the 2 of the set" in err


def test_the_official_harness(treadle, tmp_path):
    row = {"instance_id": "o__n-1", "repo": "o/n", "base_commit": "abc", "problem_statement": "p", "patch": "d"}
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps([row | {"test_patch": "", "FAIL_TO_PASS": '["a"]', "PASS_TO_PASS": "[]"}]))
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"o__n-1": {"model_name_or_path": "m", "model_patch": "diff"}}))
    words = ("swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", "--grader", "official")
    code, out, err = treadle(*words)
    assert code == 0, err
    assert f"swebench eval {tasks} -p {tmp_path / 'out' / 'predictions.jsonl'} --run-id treadle-" in out
    report = out.split()[-1]
    assert report.startswith(str(tmp_path / "out" / "harness" / "m.treadle-"))
    (tmp_path / "out" / "harness").mkdir()
    with open(report, "w") as file:
        json.dump({"resolved_ids": ["o__n-1"]}, file)
    code, out, err = treadle(*words, "--report", report)
    assert code == 0, err
    assert "resolved 1 of 1: 100.0% (95% interval 20.7% to 100.0%), grader: official" in out


@SANDBOX
def test_without_uv_no_task_is_found_wanting(treadle, tmp_path, tasks, monkeypatch):
    """The path of the system's own programs has the sandbox; the tool that makes environments is not among them."""
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "uv" else f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    given = handed_in(tmp_path, tiny.prediction("add", "x"))
    for command in (["validate", tasks], ["grade", given, "--tasks", tasks, "-o", tmp_path / "out"]):
        code, _, err = treadle("swe", *command, "--cache", tmp_path / "cache")
        assert code == 2
        assert err.splitlines()[-1] == (
            f"treadle: error: uv: not found, and environments are made with it; {install('swe')}"
        )
    assert not (tasks / "validation.json").exists()
    assert not (tmp_path / "out/validation.json").exists()


@SANDBOX
def test_an_environment_that_failed_while_grading_is_tried_again(treadle, tmp_path, tasks):
    archive = next((tasks / "sources").iterdir())
    away = archive.rename(tmp_path / archive.name)
    given = handed_in(tmp_path, tiny.prediction("add", ""), tiny.prediction("times", ""))
    command = ["swe", "grade", given, "--tasks", tasks, "-o", tmp_path / "out", *PYTHON]
    code, _, err = treadle(*command)
    assert code == 2
    assert "nothing to grade: 2 instances, of which none validates; calc-add: environment: calc-add: the release" in err
    away.rename(archive)
    code, out, err = treadle(*command)
    assert code == 0, err
    assert "resolved 0 of 2" in out


@SANDBOX
def test_submodules_are_named_before_anything_is_run(treadle, tmp_path):
    def git(folder, *words):
        settings = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"]
        return subprocess.run(["git", *settings, *words], cwd=folder, capture_output=True, text=True, check=True).stdout

    for name in ("helpers", "o__r"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "commit", "-qm", "first", "--allow-empty")
    git(tmp_path / "o__r", "submodule", "--quiet", "add", tmp_path / "helpers", "extern/helpers")
    git(tmp_path / "o__r", "commit", "-qm", "second")
    row = {"instance_id": "o__r-1", "repo": "o/r", "base_commit": git(tmp_path / "o__r", "rev-parse", "HEAD").strip()}
    row |= {"problem_statement": "x", "patch": "x", "test_patch": "", "FAIL_TO_PASS": ["t"], "PASS_TO_PASS": []}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(row) + "\n")
    code, out, _ = treadle("swe", "validate", tmp_path / "tasks.jsonl", "--mirrors", tmp_path, *PYTHON)
    assert out.startswith("submodules are empty folders, as in SWE-bench's images: o__r-1: extern/helpers\n")
    assert code != 0
