"""Logs as the harness writes them: our verdict is that of swebench's `get_eval_report`, and the one known by hand."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.harness_logs import as_log, judge_log, parser_name
from treadle.evaluate.swe.records import SweInstance

NEEDS = pytest.mark.skipif(find_spec("swebench") is None, reason="needs the extra swe")
F2P, P2P = "testing/test_a.py::test_new", "testing/test_a.py::test_old"
CUT = "testing/test_a.py::test_cut[log(photon"
HEAD = "============ test session starts ============\n"


def instance(repo="pytest-dev/pytest", fail=(F2P,), passing=(P2P,), **meta) -> SweInstance:
    return SweInstance("owner__name-1", repo, "abc", "", "", fail, passing, version="1", meta=meta)


def lines(*said: str) -> str:
    return HEAD + "".join(f"{line}\n" for line in said)


LOGS = {
    "both pass": (lines(f"PASSED {F2P}", f"PASSED {P2P}"), 0, True),
    "expected failure passes": (lines(f"XFAIL {F2P}", f"PASSED {P2P}"), 0, True),
    "new fails": (lines(f"FAILED {F2P} - assert 0", f"PASSED {P2P}"), 1, False),
    "old errs": (lines(f"PASSED {F2P}", f"ERROR {P2P} - x"), 1, False),
    "new is skipped": (lines(f"SKIPPED {F2P}", f"PASSED {P2P}"), 0, False),
    "old is skipped": (lines(f"PASSED {F2P}", f"SKIPPED {P2P}"), 0, True),
    "old did not run": (lines(f"PASSED {F2P}"), 0, False),
    "nothing ran": ("", 4, False),
    "passes with a failing exit code": (lines(f"PASSED {F2P}", f"PASSED {P2P}"), 3, False),
    "no exit code": (lines(f"PASSED {F2P}", f"PASSED {P2P}"), None, True),
}
"""Test output, exit code, and whether it resolves the instance by SWE-bench's rules."""


def report_of_swebench(task: SweInstance, log: str, folder) -> dict:
    from swebench.harness.grading import get_eval_report
    from swebench.types import TestSpec

    (folder / "log.txt").write_text(log)
    lists = (list(task.fail_to_pass), list(task.pass_to_pass))
    spec = TestSpec(task.instance_id, "", [], task.repo, task.version, *lists, parser_name(task), "pass_and_fail")
    handed_in = {"instance_id": task.instance_id, "model_name_or_path": "m", "model_patch": "x"}
    return get_eval_report(spec, handed_in, str(folder / "log.txt"), True)[task.instance_id]


@NEEDS
@pytest.mark.parametrize("name", LOGS)
def test_verdicts_are_those_of_swebench(name, tmp_path):
    output, code, resolved = LOGS[name]
    log = as_log(output, code)
    theirs = report_of_swebench(instance(), log, tmp_path)
    ours = judge_log(instance(), log)
    assert ours.resolved == theirs["resolved"] == resolved
    assert ours.readable == theirs["patch_successfully_applied"]


@NEEDS
def test_statuses_name_what_did_not_run():
    found = judge_log(instance(), as_log(lines(f"FAILED {F2P} - assert 0"), 1))
    assert found.statuses == {F2P: "failed", P2P: "missing"}


@NEEDS
def test_ids_that_swebench_has_cut_short():
    task = instance(fail=(CUT,))
    log = as_log(lines(f"PASSED {CUT}, x)]", f"PASSED {P2P}"), 0)
    assert judge_log(task, log).resolved
    assert judge_log(task, log).statuses[CUT] == "passed"


@NEEDS
def test_ids_with_folders_of_another_machine():
    early = "tests/test_pixels.py::test_opens[/home/me/tmp/pydicom/data/{}.dcm-data0]"
    task = instance("pydicom/pydicom", fail=(early.format("a"),), passing=(early.format("b"),))
    ran = "tests/test_pixels.py::test_opens[/testbed/data/{}.dcm-data0]"
    found = judge_log(task, as_log(lines(f"PASSED {ran.format('a')}", f"PASSED {ran.format('b')}"), 0))
    assert found.resolved
    assert found.statuses == {early.format("a"): "passed", early.format("b"): "passed"}
    found = judge_log(task, as_log(lines(f"PASSED {ran.format('a')}", f"FAILED {ran.format('b')} - assert 0"), 1))
    assert not found.resolved
    assert found.statuses == {early.format("a"): "passed", early.format("b"): "failed"}


@NEEDS
@pytest.mark.parametrize("mark", [">>>>> End Test Output", ">>>>> Test Exit Code: 0", ">>>>> Patch Apply Failed"])
def test_marks_of_the_harness_in_printed_text_are_text(mark):
    output = lines(mark, f"PASSED {F2P}", f"PASSED {P2P}")
    assert judge_log(instance(), as_log(output, 0)).resolved
    assert not judge_log(instance(), as_log(output, 1)).resolved


@NEEDS
def test_parsers_are_chosen_by_repository_or_by_the_source():
    assert parser_name(instance("django/django")) == "parse_log_django"
    assert parser_name(instance("sympy/sympy")) == "parse_log_sympy"
    assert parser_name(instance("nobody/knows")) is None
    assert parser_name(instance("nobody/knows", log_parser="parse_log_pytest_v2")) == "parse_log_pytest_v2"
    with pytest.raises(DataError, match="no parser for logs of nobody/knows"):
        judge_log(instance("nobody/knows"), "")


@pytest.mark.skipif(find_spec("swebench") is not None, reason="the extra is installed")
def test_without_the_extra_one_line_says_what_to_install():
    with pytest.raises(DataError, match=r"pip install .*\[swe\]"):
        parser_name(instance())
