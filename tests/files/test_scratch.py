"""Names beside what is written, and whose they are."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from treadle.files.scratch import LOCK, OLD, PARTIAL, beside, is_beside, left_behind, own, parents_of

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_names_beside(tmp_path):
    path = tmp_path / "out.json"
    assert beside(path, LOCK) == tmp_path / ".out.json.lock"
    mine = own(path, PARTIAL)
    assert re.fullmatch(rf"\.out\.json\..+-{os.getpid()}-[0-9a-f]{{8}}\.partial", mine.name)
    assert mine.parent == tmp_path
    assert own(path, PARTIAL) != mine, "no two calls use one"


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_names_of_any_length_have_room(tmp_path, name):
    """File systems take names of 255 bytes."""
    own(tmp_path / name, PARTIAL).touch()
    beside(tmp_path / name, LOCK).touch()
    assert len(os.listdir(tmp_path)) == 2


def test_what_a_process_that_ended_left(tmp_path, gone):
    path = tmp_path / "out"
    older, newer = (tmp_path / f".out.{HOST}-{gone}-0000000{n}.partial" for n in (2, 1))
    for seconds, place in enumerate((older, newer), 1):
        place.touch()
        os.utime(place, (seconds, seconds))
    others = [
        f".out.{HOST}-{os.getpid()}-00000000.partial",
        f".out.{HOST}-{os.getppid()}-00000000.partial",
        f".out.{HOST}-{gone}-00000000.old",
        f".other.{HOST}-{gone}-00000000.partial",
        f".out.{HOST}-{gone}.partial",
        ".out.mine.partial",
    ]
    for name in others:
        (tmp_path / name).touch()
    assert left_behind(path, PARTIAL) == [older, newer]
    assert left_behind(path, OLD) == [tmp_path / others[2]]


def test_of_another_host_only_who_is_alone_knows(tmp_path):
    place = tmp_path / f".out.elsewhere-{os.getpid()}-00000000.partial"
    place.touch()
    assert left_behind(tmp_path / "out", PARTIAL) == []
    assert left_behind(tmp_path / "out", PARTIAL, alone=True) == [place]


def test_a_link_to_nothing_hides_no_other(tmp_path, gone):
    link = tmp_path / f".out.{HOST}-{gone}-00000001.partial"
    link.symlink_to(tmp_path / "nothing")
    file = tmp_path / f".out.{HOST}-{gone}-00000002.partial"
    file.touch()
    assert set(left_behind(tmp_path / "out", PARTIAL)) == {link, file}


def test_no_folder_has_nothing_left(tmp_path):
    assert left_behind(tmp_path / "nowhere" / "out", PARTIAL) == []


def test_what_is_beside(tmp_path):
    path = tmp_path / "out"
    assert is_beside(own(path, PARTIAL) / "files" / "a", path)
    assert is_beside(beside(path, LOCK), path)
    assert not is_beside(path, path)
    assert not is_beside(path / "a", path)
    assert not is_beside(tmp_path / "a" / ".out.lock", path)


def test_parents_that_stay_empty_go_again(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(FileNotFoundError), parents_of(tmp_path / "there" / "a" / "b" / "out"):
        (tmp_path / "there" / "a" / "b" / "source").read_bytes()
    with parents_of(tmp_path / "there" / "a" / "b" / "out"):
        assert (tmp_path / "there" / "a" / "b").is_dir()
    assert os.listdir(tmp_path) == ["there"]
    assert os.listdir(tmp_path / "there") == []
    with parents_of(tmp_path / "a" / "b" / "out"):
        (tmp_path / "a" / "file").touch()
    assert os.listdir(tmp_path / "a") == ["file"]


def test_the_oldest_is_named_by_time_not_by_name(tmp_path, gone):
    now = time.time()
    for age, name in ((1, "a"), (3, "b"), (2, "c")):
        place = tmp_path / f".out.{HOST}-{gone}-0000000{name}.old"
        place.touch()
        os.utime(place, (now - age, now - age))
    assert [place.name[-5] for place in left_behind(tmp_path / "out", OLD)] == ["b", "c", "a"]
