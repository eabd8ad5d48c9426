"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import threading

import pytest
import torch

from treadle.errors import OutputError
from treadle.files.whole import appearing_file, is_write_error, remove_folder, write_whole, writing


def test_a_file_and_its_folder_appear(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", ["1\r\n", "ü", "\ud800"])
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"1\r\n\xc3\xbc\\ud800"
    assert os.listdir(tmp_path / "a") == ["b.txt"]


def breaking_off(error):
    yield "half"
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_is_not_written_to_its_end_leaves_no_trace(tmp_path, error):
    (tmp_path / "old").write_text("old")
    for name in ("old", "new/new"):
        with pytest.raises(error):
            write_whole(tmp_path / name, breaking_off(error))
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_until_the_end_the_old_content_is_there(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with appearing_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_links_are_refused_and_devices_written_to(tmp_path):
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match=r"link: a link to .*mine, which treadle does not write to"):
        write_whole(tmp_path / "link", "x")
    assert (tmp_path / "mine").read_text() == "precious"
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    write_whole(tmp_path / "pipe", "through")
    reader.join(5)
    assert read == [b"through"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("folder", "Is a directory", "as a folder has this one"),
        ("file/below", "Not a directory", "as above this one is a file"),
        ("x" * 256, "File name too long", "Choose a shorter name"),
    ],
)
def test_what_the_system_says_is_one_line_with_a_remedy(tmp_path, name, reason, remedy):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        write_whole(tmp_path / name, "x")
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name}: cannot be written ({reason}")
    assert remedy in said
    assert "MiB are free on its disk" in said
    assert "\n" not in said
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_too_many_open_files(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    handle = os.open(tmp_path, os.O_RDONLY)
    os.close(handle)  # the lowest that is free
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (handle, hard))
        with pytest.raises(OutputError, match=r"Too many open files.*ulimit -n"):
            write_whole(tmp_path / "a", "x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_only_errors_about_the_place_are_about_writing(tmp_path):
    with pytest.raises(FileNotFoundError), writing(tmp_path / "out"):
        (tmp_path / "source").read_text()
    with pytest.raises(OutputError, match="out: cannot be written"), writing(tmp_path / "out"):
        (tmp_path / "out" / "deep" / "file").write_text("x")
    with pytest.raises(OutputError, match="out: cannot be written"), writing(tmp_path / "out"):
        (tmp_path / ".out.partial" / "file").write_text("x")
    with pytest.raises(OutputError, match=r"No space left.*Free space"), writing(tmp_path / "out"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as `write` raises it, without a name
    with pytest.raises(OutputError, match=r"Choose another place, or change who may"), writing(tmp_path / "out"):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.raises(ValueError, match="other"), writing(tmp_path / "out"):
        raise ValueError("other")


def test_what_is_kept_and_what_helps_are_said(tmp_path):
    with pytest.raises(OutputError, match=r"MiB are free on its disk\. The rest stays\. Free .*again\. Or stop$"):  # noqa: SIM117
        with writing(tmp_path / "out", kept="The rest stays", remedy="Or stop"):
            raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_of_a_part_names_what_was_asked_for(tmp_path):
    """Within a folder that is being written, nobody knows its scratch name."""
    out = tmp_path / "out"
    with pytest.raises(OutputError) as caught, writing(out):
        write_whole(tmp_path / ".out.h-1-00000000.partial" / ("x" * 256), "x")
    assert str(caught.value).startswith(f"{out}: cannot be written (File name too long)")
    assert ".partial" not in str(caught.value)


def test_errors_of_torch(tmp_path):
    """On a full disk torch raises a RuntimeError; what it says of other things is none of writing."""
    with pytest.raises(RuntimeError) as full:
        torch.save(torch.zeros(100_000), "/dev/full")
    assert is_write_error(full.value)
    with pytest.raises(RuntimeError) as other:
        torch.zeros(2) @ torch.zeros(3)
    assert not is_write_error(other.value)
    assert is_write_error(OSError(errno.EIO, "x"))
    assert not is_write_error(ValueError("x"))


def test_a_folder_is_removed_and_of_a_link_the_link(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "mine").touch()
    for name in ("link", ".link.removed"):
        (tmp_path / name).symlink_to(tmp_path / "victim")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / ".folder.removed").mkdir()  # of a removal that was killed
    (tmp_path / ".folder.removed" / "rest").touch()
    remove_folder(tmp_path / "link")
    remove_folder(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["victim"]
    assert os.listdir(tmp_path / "victim") == ["mine"]
