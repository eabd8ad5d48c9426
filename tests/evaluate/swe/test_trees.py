"""Folders as a hostile program leaves them: locked, and deeper than a path or a stack of calls can be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from treadle.evaluate.swe.trees import entries_of, remove_tree


@pytest.fixture
def deep(tmp_path):
    """As `mkdir` and `cd` make it: 1100 levels, 8,800 bytes of path; in memory, where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    root = Path(tempfile.mkdtemp(prefix="treadle-", dir=memory))
    here = os.open(root, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("a" * 7, dir_fd=here)
        below = os.open("a" * 7, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    (root / "b").mkdir()
    (root / "b/c").write_text("")
    yield root
    remove_tree(root)


def test_what_an_agent_locked_is_removed(tmp_path):
    folder = tmp_path / "a"
    (folder / "b/c").mkdir(parents=True)
    (folder / "b/c/d").write_text("")
    (folder / "out").symlink_to(tmp_path)
    os.chmod(folder / "b/c", 0)
    os.chmod(folder / "b", 0)
    remove_tree(folder)
    assert not folder.exists()
    assert tmp_path.exists()
    remove_tree(folder)


def test_deep_folders_are_removed(deep):
    remove_tree(deep)
    assert not os.path.lexists(deep)


def test_of_a_link_the_link_is_removed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("")
    (tmp_path / "link").symlink_to("a")
    remove_tree(tmp_path / "link")
    assert sorted(os.listdir(tmp_path)) == ["a"]
    remove_tree(tmp_path / "a/b")
    assert os.listdir(tmp_path / "a") == []


def test_entries_are_those_that_a_path_can_name(deep):
    (deep / "b/out").symlink_to(deep.parent)
    names = [os.path.relpath(entry.path, deep) for entry in entries_of(deep)]
    assert {"b", "b/c", "b/out"} < set(names)
    assert len(names) == len(set(names)) > 400
    assert max(map(len, names)) < 4096
