"""Patches on trees: all or nothing, never outside, never through a link."""

from __future__ import annotations

import os
import stat

import pytest

from tests.evaluate.swe.patches.gits import read, write
from treadle.errors import OutputError
from treadle.evaluate.swe.patches import TreeFiles, apply_patch, diff_of, tree, write_tree

FILES = {"a.py": "one\n", "pkg/b.py": "two\n", "pkg/deep/c.py": "three\n"}


@pytest.fixture
def root(tmp_path):
    place = tmp_path / "tree"
    write(place, FILES)
    return place


def test_a_patch_changes_makes_and_removes_files(root):
    new = {"a.py": "1\n", "new/d.py": "4\n", "pkg/b.py": "two\n"}
    done = apply_patch(root, diff_of(FILES, new))
    assert (done.fault, done.rung, done.files) == ("", "exact", ("a.py", "new/d.py", "pkg/deep/c.py"))
    assert read(root) == new
    assert not (root / "pkg/deep").exists()


def test_a_fault_in_the_last_file_leaves_all_as_it_was(root):
    patch = diff_of({"a.py": "one\n"}, {"a.py": "1\n"}) + diff_of({"pkg/b.py": "other\n"}, {"pkg/b.py": "2\n"})
    done = apply_patch(root, patch)
    assert (done.fault, done.files) == ("not_found", ())
    assert done.reason.startswith("pkg/b.py: hunk 1")
    assert read(root) == FILES


def test_bytes_that_are_no_utf8_stay(root):
    (root / "a.py").write_bytes(b"caf\xe9\none\n")
    assert apply_patch(root, "--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-one\n+1\n").fault == ""
    assert (root / "a.py").read_bytes() == b"caf\xe9\n1\n"


def test_modes_stay_or_change_and_go_with_a_rename(root):
    (root / "a.py").chmod(0o755)
    assert apply_patch(root, "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+1\n").fault == ""
    assert stat.S_IMODE((root / "a.py").stat().st_mode) == 0o755
    assert apply_patch(root, "diff --git a/a.py b/z.py\nrename from a.py\nrename to z.py\n").fault == ""
    assert stat.S_IMODE((root / "z.py").stat().st_mode) == 0o755
    done = apply_patch(root, "diff --git a/z.py b/z.py\nold mode 100755\nnew mode 100644\n")
    assert (done.fault, done.files) == ("", ("z.py",))
    assert stat.S_IMODE((root / "z.py").stat().st_mode) == 0o644


def change(path):
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-out\n+in\n"


def create(path):
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+in\n"


@pytest.mark.parametrize(
    "patch", [change("l"), change("d/out"), create("d/new"), create("d/deep/new"), create("loose")]
)
def test_nothing_is_read_or_written_through_a_link(root, tmp_path, patch):
    outside = tmp_path / "outside"
    write(outside, {"out": "out\n"})
    (root / "l").symlink_to(outside / "out")
    (root / "d").symlink_to(outside)
    (root / "loose").symlink_to(outside / "nothing")
    done = apply_patch(root, patch)
    assert done.fault == "outside"
    assert "link" in done.reason
    assert read(outside) == {"out": "out\n"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "tree"]


@pytest.mark.parametrize("patch", [create("pkg"), change("pkg"), create("pipe"), change("pipe")])
def test_folders_and_pipes_are_no_files(root, patch):
    os.mkfifo(root / "pipe")
    assert apply_patch(root, patch).fault == "outside"


def test_a_file_where_a_folder_should_be_is_the_patchs_fault(root):
    assert apply_patch(root, create("a.py/x")).fault == "exists"
    assert read(root) == FILES


def test_what_is_too_large_is_not_read(root, monkeypatch):
    monkeypatch.setattr(tree, "LARGEST", 3)
    assert apply_patch(root, change("a.py")).fault == "too_large"


def test_another_name_of_a_file_keeps_its_content(root, tmp_path):
    (tmp_path / "other").hardlink_to(root / "a.py")
    assert apply_patch(root, "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+1\n").fault == ""
    assert (tmp_path / "other").read_text() == "one\n"


def test_what_cannot_be_written_is_taken_back(root):
    with pytest.raises(OutputError, match="tree"):
        write_tree(root, {"pkg/b.py": "2\n", "new/d.py": "4\n", "a.py/x": "no folder", "e.py": "5\n"})
    assert not (root / "new").exists()
    assert read(root) == FILES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_belong_to_whom_the_tree_belongs(root):
    for place in (root, *root.rglob("*")):
        os.chown(place, 65534, 65534)
    assert apply_patch(root, diff_of(FILES, {**FILES, "a.py": "1\n", "n/e/w.py": "x\n"})).fault == ""
    assert {place.lstat().st_uid for place in root.rglob("*")} == {65534}


def test_a_tree_is_a_mapping_of_its_plain_files(root):
    (root / "link").symlink_to("a.py")
    write(root, {".git/config": "x\n"})
    assert dict(TreeFiles(root)) == FILES
    assert len(TreeFiles(root)) == 3
    assert TreeFiles(root).get("nothing") is None
    assert TreeFiles(root).get("a.py/x") is None


@pytest.mark.parametrize("name", [".treadle-patch/x", "pkg/.treadle-patch/x", "pkg/.treadle-patch"])
def test_no_name_of_a_patch_is_in_the_way_of_writing(root, name):
    done = apply_patch(root, diff_of({"pkg/b.py": "two\n"}, {"pkg/b.py": "2\n", name: "x\n"}))
    assert done.fault == ""
    assert read(root) == {**FILES, "pkg/b.py": "2\n", name: "x\n"}


def test_a_path_that_is_too_deep_to_be_walked_is_a_fault(root):
    patch = diff_of({}, {"new/b": "x\n"})
    done = apply_patch(root, patch.replace("new/", "a/" * 1500))
    assert (done.fault, done.files) == ("outside", ())
    assert "1,501 parts, expected at most 100" in done.reason
    assert apply_patch(root, patch.replace("new/", "a/" * 99)).fault == ""
