"""A set of two tasks, made by hand from a package of one module."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.records import Prediction, SweInstance
from treadle.evaluate.swe.running import Means
from treadle.evaluate.swe.sandbox import Limits
from treadle.files.digests import sha256

MODULE = '''\
"""Sums and products."""


def add(a, b):
    return a + b


def times(a, b):
    total = 0
    for _ in range(b):
        total += a
    return total
'''
BUGS = {"add": MODULE.replace("a + b", "a - b"), "times": MODULE.replace("range(b)", "range(b - 1)")}
TEST = "tests/test_calc.py"
TESTS = """\
from calc import add, times


def test_add():
    assert add(1, 2) == 3


def test_zero():
    assert add(0, 0) == 0


def test_times():
    assert times(3, 4) == 12
"""
FILES = {
    "calc.py": MODULE,
    TEST: TESTS,
    "pyproject.toml": '[project]\nname = "calc"\nversion = "1.0"\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
}
FAILS = {"add": f"{TEST}::test_add", "times": f"{TEST}::test_times"}
ALL = [f"{TEST}::test_{name}" for name in ("add", "zero", "times")]


def make(folder: Path) -> Path:
    """Write the task set."""
    (folder / "sources").mkdir(parents=True)
    archive = folder / "sources" / "calc-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"calc-1.0/{name}")
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    rows = [
        {
            "instance_id": f"calc-{name}",
            "repo": "calc",
            "base_commit": "calc==1.0",
            "version": "1.0",
            "problem_statement": f"{name} is wrong",
            "patch": diff_of({"calc.py": bug}, {"calc.py": MODULE}),
            "bug": diff_of({"calc.py": MODULE}, {"calc.py": bug}),
            "FAIL_TO_PASS": [FAILS[name]],
            "PASS_TO_PASS": [test for test in ALL if test != FAILS[name]],
        }
        for name, bug in BUGS.items()
    ]
    (folder / "instances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tasks.json").write_text(json.dumps({"packages": [{"sha256": sha256(archive)}]}))
    return folder


def instances(folder: Path) -> list[SweInstance]:
    return read_instances(make(folder / "tasks"))


def means(folder: Path, seconds: float = 300) -> Means:
    """This interpreter as the environment."""
    return Means(folder / "cache", limits=Limits(seconds=seconds, processes=64), python=Path(sys.prefix))


def change(task: str, files: dict[str, str | None]) -> str:
    """A patch that gives files of a task another text; `None` removes one."""
    before = {**FILES, "calc.py": BUGS[task]}
    return diff_of({name: before.get(name) for name in files}, files)


def prediction(task: str, patch: str, fault: str = "", reason: str = "") -> Prediction:
    return Prediction(f"calc-{task}", "a-model", patch, fault, reason)
