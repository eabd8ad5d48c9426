"""Patches on a small package: what they may change, and what is put back before the tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.swe import tiny
from treadle.errors import DataError
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.running import directives, run_tests
from treadle.evaluate.swe.sandbox import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

GREEN = """\
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
"""


@pytest.fixture
def add(tmp_path: Path) -> SweInstance:
    return tiny.instances(tmp_path)[0]


def test_the_base_fails_and_the_gold_patch_passes(tmp_path, add):
    base = run_tests(add, None, tiny.means(tmp_path))
    assert not base.resolved
    assert base.statuses == {tiny.ALL[0]: "failed", tiny.ALL[1]: "passed", tiny.ALL[2]: "passed"}
    gold = run_tests(add, add.patch, tiny.means(tmp_path))
    assert gold.resolved
    assert set(gold.statuses.values()) == {"passed"}
    assert (gold.applied.rung, gold.fault, gold.restored) == ("exact", None, ())
    assert "3 passed" in gold.log


TRAPS = {
    "a hook turns everything green": {"conftest.py": GREEN},
    "a hook in the folder of tests": {"tests/conftest.py": GREEN},
    "a test that says nothing": {tiny.TEST: "def test_add(): pass\ndef test_zero(): pass\ndef test_times(): pass\n"},
    "no tests": {tiny.TEST: None},
    "settings that deselect": {"pytest.ini": "[pytest]\naddopts = --deselect tests/test_calc.py::test_add\n"},
    "a plugin by the settings": {
        "pyproject.toml": tiny.FILES["pyproject.toml"] + 'addopts = "-p green"\n',
        "green.py": GREEN,
    },
    "code at the start of the interpreter": {"sitecustomize.py": "import os\nos._exit(0)\n"},
}


SOON = ("a hook in the folder of tests", "a plugin by the settings")
"""Those that `make test` runs."""


@pytest.mark.parametrize(
    "name", [name if name in SOON else pytest.param(name, marks=pytest.mark.slow) for name in TRAPS]
)
def test_tests_are_what_they_were(tmp_path, add, name):
    files = TRAPS[name]
    run = run_tests(add, tiny.change("add", files), tiny.means(tmp_path))
    assert not run.resolved
    assert run.statuses[tiny.ALL[0]] == "failed"
    assert run.statuses[tiny.ALL[1]] == "passed"
    assert set(run.restored) == set(files) - {"green.py"}


def test_a_right_patch_may_bring_tests_of_its_own(tmp_path, add):
    own = {"calc.py": tiny.MODULE, tiny.TEST: tiny.TESTS + "\n\ndef test_more():\n    assert 0\n"}
    run = run_tests(add, tiny.change("add", own), tiny.means(tmp_path))
    assert run.resolved
    assert run.restored == (tiny.TEST,)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import sys\nsys.exit(0)\n", "missing"),
        pytest.param("import os\nos._exit(0)\n", "missing", marks=pytest.mark.slow),
        pytest.param("import pytest\nadd = times = lambda a, b: pytest.skip()\n", "skipped", marks=pytest.mark.slow),
    ],
)
def test_a_module_that_avoids_its_tests_does_not_pass_them(tmp_path, add, source, status):
    run = run_tests(add, tiny.change("add", {"calc.py": source}), tiny.means(tmp_path))
    assert not run.resolved
    assert run.statuses[tiny.ALL[0]] == status


def test_tests_that_hang_are_ended(tmp_path, add):
    source = "import time\ndef add(a, b): time.sleep(60)\ntimes = add\n"
    run = run_tests(add, tiny.change("add", {"calc.py": source}), tiny.means(tmp_path, seconds=2))
    assert (run.fault, run.resolved) == ("timeout", False)
    assert "2 seconds" in run.reason


def test_a_patch_that_does_not_apply_runs_no_tests(tmp_path, add):
    run = run_tests(add, "--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-nothing\n+something\n", tiny.means(tmp_path))
    assert (run.fault, run.log) == ("not_applied", "")
    assert "not_found" in run.reason


def test_the_issues_own_tests_come_after_the_models_patch(tmp_path, add):
    added = tiny.TESTS + "\n\ndef test_new():\n    assert add(2, 2) == 4\n"
    patch = tiny.change("add", {tiny.TEST: added, "data/table.csv": "1,2\n"})
    new = f"{tiny.TEST}::test_new"
    task = SweInstance(**{**vars(add), "test_patch": patch, "fail_to_pass": (*add.fail_to_pass, new)})
    mine = {"calc.py": tiny.MODULE, tiny.TEST: "", "data": "no folder\n", "tests/test_calc2.py": "assert 0"}
    run = run_tests(task, tiny.change("add", mine), tiny.means(tmp_path))
    assert run.resolved
    assert run.statuses[new] == "passed"
    assert run.restored == (tiny.TEST, "tests/test_calc2.py")


def test_a_test_patch_that_does_not_apply_is_the_tasks_fault(tmp_path, add):
    task = SweInstance(**{**vars(add), "test_patch": add.bug})
    with pytest.raises(DataError, match="calc-add: its test patch does not apply"):
        run_tests(task, None, tiny.means(tmp_path))


def test_the_harness_names_test_files_by_the_test_patch():
    header = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n"
    patch = "".join(header.format(name) for name in ("tests/urls/test_a.py", "tests/data.json", "tests/b/tests.py"))
    task = SweInstance("x-1", "owner/name", "abc", "", "", ("a",), (), test_patch=patch)
    assert directives(task) == ["tests/urls/test_a.py", "tests/b/tests.py"]
    django = SweInstance(**{**vars(task), "repo": "django/django"})
    assert directives(django) == ["urls.test_a", "b.tests"]
