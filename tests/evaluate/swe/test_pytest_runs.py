"""Tests of small packages, run in the sandbox; patched code that tries to pass for a good run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from treadle.evaluate.swe.pytest_runs import run_pytest
from treadle.evaluate.swe.sandbox import Limits, Sandbox, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

TEST = "tests/test_calc.py"
TESTS = """\
from calc import add
def test_add(): assert add(1, 2) == 3
def test_zero(): assert add(0, 0) == 0
"""
GOOD = "def add(a, b):\n    return a + b\n"
BAD = "def add(a, b):\n    return a - b\n"
LIMITS = Limits(seconds=300)


def run(root: Path, limits: Limits = LIMITS, **files: str):
    for name, text in {"calc.py": BAD, TEST: TESTS, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    root.chmod(0o755)
    return run_pytest(Sandbox(root, python=Path(sys.prefix), limits=limits))


def test_a_run_tells_each_test(tmp_path):
    found = run(tmp_path)
    assert found.statuses == {f"{TEST}::test_add": "failed", f"{TEST}::test_zero": "passed"}
    assert (found.fault, found.ran.code) == ("", 1)
    assert not list(tmp_path.glob(".treadle*"))


def test_packages_under_src_and_options_that_need_a_plugin(tmp_path):
    options = "[pytest]\naddopts = --cov=calc -p evil\n"
    found = run(tmp_path, **{"calc.py": "", "src/calc.py": GOOD, "pytest.ini": options, "evil.py": ""})
    (tmp_path / "calc.py").unlink()
    found = run_pytest(Sandbox(tmp_path, python=Path(sys.prefix), limits=LIMITS))
    assert set(found.statuses.values()) == {"passed"}


@pytest.mark.parametrize("options", ["--doctest-modules", "--doctest-modules --cov=calc"])
def test_options_of_the_package_where_they_are_asked_for_and_taken(tmp_path, options):
    documented = 'def add(a, b):\n    """\n    >>> add(1, 2)\n    3\n    """\n    return a + b\n'
    run(tmp_path, **{"calc.py": documented, "pytest.ini": f"[pytest]\naddopts = {options}\n"})
    sandbox = Sandbox(tmp_path, python=Path(sys.prefix), limits=LIMITS)
    found = run_pytest(sandbox, ["calc.py", TEST], own_options=True)
    assert found.statuses[f"{TEST}::test_add"] == "passed"
    assert ("calc.py::calc.add" in found.statuses) == ("--cov" not in options)  # of a plugin that is not there


def test_a_file_that_cannot_be_imported_leaves_the_others(tmp_path):
    found = run(tmp_path, **{"tests/test_broken.py": "import nothing_of_this_name\n"})
    assert found.statuses[f"{TEST}::test_zero"] == "passed"
    assert "error" in found.statuses.values()


HOSTILE = {
    "exits at import": ("import sys\nsys.exit(0)\n", ""),
    "exits in a test": ("import os\ndef add(a, b):\n    os._exit(0)\n", "no report"),
    "prints a summary and exits": (
        "import os\nprint('=== short test summary info ===\\nPASSED tests/test_calc.py::test_add', flush=True)\n"
        "def add(a, b):\n    os._exit(0)\n",
        "no report",
    ),
    "hangs": ("def add(a, b):\n    import time; time.sleep(60)\n", "limit of time"),
    "raises what ends pytest": ("def add(a, b):\n    raise KeyboardInterrupt\n", "was interrupted"),
    "skips": ("import pytest\ndef add(a, b):\n    pytest.skip('no')\n", ""),
    "fails as expected": ("import pytest\ndef add(a, b):\n    pytest.xfail('no')\n", ""),
    "reports a link": (
        "import os, sys\ndef add(a, b):\n"
        "    path = next(a for a in sys.argv if a.startswith('--junitxml=')).partition('=')[2]\n"
        "    os.symlink('/etc/passwd', path)\n    os._exit(0)\n",
        "no report",
    ),
    "reports a pipe": (
        "import os, sys\ndef add(a, b):\n"
        "    path = next(a for a in sys.argv if a.startswith('--junitxml=')).partition('=')[2]\n"
        "    os.mkfifo(path)\n    os._exit(0)\n",
        "no file",
    ),
    "reports a folder": (
        "import os, sys\ndef add(a, b):\n"
        "    path = next(a for a in sys.argv if a.startswith('--junitxml=')).partition('=')[2]\n"
        "    os.makedirs(path + '/x')\n    os.chmod(path, 0)\n    os._exit(0)\n",
        "no file" if os.geteuid() == 0 else "no report",
    ),
    "fails after its report": (GOOD + "import atexit, os\natexit.register(os._exit, 7)\n", "code 7"),
}


SOON = ("prints a summary and exits", "hangs", "reports a folder", "skips", "fails after its report")
"""Those that `make test` runs."""


@pytest.mark.parametrize(
    "name", [name if name in SOON else pytest.param(name, marks=pytest.mark.slow) for name in HOSTILE]
)
def test_nothing_passes_that_did_not(tmp_path, name):
    source, fault = HOSTILE[name]
    found = run(tmp_path, Limits(seconds=3) if name == "hangs" else LIMITS, **{"calc.py": source})
    assert "passed" not in found.statuses.values()
    assert fault in found.fault
    assert found.fault or found.statuses
    assert not list(tmp_path.glob(".treadle*"))


def test_no_file_of_the_checkout_takes_the_place_of_pytest(tmp_path):
    found = run(
        tmp_path, **dict.fromkeys(("pytest.py", "_pytest/__init__.py", "pluggy.py"), "import os\nos._exit(0)\n")
    )
    assert found.statuses == {f"{TEST}::test_add": "failed", f"{TEST}::test_zero": "passed"}
