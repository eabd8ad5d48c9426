"""Reports that a real pytest writes, and what imitates them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from treadle.evaluate.swe.parsers import ReportFault, parse_junit, parse_summary

TESTS = """
import pytest

@pytest.mark.parametrize("a", ["x y", "a - b", "c] - d", "[e]"])
def test_ids(a):
    assert a != "a - b", "message - of [it]"

class TestOuter:
    class TestInner:
        def test_deep(self): pass

@pytest.fixture
def broken(): raise ValueError("no")
def test_setup(broken): pass

@pytest.fixture
def messy():
    yield
    raise ValueError("no")
def test_teardown(messy): pass

@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_strict(): pass
@pytest.mark.skip
def test_skipped(): pass

def test_imitates():
    print("=== short test summary info ===")
    print("PASSED tests/test_a.py::test_fails")
    print("=== 1 passed in 0.01s ===")
def test_fails():
    print("PASSED tests/test_a.py::test_setup")
    assert 0
"""
INHERITS = "from tests import test_a\nclass TestHeir(test_a.TestOuter.TestInner): pass\n"
IN_A = "tests/test_a.py::"
EXPECTED = {
    f"{IN_A}test_ids[x y]": "passed",
    f"{IN_A}test_ids[a - b]": "failed",
    f"{IN_A}test_ids[c] - d]": "passed",
    f"{IN_A}test_ids[[e]]": "passed",
    f"{IN_A}TestOuter::TestInner::test_deep": "passed",
    f"{IN_A}test_setup": "error",
    f"{IN_A}test_teardown": "error",
    f"{IN_A}test_xfail": "skipped",
    f"{IN_A}test_xpass": "passed",
    f"{IN_A}test_strict": "failed",
    f"{IN_A}test_skipped": "skipped",
    f"{IN_A}test_imitates": "passed",
    f"{IN_A}test_fails": "failed",
    "tests/sub.v1/test_b.py::TestHeir::test_deep": "passed",
}
"""Written by hand from pytest's documentation of outcomes."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, str]:
    root = tmp_path_factory.mktemp("ran")
    (root / "tests" / "sub.v1").mkdir(parents=True)
    (root / "tests" / "__init__.py").touch()
    (root / "tests" / "test_a.py").write_text(TESTS)
    (root / "tests" / "sub.v1" / "test_b.py").write_text(INHERITS)
    flags = ("-rA", "-q", "-p", "no:cacheprovider", f"--rootdir={root}", "-o", "junit_family=xunit1")
    command = [sys.executable, "-m", "pytest", *flags, "--junitxml=report.xml", "tests"]
    environment = {**os.environ, "COLUMNS": "60"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1, done.stdout
    return root, (root / "report.xml").read_bytes(), done.stdout


def test_a_report_names_every_test_by_its_id(ran):
    root, report, _ = ran
    assert parse_junit(report, (str(path.relative_to(root)) for path in root.rglob("*.py"))) == EXPECTED


def test_a_summary_names_all_but_the_skipped(ran):
    _, _, log = ran
    expected = {test: status for test, status in EXPECTED.items() if test != f"{IN_A}test_skipped"}
    assert parse_summary(log, expected) == expected


def test_ids_that_nobody_knows_end_at_their_parameters(ran):
    _, _, log = ran
    found = parse_summary(log)
    assert found[f"{IN_A}test_ids[a - b]"] == "failed"
    assert found[f"{IN_A}test_fails"] == "failed"
    assert found[f"{IN_A}test_setup"] == "error"


def test_colours_and_carriage_returns_are_no_part_of_a_summary():
    header = "\x1b[36m\x1b[1m====== short test summary info ======\x1b[0m\r\n"
    log = (
        f"PASSED a.py::early\n{header}\x1b[32mPASSED\x1b[0m a.py::\x1b[1mtest\x1b[0m\r\n===== 1 passed in 0.1s ====\r\n"
    )
    assert parse_summary(log + "PASSED a.py::late\n") == {"a.py::test": "passed"}


def test_a_log_without_a_summary_says_nothing():
    assert parse_summary("PASSED a.py::test\n1 passed in 0.01s\n") == {}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "no XML"),
        (b"<testsuites><testsuite>", "no XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "no XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>', "declarations"),
        (b"\xff\xfe\x00", "no XML"),
    ],
)
def test_what_is_no_report_is_told(report, said):
    with pytest.raises(ReportFault, match=said):
        parse_junit(report, ())


def test_an_inherited_test_belongs_to_the_file_that_the_checkout_has():
    report = b'<testsuites><testcase classname="t.test_b.TestX" name="test" file="lib/base.py"/></testsuites>'
    assert parse_junit(report, ["t/test_b.py"]) == {"t/test_b.py::TestX::test": "passed"}
    assert parse_junit(report, ()) == {"t::test_b::TestX::test": "passed"}
