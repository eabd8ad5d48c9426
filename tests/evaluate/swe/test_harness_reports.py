"""Reports in the forms that swebench 5 writes them, by hand from its source."""

from __future__ import annotations

import json

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.harness_reports import read_report

RUN = {
    "total_instances": 6,
    "completed_ids": ["a", "b"],
    "resolved_ids": ["a"],
    "unresolved_ids": ["b"],
    "empty_patch_ids": ["c"],
    "incomplete_ids": ["d"],
    "error_ids": ["e", "f", "g"],
    "infra_failure_ids": ["f"],
    "failure_reasons": {"f": "out_of_memory", "g": "tests_timed_out"},
    "schema_version": 2,
}
STATUS = {
    "FAIL_TO_PASS": {"success": ["t.py::a"], "failure": ["t.py::b"]},
    "PASS_TO_PASS": {"success": ["t.py::c"], "failure": []},
}


def entry(**changes):
    return {
        "patch_is_None": False,
        "patch_exists": True,
        "patch_successfully_applied": True,
        "resolved": False,
        "infra_failure": False,
        **changes,
    }


def test_a_run_report_gives_a_verdict_for_each_instance(tmp_path):
    path = tmp_path / "model.run.json"
    path.write_text(json.dumps(RUN))
    found = read_report(path)
    assert {name: graded.verdict for name, graded in found.items()} == {
        "a": "resolved",
        "b": "unresolved",
        "c": "empty",
        "d": "empty",
        "e": "unresolved",
        "f": "environment",
        "g": "timeout",
    }
    assert "out_of_memory" in found["f"].reason
    assert "error" in found["e"].reason


def test_a_report_of_an_instance_names_its_tests(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"a": entry(tests_status=STATUS)}))
    (graded,) = read_report(path).values()
    assert (graded.verdict, graded.reason) == ("unresolved", "1 of 3 tests do not pass")
    assert graded.after == {"t.py::a": "passed", "t.py::b": "failed", "t.py::c": "passed"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"resolved": True}, "resolved"),
        ({"patch_exists": False}, "empty"),
        ({"patch_successfully_applied": False}, "unresolved"),
        ({"infra_failure": True, "infra_failure_reason": "out_of_memory"}, "environment"),
    ],
)
def test_a_report_of_an_instance_without_tests(tmp_path, changes, verdict):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"a": entry(**changes)}))
    assert read_report(path)["a"].verdict == verdict


def test_a_folder_of_logs_says_why_there_is_no_report(tmp_path):
    logs = {
        "unapplied": "INFO - >>>>> Patch Apply Failed:\nerror: patch failed",
        "slow": "Test timed out after 1800 seconds.",
        "broken": "docker.errors.ImageNotFound",
    }
    for name, text in logs.items():
        (tmp_path / "model" / name).mkdir(parents=True)
        (tmp_path / "model" / name / "run_instance.log").write_text(text)
    (tmp_path / "model" / "right").mkdir()
    (tmp_path / "model" / "right" / "report.json").write_text(json.dumps({"right": entry(resolved=True)}))
    for folder in (tmp_path, tmp_path / "model"):
        assert {name: graded.verdict for name, graded in read_report(folder).items()} == {
            "unapplied": "not_applied",
            "slow": "timeout",
            "broken": "environment",
            "right": "resolved",
        }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "expected an object"),
        ("{", "no JSON"),
        ('{"a": 1}', "a: input should be a valid dictionary"),
        ('{"a": {}}', "a.resolved: expected true or false"),
        ('{"resolved_ids": [1]}', "resolved_ids"),
        ('{"resolved_ids": ["a"], "unresolved_ids": ["a"]}', "a stands in unresolved_ids and is resolved"),
        ('{"a": {"resolved": false, "tests_status": {"FAIL_TO_PASS": 3}}}', "tests_status"),
    ],
)
def test_what_is_no_report_is_told_in_a_line(tmp_path, content, said):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(DataError, match=said) as error:
        read_report(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_report_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_report(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"holds no report\.json"):
        read_report(tmp_path)
