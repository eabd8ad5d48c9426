"""The folder for copies of rows: its user's alone, one for each process, and gone with it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treadle.errors import OutputError
from treadle.files import row_copies
from treadle.files.row_copies import PREFIX, copies_folder, mapped, remove_copies, with_room

MAKE = "from treadle.files.row_copies import copies_folder\nprint(copies_folder(), flush=True)\n"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A directory for temporary files of the test's own, in a process that has no folder yet."""
    monkeypatch.setattr(row_copies.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(row_copies, "_own", None)
    yield tmp_path
    remove_copies()


def aged(path):
    os.utime(path, (0, 0), follow_symlinks=False)
    return path


def folder_of(place, code):
    """The folder that another process made, and its way to end."""
    environment = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", MAKE + code], capture_output=True, text=True, env=environment)
    return Path(process.stdout.split()[0])


def test_a_folder_of_ones_own(place):
    folder = Path(copies_folder())
    assert folder.parent == place
    assert folder.name.startswith(PREFIX)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert copies_folder() == str(folder)
    remove_copies()
    assert not folder.exists()
    remove_copies()  # twice does no harm
    assert copies_folder() != str(folder)


def test_it_goes_with_its_process_and_of_a_killed_one_with_the_next(place):
    assert not folder_of(place, "").exists()
    killed = folder_of(place, "import os; os.kill(os.getpid(), 9)")
    assert killed.is_dir()
    copies_folder()
    assert killed.is_dir(), "too young to know that nobody holds it"
    remove_copies()
    aged(killed)
    copies_folder()
    assert not killed.exists()


def test_what_is_in_use_young_or_a_link_stays(place):
    used = aged(Path(copies_folder()))
    (place / "kept").mkdir()
    link = place / f"{PREFIX}link"
    link.symlink_to(place / "kept")
    aged(link)
    file = place / f"{PREFIX}file"
    file.touch()
    aged(file)
    young = place / f"{PREFIX}young"
    young.mkdir()
    old = place / f"{PREFIX}old"
    old.mkdir()
    aged(old)
    row_copies._sweep(place)
    assert not old.exists()
    assert all(path.exists() for path in (used, place / "kept", link, file, young))


def test_a_forked_process_has_another(place):
    mine = copies_folder()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, copies_folder().encode())
            remove_copies()
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    theirs = os.read(read, 1000).decode()
    os.close(read)
    assert theirs.startswith(str(place / PREFIX))
    assert theirs != mine
    assert not Path(theirs).exists()
    assert Path(mine).is_dir()


def test_rows_are_mapped_from_it(place, tmp_path):
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "rows.parquet")
    rows = mapped(tmp_path / "rows.parquet")
    assert rows["n"][:] == [1, 2]
    assert all(Path(file["filename"]).is_relative_to(copies_folder()) for file in rows.cache_files)
    assert rows.cache_files
    remove_copies()
    assert rows["n"][:] == [1, 2], "mapped rows stay readable"


def test_no_room_is_said(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/small")
    with (
        pytest.raises(OutputError, match=r"/small: copies of the rows .*No space left on device.*set TMPDIR"),
        with_room(),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match="Disk quota"), with_room():
        raise RuntimeError("while generating") from OSError(errno.EDQUOT, "Disk quota exceeded")
    with pytest.raises(OSError, match="broken"), with_room():
        raise OSError(errno.EIO, "broken")


def test_a_directory_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(row_copies.tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="set TMPDIR"), with_room():
        copies_folder()
