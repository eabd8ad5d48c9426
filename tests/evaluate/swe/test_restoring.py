"""Test infrastructure is put back; what a model may change stays changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from treadle.evaluate.swe.restoring import Restored, restore_tests

BASE = {
    "pkg/__init__.py": "",
    "pkg/core.py": "x = 1\n",
    "conftest.py": "",
    "pyproject.toml": "[project]\nname = 'pkg'\n[tool.pytest.ini_options]\naddopts = '-q'\n",
    "setup.cfg": "[metadata]\nname = pkg\n",
    "tests/test_core.py": "def test(): assert False\n",
    "tests/data/a.txt": "a",
    "docs/pyproject.toml": "[project]\nname = 'docs'\n",
}


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def pristine(tmp_path: Path) -> Path:
    return _write(tmp_path / "pristine", BASE)


@pytest.fixture
def root(tmp_path: Path, pristine: Path) -> Path:
    shutil.copytree(pristine, tmp_path / "root")
    return tmp_path / "root"


def test_an_untouched_tree_stays(root, pristine):
    assert restore_tests(root, pristine) == Restored((), ())


@pytest.mark.parametrize(
    "name",
    [
        "conftest.py",
        "pkg/sub/conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "tox.ini",
        "sitecustomize.py",
        "pkg/usercustomize.py",
        "x.pth",
        "tests/test_core.py",
        "tests/data/a.txt",
        "tests/helper.py",
        "pkg/test_inner.py",
        "pytest.py",
        "pluggy/__init__.py",
        "unittest/mock.py",
        "json.py",
        "docs/json.py",
        "json.cpython-311-x86_64-linux-gnu.so",
        "pkg/__pycache__/core.cpython-311.pyc",
        "evil.egg-info/entry_points.txt",
    ],
)
def test_what_governs_tests_is_put_back(root, pristine, name):
    _write(root, {name: "evil = 1\n"})
    done = restore_tests(root, pristine)
    if name in BASE:
        assert (done.put_back, done.removed) == ((name,), ())
        assert (root / name).read_text() == BASE[name]
    else:
        assert (done.put_back, done.removed) == ((), (name,))
        assert not (root / name).exists()


@pytest.mark.parametrize(
    "name", ["pkg/core.py", "pkg/json.py", "pkg/types/__init__.py", "pkg/new/json.py", "docs/x.py", "new.py", "README"]
)
def test_what_is_no_test_stays_changed(root, pristine, name):
    _write(root, {name: "changed = 1\n"})
    done = restore_tests(root, pristine)
    assert (done.put_back, done.removed) == ((), ())
    assert (root / name).read_text() == "changed = 1\n"


@pytest.mark.parametrize(
    ("name", "text", "restored"),
    [
        ("pyproject.toml", "[project]\nname = 'pkg'\n", True),
        ("pyproject.toml", BASE["pyproject.toml"] + "minversion = '6'\n", True),
        ("docs/pyproject.toml", "[project]\nname = 'other'\n", False),
        ("docs/pyproject.toml", '[tool."\\u0070ytest".ini_options]\naddopts = "-p evil"\n', True),
        ("docs/pyproject.toml", "[", True),
        ("docs/pyproject.toml", "a." * 200_000 + "a = 1\n", True),
        ("setup.cfg", "[metadata]\nname = pkg\n[tool:pytest]\naddopts = -p evil\n", True),
        ("setup.cfg", "[metadata]\nname = other\n", False),
        ("docs/setup.cfg", "[tool:pytest]\n", True),
    ],
)
def test_settings_of_pytest_are_put_back(root, pristine, name, text, restored):
    _write(root, {name: text})
    done = restore_tests(root, pristine)
    assert (name in done.put_back + done.removed) is restored
    if not restored:
        assert (root / name).read_text() == text
    elif name in BASE:
        assert (root / name).read_text() == BASE[name]


def test_deleted_tests_and_links_in_their_place(root, pristine, tmp_path):
    outside = _write(tmp_path / "outside", {"test_core.py": "outside"})
    shutil.rmtree(root / "tests")
    (root / "tests").symlink_to(outside)
    (root / "conftest.py").unlink()
    (root / "conftest.py").symlink_to(outside / "test_core.py")
    os.mkfifo(root / "test_pipe.py")
    done = restore_tests(root, pristine)
    assert done.put_back == ("conftest.py", "tests/data/a.txt", "tests/test_core.py")
    assert done.removed == ("test_pipe.py", "tests")
    assert (root / "tests" / "test_core.py").read_text() == BASE["tests/test_core.py"]
    assert not (root / "conftest.py").is_symlink()
    assert (outside / "test_core.py").read_text() == "outside"


def test_a_folder_in_place_of_a_file(root, pristine):
    (root / "conftest.py").unlink()
    _write(root, {"conftest.py/__init__.py": ""})
    done = restore_tests(root, pristine)
    assert "conftest.py" in done.put_back
    assert (root / "conftest.py").is_file()
