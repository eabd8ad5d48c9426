"""Verdicts on known answers, a run that is stopped, and the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.evaluate.swe import tiny
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.grading import failed_tests, grade, grade_all, judged
from treadle.evaluate.swe.patches import Applied
from treadle.evaluate.swe.records import Graded, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.results import GRADED, RESULTS, summarise
from treadle.evaluate.swe.running import TestRun
from treadle.evaluate.swe.sandbox import why_not
from treadle.statistics.estimates import wilson

SANDBOX = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
NONE = "--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-nothing\n+something\n"
TASK = SweInstance("calc-add", "calc", "calc==1.0", "", "", ("t::a", "t::b"), ("t::c",), bug="-")
RAN = {"t::a": "passed", "t::b": "missing", "t::c": "failed"}


def test_reasons_name_the_tests():
    assert failed_tests(TASK, RAN) == (
        "1 of 2 FAIL_TO_PASS not passed: t::b (missing); 1 of 1 PASS_TO_PASS not passed: t::c (failed)"
    )
    many = replace(TASK, pass_to_pass=tuple(f"t::{k}" for k in range(5)))
    assert failed_tests(
        many, dict.fromkeys(many.pass_to_pass, "error") | dict.fromkeys(many.fail_to_pass, "passed")
    ) == ("5 of 5 PASS_TO_PASS not passed: t::0 (error), t::1 (error), t::2 (error) and 2 more")


@pytest.mark.parametrize(
    ("run", "verdict", "reason"),
    [
        (TestRun({}, resolved=True), "resolved", ""),
        (TestRun(RAN), "unresolved", "1 of 2 FAIL_TO_PASS"),
        (TestRun(RAN, reason="no report"), "unresolved", "no report"),
        (TestRun(RAN, restored=("conftest.py",)), "unresolved", "put back before the tests: conftest.py"),
        (TestRun(fault=Verdict.TIMEOUT, reason="slow"), "timeout", "slow"),
        (TestRun(fault=Verdict.NOT_APPLIED, reason="not_found: x"), "not_applied", "not_found"),
    ],
)
def test_runs_and_their_verdicts(run, verdict, reason):
    found = judged(TASK, run, {"t::a": "failed"})
    assert found.verdict == verdict
    assert reason in found.reason
    assert (found.before, found.after) == ({"t::a": "failed"}, run.statuses)


def test_the_rung_of_the_patch_is_kept():
    assert judged(TASK, TestRun(resolved=True, applied=Applied("offset"))).rung == "offset"


@pytest.mark.parametrize(
    ("handed_in", "verdict", "reason"),
    [
        (None, "empty", "no prediction"),
        (tiny.prediction("add", " \n"), "empty", "an empty patch"),
        (tiny.prediction("add", "", "edit_fault", "block 2 matches twice"), "edit_fault", "block 2 matches twice"),
        (tiny.prediction("add", "x", "context_too_long", "9,000 tokens"), "context_too_long", "9,000 tokens"),
    ],
)
def test_what_needs_no_tests_runs_none(tmp_path, handed_in, verdict, reason):
    found = grade(handed_in, TASK, tiny.means(tmp_path))
    assert (found.verdict, found.reason, found.after) == (verdict, reason, {})


def test_a_fault_that_is_none_is_told(tmp_path):
    with pytest.raises(DataError, match="fault 'resolved', expected one of empty"):
        grade(tiny.prediction("add", "", "resolved"), TASK, tiny.means(tmp_path))


def test_what_the_machine_lacks_is_the_environments_fault(tmp_path):
    found = grade(tiny.prediction("add", NONE), replace(TASK, folder=tmp_path), tiny.means(tmp_path))
    assert found.verdict == "environment"
    assert "calc==1.0 is not in" in found.reason
    assert "\n" not in found.reason


@SANDBOX
def test_known_answers_have_known_verdicts(tmp_path):
    tasks = tiny.instances(tmp_path)
    handed_in = [tiny.prediction("add", tasks[0].patch), tiny.prediction("times", NONE)]
    found = grade_all(handed_in, tasks, tmp_path / "out", tiny.means(tmp_path))
    assert found["resolved"] == ["calc-add"]
    assert {name: one["verdict"] for name, one in found["verdicts"].items()} == {
        "calc-add": "resolved",
        "calc-times": "not_applied",
    }
    assert found["verdicts"]["calc-add"]["pass_to_pass"] == {"passed": 2, "listed": 2}
    assert json.loads((tmp_path / "out" / RESULTS).read_text()) == found
    assert "3 passed" in (tmp_path / "out" / "logs" / "calc-add.txt").read_text()


def test_instances_without_a_prediction_count(tmp_path):
    tasks = tiny.instances(tmp_path)
    found = grade_all([], tasks, tmp_path / "out", tiny.means(tmp_path), workers=2)
    assert (found["total"], found["counts"]["empty"], found["resolved"]) == (2, 2, [])
    assert {one["reason"] for one in found["verdicts"].values()} == {"no prediction"}


def test_what_is_left_out_is_named_and_not_counted(tmp_path):
    tasks = tiny.instances(tmp_path)
    left_out = {"calc-add": "gold patch: 1 of 1 FAIL_TO_PASS not passed"}
    handed_in = [tiny.prediction("add", "x")]
    found = grade_all(handed_in, tasks, tmp_path / "out", tiny.means(tmp_path), left_out=left_out)
    assert found["total"] == 1
    assert found["left_out"] == [{"instance_id": "calc-add", "reason": left_out["calc-add"]}]
    assert list(found["verdicts"]) == ["calc-times"]
    with pytest.raises(DataError, match="2 instances, of which none validates"):
        grade_all([], tasks, tmp_path / "none", tiny.means(tmp_path), left_out={"calc-add": "x", "calc-times": "y"})


def test_the_rate_has_an_interval():
    tasks = [replace(TASK, instance_id=f"t-{k}") for k in range(10)]
    graded = [Graded(one.instance_id, Verdict.RESOLVED if k < 3 else Verdict.TIMEOUT) for k, one in enumerate(tasks)]
    found = summarise(graded, tasks, {}, [], "local")
    assert found["resolve_rate"] == wilson(3, 10)._asdict()
    assert found["counts"] == {**dict.fromkeys(Verdict, 0), "resolved": 3, "timeout": 7}


def test_predictions_for_other_tasks_are_told(tmp_path):
    handed_in = [Prediction("other-1", "m", "x"), Prediction("other-2", "m", "x")]
    with pytest.raises(DataError, match="2 predictions are for no instance of these tasks, the first for 'other-1'"):
        grade_all(handed_in, [TASK], tmp_path / "out", tiny.means(tmp_path))


def test_another_set_of_predictions_needs_another_folder(tmp_path):
    tasks = tiny.instances(tmp_path)
    out, how = tmp_path / "out", tiny.means(tmp_path)
    grade_all([], tasks, out, how)
    other = [tiny.prediction("add", "", "edit_fault", "x")]
    with pytest.raises(OutputError, match="holds grades of other predictions; choose another folder with -o"):
        grade_all(other, tasks, out, how)
    assert grade_all(other, tasks, out, how, overwrite=True)["counts"]["edit_fault"] == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="holds something else than grades; choose another folder"):
        grade_all(other, tasks, tmp_path / "mine", how, overwrite=True)


def test_what_was_graded_is_not_graded_again_but_for_the_environments_faults(tmp_path):
    tasks = tiny.instances(tmp_path)
    out, how = tmp_path / "out", tiny.means(tmp_path)
    first = grade_all([], tasks, out, how)
    known = [Graded("calc-add", Verdict.RESOLVED), Graded("calc-times", Verdict.ENVIRONMENT, "disk")]
    (out / GRADED).write_text("".join(json.dumps(asdict(one)) + "\n" for one in known) + '{"instance_id": "cal')
    again = grade_all([], tasks, out, how)
    assert again["verdicts"]["calc-add"]["verdict"] == "resolved"
    assert again["verdicts"]["calc-times"] == first["verdicts"]["calc-times"]


def test_a_damaged_journal_is_named(tmp_path):
    tasks = tiny.instances(tmp_path)
    grade_all([], tasks, tmp_path / "out", tiny.means(tmp_path))
    (tmp_path / "out" / GRADED).write_text('{"instance_id": "calc-add", "verdict": 3}\n')
    with pytest.raises(OutputError, match=r"graded\.jsonl: verdict"):
        grade_all([], tasks, tmp_path / "out", tiny.means(tmp_path))


@SANDBOX
@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_results(tmp_path):
    tasks = tiny.instances(tmp_path)
    handed_in = [tiny.prediction(task, one.patch) for task, one in zip(tiny.BUGS, tasks, strict=True)]
    whole = grade_all(handed_in, tasks, tmp_path / "whole", tiny.means(tmp_path))
    script = (
        "import os, sys; from pathlib import Path; from tests.evaluate.swe import tiny\n"
        "from treadle.evaluate.swe import grading; from treadle.evaluate.swe.instances import read_instances\n"
        "folder = Path(sys.argv[1]); tasks = read_instances(folder / 'tasks'); append = grading.Journal.append\n"
        "def once(self, record): append(self, record); os.kill(os.getpid(), 9)\n"
        "grading.Journal.append = once\n"
        "handed_in = [tiny.prediction(task, one.patch) for task, one in zip(tiny.BUGS, tasks)]\n"
        "grading.grade_all(handed_in, tasks, folder / 'out', tiny.means(folder))\n"
    )
    root = Path(__file__).parents[3]
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, capture_output=True, timeout=120)
    assert died.returncode == -9
    assert len((tmp_path / "out" / GRADED).read_text().splitlines()) == 1
    found = grade_all(handed_in, tasks, tmp_path / "out", tiny.means(tmp_path))
    assert {**found, "verdicts": 0} == {**whole, "verdicts": 0}
    assert found["resolved"] == ["calc-add", "calc-times"]
