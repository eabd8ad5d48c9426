"""Places that cannot be written to, and disks that are full: one line, and nothing is left half there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.hostile.driver import contents

INTO = ("prepare", "shard", "merge", "evaluate", "compare", "grade", "check", "inspect")
ON = ("regrade", "view")
EVERYWHERE = (*INTO, "train", "quickstart")
TEXT = {"grade": "expected a file in a folder that exists"}


def mounted(folder: Path, *options: str) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("file systems may not be mounted here")


@pytest.fixture
def disk(scratch):
    """A folder for a small disk of its own, which is gone afterwards."""
    folder = scratch / "disk"
    folder.mkdir()
    yield folder
    while os.path.ismount(folder):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("place", ["/dev/null/x/y", "/proc/x/y"])
@pytest.mark.parametrize("name", EVERYWHERE)
def test_where_nobody_can_write(treadle, given, scratch, name, place):
    said = treadle(*given.command(name, Path(place))).refused()
    assert place in said
    assert os.listdir(scratch) == []
    assert not Path("/dev/null").is_dir()


@pytest.mark.parametrize("name", INTO)
def test_a_name_that_is_too_long(treadle, given, scratch, name):
    treadle(*given.command(name, scratch / ("n" * 300))).refused("n" * 300)
    assert os.listdir(scratch) == []


@pytest.mark.parametrize("name", INTO)
def test_a_long_name_that_is_allowed(treadle, given, scratch, name):
    target = scratch / ("ü" * 127)
    outcome = treadle(*given.command(name, target))
    assert outcome.code == 0, outcome
    assert os.listdir(scratch) == [target.name]


@pytest.mark.parametrize("name", [*INTO, "train"])
def test_a_read_only_disk(treadle, given, disk, name):
    mounted(disk, "-o", "ro")
    treadle(*given.command(name, disk / "target")).refused(str(disk), "Read-only file system")


@pytest.mark.parametrize("name", ON)
def test_a_run_on_a_read_only_disk(treadle, given, disk, name):
    mounted(disk)
    target = given.target(name, disk)
    before = contents(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    treadle(*given.command(name, target)).refused(str(target), "Read-only file system")
    assert contents(disk) == before


def test_what_is_up_to_date_is_not_written(treadle, given, disk):
    mounted(disk)
    command = given.command("prepare", disk / "target")
    assert treadle(*command).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert "up to date" in treadle(*command).out


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize("name", [*INTO, *ON])
def test_a_full_disk(treadle, given, disk, name, blocks):
    mounted(disk, "-o", "size=4m")
    target = given.target(name, disk)
    before = contents(disk)
    free = os.statvfs(disk).f_bavail - blocks
    (disk / "filler").write_bytes(b"x" * (free * 4096))
    full = contents(disk)
    outcome = treadle(*given.command(name, target))
    if outcome.code == 0:  # what it writes is smaller than that
        assert name in ("grade", "inspect", "check", "shard", "compare")
        return
    outcome.refused(str(target), "No space left on device", "Free space on the disk")
    assert contents(disk) == full
    (disk / "filler").unlink()
    assert contents(disk) == before
    assert treadle(*given.command(name, target)).code == 0
    assert not [path for path in contents(disk) if "lock" in path or "partial" in path]


@pytest.mark.parametrize("name", ["prepare", "merge", "evaluate", "compare", "inspect", *ON])
def test_a_limit_on_the_size_of_files(treadle, given, scratch, name):
    target = given.target(name, scratch)
    before = contents(scratch)
    limit = 4000 if name == "compare" else 600  # what it prints comes first
    treadle(*given.command(name, target), file_bytes=limit).refused(str(target), "File too large", "ulimit -f")
    assert contents(scratch) == before


@pytest.mark.parametrize("name", ["check", "inspect", "grade"])
def test_a_device_is_written_to_and_not_replaced(treadle, given, scratch, name):
    more = ("--overwrite",) if name == "grade" else ()
    treadle(*given.command(name, Path("/dev/full")), *more).refused("/dev/full: cannot be written (No space left")
    assert Path("/dev/full").is_char_device()
    assert not [path for path in os.listdir("/dev") if "full" in path and path != "full"]
    assert treadle(*given.command(name, Path("/dev/null")), *more).code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["check", "inspect", "grade"])
def test_a_link_is_refused(treadle, given, scratch, name):
    (scratch / "real").mkdir()
    (scratch / "real" / "file").touch()
    (scratch / "link").symlink_to("real/file")
    more = ("--overwrite",) if name == "grade" else ()
    treadle(*given.command(name, scratch / "link"), *more).refused("a link to real/file")
    assert (scratch / "link").is_symlink()
    assert (scratch / "real" / "file").stat().st_size == 0
    assert os.listdir(scratch / "real") == ["file"]


@pytest.mark.parametrize("name", ["evaluate", "compare", "regrade", "view", "train"])
def test_a_folder_whose_parent_is_read_only(treadle, given, disk, name):
    """As a container has it, whose only writable place is a volume."""
    mounted(disk)
    (disk / "target").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    mounted(disk / "target")
    if name in ON:
        subprocess.run(["cp", "-r", f"{given.folder}/run/.", str(disk / "target")], check=True)
    try:
        (disk / "target" / ".treadle.lock").write_text("1\nelsewhere\n")
        treadle(*given.command(name, disk / "target")).refused("process 1 on elsewhere", ".treadle.lock")
        (disk / "target" / ".treadle.lock").unlink()
        outcome = treadle(*given.command(name, disk / "target"), seconds=120)
        assert outcome.code == 0, outcome
        assert not [path for path in contents(disk) if "lock" in path or "partial" in path]
    finally:
        subprocess.run(["umount", "--lazy", str(disk / "target")], check=True)
