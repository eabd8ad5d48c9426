"""Environments of a repository in a local clone, filled from a folder of wheels made here and from the index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from treadle.evaluate.swe.building import build_bench, build_smith, own_python
from treadle.evaluate.swe.installing import Builder
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.specs import Spec

HAS_UV = shutil.which("uv") or Path(sys.executable).with_name("uv").is_file()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HAS_UV, reason="needs uv, of the extra swe")]

SETUP = """\
import os
from setuptools import setup
setup(version=os.environ.get('SETUPTOOLS_SCM_PRETEND_VERSION', '0'), py_modules=['calc'])
"""
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "calc"
dynamic = ["version"]
[project.optional-dependencies]
test = ["tool"]
[dependency-groups]
test = ["grouped"]
"""


@pytest.fixture
def clone(tmp_path, monkeypatch) -> SweInstance:
    """A clone with one commit and a tag; what it requires is in a folder, beside the index."""
    wheels = _wheels(tmp_path / "wheels", "tool", "grouped", "listed", "extra")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    folder = tmp_path / "mirrors" / "o__calc"
    (folder / "requirements").mkdir(parents=True)
    files = {
        "calc.py": "",
        "setup.py": SETUP,
        "pyproject.toml": PROJECT,
        "requirements/test.txt": "listed\nno-package-has-such-a-name\n-e .\n",
        "environment.yml": "dependencies:\n  - extra=1.0\n  - only-conda-has-it\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"], ["tag", "v2.5"], ["tag", "nightly"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=folder, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True).stdout
    return SweInstance("o__calc-1", "o/calc", commit.strip(), "", "", ("t",), (), version="v1.5")


def _wheels(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            about = f"{name}-1.0.dist-info"
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
    return folder


def _builder(tmp_path: Path) -> Builder:
    builder = Builder(tmp_path / "made", "o__calc-1", "")
    builder.folder.mkdir()
    return builder


def test_a_repository_of_swe_smith_with_what_its_tests_need(tmp_path, clone):
    builder = _builder(tmp_path)
    spec = Spec(own_python(), requirements=("requirements/test.txt", "none.txt"), left_out=("make init",))
    note = build_smith(builder, clone, spec, tmp_path / "mirrors")
    assert note == "cannot be installed: no-package-has-such-a-name; left out: make init"
    names = {name.partition("-")[0] for name in builder.distributions()}
    assert {"calc", "pytest", "tool", "grouped", "listed"} <= names
    assert "calc-2.5.dist-info" in builder.distributions()  # of the last tag with a number


def test_a_repository_of_swe_bench_with_packages_of_conda(tmp_path, clone):
    builder = _builder(tmp_path)
    spec = Spec(own_python(), packages=("tool==1.0",), conda=("ci/environment.yml", "environment.yml"))
    note = build_bench(builder, clone, spec, clone.base_commit, tmp_path / "mirrors")
    assert note == "cannot be installed: only-conda-has-it"
    assert {"calc-1.5.dist-info", "extra-1.0.dist-info", "tool-1.0.dist-info"} <= builder.distributions()
