"""Test infrastructure as it was before a model's patch: what decides which tests run and what their result is.

A hook in `conftest.py` alone can turn every result green. Put back are files of tests and of pytest's settings, what an
interpreter imports by itself, and what could stand in for pytest or a module of the standard library.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

_NAMES = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "sitecustomize.py",
    "usercustomize.py",
    "test_*.py",
    "*_test.py",
    "tests.py",
    "*.pth",
    "*.pyc",
    "entry_points.txt",
)
_FOLDERS = frozenset({"test", "tests", "testing", "e2e"})
_SETTINGS = ("setup.cfg", "pyproject.toml")
_RUNNERS = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "py", "exceptiongroup", "tomli", "xdist"}
)
_MOST_DOTS = 200  # in a line: reading a key takes time with the square of its parts
_MODULE_ENDS = ("", ".py", ".so", ".pyc")


@dataclass(frozen=True)
class Restored:
    """Paths within the checkout, sorted.

    Args:
        put_back: Files that had been changed or deleted.
        removed: Files that the base does not have.
    """

    put_back: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def restore_tests(root: Path, pristine: Path) -> Restored:
    """Put test infrastructure back, before the tests of the instance are added and run.

    Args:
        root: The checkout with the model's patch.
        pristine: A checkout of the same base without it.

    Raises:
        OSError: A file cannot be read or written.
    """
    put_back: list[str] = []
    removed: list[str] = []
    before, now = set(_files(pristine)), set(_files(root))
    for name in sorted(now - before):
        if _decides(name) or _stands_in(name, pristine) or _has_settings(root, name):
            _remove(root / name)
            removed.append(name)
    for name in sorted(before):
        if name in now and _same(root / name, pristine / name):
            continue
        if _decides(name) or _has_settings(root, name) or _has_settings(pristine, name):
            _copy(root, pristine, name)
            put_back.append(name)
    return Restored(tuple(put_back), tuple(removed))


def _files(root: Path) -> Iterator[str]:
    """All that is no folder, by path; links to folders are not followed."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        if here == root and ".git" in folders:
            folders.remove(".git")
        for name in (*names, *links):
            if here != root or name != ".git":
                yield (here / name).relative_to(root).as_posix()


def _decides(name: str) -> bool:
    """Whether a path is one of tests, or of what governs them."""
    path = PurePosixPath(name)
    return not _FOLDERS.isdisjoint(path.parts) or any(fnmatchcase(path.name, one) for one in _NAMES)


def _stands_in(name: str, pristine: Path) -> bool:
    """Whether a new file would be imported in place of pytest's or the standard library's: from a folder of the base
    that is no package, since such folders are where imports begin."""
    parts = PurePosixPath(name).parts
    for depth, part in enumerate(parts):
        module, dot, end = part.partition(".")
        known = module in _RUNNERS or module in sys.stdlib_module_names
        if known and (not dot or f".{end}".endswith(_MODULE_ENDS[1:])):
            above = pristine.joinpath(*parts[:depth])
            if above.is_dir() and not (above / "__init__.py").exists() and not os.path.lexists(above / part):
                return True
    return False


def _has_settings(root: Path, name: str) -> bool:
    """Whether a file holds settings of pytest, or may, as it cannot be read."""
    path = root / name
    if PurePosixPath(name).name not in _SETTINGS or not os.path.lexists(path):
        return False
    if not stat.S_ISREG(path.lstat().st_mode):
        return True
    text = path.read_bytes()
    if path.name == "setup.cfg":
        return b"pytest" in text
    if any(line.count(b".") > _MOST_DOTS for line in text.splitlines()):
        return True
    try:
        tool = tomllib.loads(text.decode()).get("tool", {})
    except (ValueError, RecursionError):
        return True
    return not isinstance(tool, dict) or "pytest" in tool


def _same(one: Path, other: Path) -> bool:
    modes = one.lstat().st_mode, other.lstat().st_mode
    if stat.S_IFMT(modes[0]) != stat.S_IFMT(modes[1]):
        return False
    if stat.S_ISLNK(modes[0]):
        return os.readlink(one) == os.readlink(other)
    if not stat.S_ISREG(modes[0]) or one.lstat().st_size != other.lstat().st_size:
        return False
    return one.read_bytes() == other.read_bytes()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _copy(root: Path, pristine: Path, name: str) -> None:
    """Copy a file or link; what is in the way, a link in place of a folder for instance, goes."""
    here = root
    for part in PurePosixPath(name).parent.parts:
        here = here / part
        if here.is_symlink() or not here.is_dir():
            _remove(here)
            here.mkdir()
    _remove(root / name)
    shutil.copy2(pristine / name, root / name, follow_symlinks=False)
