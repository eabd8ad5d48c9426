"""The built package: every file of `treadle/` and nothing else, and types for its public names."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import treadle

ROOT = Path(__file__).parent.parent
BUILD = "from setuptools import build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"
BESIDE = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "NOTICE", "constraints.txt")
NO_PART = ("tests/test_x.py", "tests/deep/test_y.py", "benchmarks/speed.py", "docs/a.md", "runs/model.safetensors")
CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")
NAME = f"treadle-{treadle.__version__}"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of what the package is built from, amid files that are no part of it."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "treadle", folder / "treadle", ignore=CACHES)
    for name in BESIDE:
        shutil.copy(ROOT / name, folder)
    for name in (*NO_PART, "treadle/scoring/__pycache__/x.cpython-311.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    ended = subprocess.run([sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="module")
def shipped() -> set[str]:
    """What of `treadle/` has to be in a package: all but caches."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "treadle").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_all_of_the_package_and_nothing_else(source, shipped):
    with ZipFile(source / "dist" / f"{NAME}-py3-none-any.whl") as wheel:
        found = set(wheel.namelist())
        for name in shipped:
            assert wheel.read(name) == (ROOT / name).read_bytes()
    about = {
        f"{NAME}.dist-info/{name}"
        for name in (
            *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt"),
            *("licenses/LICENSE", "licenses/NOTICE"),
        )
    }
    assert found == shipped | about


def test_the_source_distribution_holds_what_the_wheel_is_built_from(source, shipped):
    with tarfile.open(source / "dist" / f"{NAME}.tar.gz") as archive:
        found = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {name for name in found if name.startswith("treadle.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    assert found == shipped | set(BESIDE) | made


@pytest.mark.parametrize("image", ["cpu", "cuda"])
def test_what_an_image_copies_is_there_and_not_ignored(image):
    lines = [line.split() for line in (ROOT / "docker" / f"{image}.Dockerfile").read_text().splitlines()]
    copied = {name for word, *names in filter(None, lines) if word == "COPY" and len(names) > 1 for name in names[:-1]}
    copied = {name for name in copied if not name.startswith(("--from", "/opt"))}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {*BESIDE, "treadle"} - copied == {"constraints.txt"}  # MANIFEST.in names it for source distributions
    assert copied <= let_in
    assert all((ROOT / name).exists() for name in let_in)


def test_no_extra_is_named_that_is_not_there():
    """What messages (by `treadle.extras.install`) and documents ask to install is what pyproject.toml offers."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.compile(r"""(?<![.\w])install\(["'](\w+)["']\)|pip install [^\n`]*(?:\.|treadle)\[([\w, -]+)\]""")
    texts = [*(ROOT / "treadle").rglob("*.py"), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile"]
    named = {
        extra.strip()
        for path in texts
        for groups in asked.findall(path.read_text(encoding="utf-8"))
        for extra in "".join(groups).split(",")
    }
    assert named == extras.keys()


def test_every_public_name_has_its_types():
    """A checker reads `__init__.pyi`: the same names from the same modules as are loaded when they are used."""
    imports = [
        node for node in ast.parse((ROOT / "treadle/__init__.pyi").read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    typed = {name.asname: (name.name, node.module) for node in imports for name in node.names}
    assert typed == {name: (name, f"treadle.{home}") for name, home in treadle._HOMES.items()}
