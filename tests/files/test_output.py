"""Folders that appear when whole, and what is left beside them."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from treadle.errors import OutputError
from treadle.files.output import appearing, check_out, filling, owned
from treadle.files.scratch import OLD, PARTIAL, left_behind, own

DEAD = 2**22 + 1  # above the largest process number of Linux


def scratch_of(path: Path, host: str = socket.gethostname(), process: int = DEAD, kind: str = PARTIAL) -> Path:
    return path.with_name(f".{path.name}.{host}-{process}-0123abcd.{kind}")


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def write(out: Path, text: str, overwrite: bool = False) -> None:
    with appearing(out, overwrite) as folder:
        (folder / "file").write_text(text)


def stopped(folder: Path, error: BaseException) -> None:
    (folder / "file").write_text("half")
    raise error


def test_a_folder_appears_with_its_rights_and_is_replaced(tmp_path):
    out = tmp_path / "a" / "out"
    write(out, "one")
    assert out.stat().st_mode == (tmp_path / "a").stat().st_mode
    write(out, "two", overwrite=True)
    assert files(out) == {"file": "two"}
    assert os.listdir(tmp_path / "a") == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_folder_that_is_not_finished_is_not_there(tmp_path, error):
    out = tmp_path / "a" / "out"
    with pytest.raises(error), appearing(out, False) as folder:
        stopped(folder, error())
    assert os.listdir(tmp_path) == []


NUMBERS = ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "EMFILE", "EFBIG")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("named", [True, False])
def test_whatever_the_system_says_is_one_line(tmp_path, number, named):
    write(tmp_path / "out", "old")
    code = getattr(errno, number)
    with pytest.raises(OutputError) as told, appearing(tmp_path / "out", True) as folder:
        raise OSError(code, os.strerror(code), str(folder / "file")) if named else OSError(code, os.strerror(code))
    assert str(told.value).startswith(f"{tmp_path / 'out'}: cannot be written ({os.strerror(code)}); ")
    assert "\n" not in str(told.value)
    assert files(tmp_path / "out") == {"file": "old"}
    assert os.listdir(tmp_path) == ["out"]


def test_an_error_of_reading_something_else_is_none_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError), appearing(tmp_path / "out", False):
        Path("/elsewhere/input").read_text()
    assert os.listdir(tmp_path) == []


def test_two_that_write_at_once_do_not_share_a_folder(tmp_path):
    with pytest.raises(OutputError, match="Directory not empty"), appearing(tmp_path / "out", False):
        write(tmp_path / "out", "other")
    assert files(tmp_path / "out") == {"file": "other"}
    assert os.listdir(tmp_path) == ["out"]


def test_what_killed_commands_left_goes(tmp_path):
    out = tmp_path / "out"
    left = [scratch_of(out), scratch_of(out, "elsewhere"), scratch_of(out, kind=OLD)]
    others = [own(out, PARTIAL), scratch_of(tmp_path / "out2"), tmp_path / ".out.partial", tmp_path / ".out.x.partial"]
    for path in (*left, *others, out):
        path.mkdir()
    assert left_behind(out, PARTIAL) == left[:1]
    with owned(out):
        pass
    assert set(tmp_path.iterdir()) == {*others, out}


def test_a_folder_that_lost_its_name_gets_it_back(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    out.rename(scratch_of(out, kind=OLD))
    scratch_of(out).mkdir()
    with owned(out):
        assert files(out) == {"file": "old"}
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_is_filled_and_keeps_its_other_files(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    (out / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), filling(out) as folder:
        stopped(folder, KeyboardInterrupt())
    assert files(out) == {"mine": "mine", "file": "old"}
    with filling(out) as folder:
        (folder / "file").write_text("new")
    assert files(out) == {"mine": "mine", "file": "new"}


def test_a_lock_takes_no_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".treadle.lock").touch()
    check_out(out, False, "marker")
    (out / "file").touch()
    with pytest.raises(OutputError, match="exists already"):
        check_out(out, False, "marker")
