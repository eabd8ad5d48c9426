"""What is read of a case and of what tools answer."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.tasks.cases import Case, failure_in, frame_in, passes
from treadle.evaluate.swe.tasks.mends import Mend

SOURCE = """\
import os


class Box:
    def get(self):
        return 1


class Other:
    def get(self):
        value = 2
        return value
"""
TEST = """\
import operator
import os
from math import floor

LIMIT = 3


def test_alone():
    items = [floor(1.5), 2]
    assert sum(items) == 3, items


def test_that_needs_more():
    assert LIMIT == 3


def test_with_fixture(tmp_path):
    assert tmp_path
"""


def case_of(root: Path, line: int = 11, test: str = "test_alone", function: str = "Other.get") -> Case:
    (root / "tests").mkdir(exist_ok=True)
    (root / "box.py").write_text(SOURCE)
    (root / "tests/test_box.py").write_text(TEST)
    tests = (f"tests/test_box.py::{test}[1]",)
    instance = SweInstance("box__box-1", "box", "box==1", "", "", tests, (), meta={"function": function})
    return Case(instance, root, SOURCE, Mend("box.py", line, line, line, "", ""), random.Random(0))


def test_the_function_around_the_bug_is_found_among_its_namesakes(tmp_path):
    assert case_of(tmp_path, 11).span == (10, 12)
    assert case_of(tmp_path, 6, function="Box.get").span == (5, 6)
    assert (case_of(tmp_path).name, case_of(tmp_path).owner) == ("get", "Other")


def test_a_test_that_stands_alone_becomes_a_script_that_runs(tmp_path):
    script = case_of(tmp_path).script
    assert "import operator" not in script
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "as expected\n"
    broken = script.replace("== 3", "== 4")
    assert (
        "AssertionError: [1, 2]"
        in subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True).stderr
    )


def test_other_tests_do_not(tmp_path):
    assert case_of(tmp_path, test="test_that_needs_more").script is None
    assert case_of(tmp_path, test="test_with_fixture").script is None
    assert case_of(tmp_path, test="test_that_is_not_there").script is None


def test_where_a_test_stands(tmp_path):
    assert case_of(tmp_path).test_span == (8, 10)
    assert case_of(tmp_path, test="nowhere").test_span is None


def test_pytest_is_called_without_options_that_may_need_plugins(tmp_path):
    assert case_of(tmp_path).runner == "python -m pytest -q"
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\naddopts = --cov\n")
    assert case_of(tmp_path).runner == "python -m pytest -o addopts= -q"


SHORT = """\
tests/test_box.py:5: in test_box
    f()
box.py:7: in f
    g()
box.py:11: in get
    raise KeyError(1)
E   KeyError: 1
1 failed in 0.1s"""
LONG = """\
Traceback (most recent call last):
  File "/testbed/reproduce.py", line 2, in <module>
  File "/testbed/box.py", line 11, in get
KeyError: 1
"""


def test_what_tracebacks_tell():
    assert (failure_in(SHORT), frame_in(SHORT, "box.py")) == ("KeyError: 1", 11)
    assert (failure_in(LONG), frame_in(LONG, "box.py")) == ("KeyError: 1", 11)
    assert (failure_in("1 passed in 0.1s"), frame_in(SHORT, "ox.py")) == ("", None)


def test_whether_tests_passed():
    assert passes("..\n2 passed in 0.1s")
    assert passes("..\n2 passed, 1 skipped in 0.1s")
    assert not passes(SHORT)
    assert not passes("1 failed, 2 passed in 0.1s")
    assert not passes("2 passed, 1 error in 0.1s")
    assert not passes("no tests ran in 0.1s")
