"""Links where treadle writes and removes: what they lead to stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from treadle.errors import OutputError
from treadle.files.links import is_device, open_own, refuse_link, remove


@pytest.fixture
def victim(tmp_path):
    """A folder with a file, which links lead to; it is whole at the end."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "mine").write_text("precious")
    yield folder
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("mine", "precious")]


@pytest.fixture
def place(tmp_path):
    """The folder that is worked in."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_removing_removes_links_alone(place, victim):
    (place / "folder" / "deeper").mkdir(parents=True)
    (place / "folder" / "deeper" / "inner").symlink_to(victim)
    (place / "folder" / "deeper" / "file").touch()
    (place / "to folder").symlink_to(victim)
    (place / "to file").symlink_to(victim / "mine")
    (place / "to nothing").symlink_to(place / "nowhere")
    (place / "file").touch()
    for name in ("folder", "to folder", "to file", "to nothing", "file", "not there"):
        remove(place / name)
    assert os.listdir(place) == []


@pytest.mark.parametrize("to", ["mine", ".", "nowhere"])
def test_a_link_is_refused_with_what_it_leads_to(place, victim, to):
    (place / "a").symlink_to(victim / to)
    with pytest.raises(OutputError) as caught:
        refuse_link(place / "a")
    assert str(caught.value).startswith(f"{place / 'a'}: a link to {victim / to}, which treadle does not write to")


def test_what_is_no_link_is_not_refused(place):
    refuse_link(place)
    refuse_link(place / "nothing yet")
    (place / "linked").symlink_to(place)
    refuse_link(place / "linked" / "out")  # folders above may be links


@pytest.mark.parametrize("mode", ["w", "a", "wb", "ab", "r+"])
def test_no_journal_is_opened_through_a_link(place, victim, mode):
    (place / "a").symlink_to(victim / "mine")
    with pytest.raises(OutputError, match="a: a link to"):
        open_own(place / "a", mode)


def test_a_link_that_comes_between_look_and_opening(place, victim, monkeypatch):
    """Who puts it there in that moment is told so by the system."""
    (place / "a").symlink_to(victim / "mine")
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)
    with pytest.raises(OSError, match="symbolic links"):
        open_own(place / "a", "w")


def test_files_of_ones_own(place):
    with open_own(place / "a", "w") as file:
        file.write("ü")
    with open_own(place / "a", "ab") as file:
        file.write(b"\n")
    assert (place / "a").read_bytes() == b"\xc3\xbc\n"
    assert (place / "a").stat().st_mode & 0o111 == 0


def test_devices(place):
    os.mkfifo(place / "pipe")
    assert is_device(place / "pipe")
    assert all(is_device(Path(name)) for name in ("/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"))
    (place / "file").touch()
    (place / "link").symlink_to("/dev/null")
    names = ("file", "link", "nothing")
    assert not any(is_device(place / name) for name in names)
    assert not is_device(Path("/dev/fd/99999"))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no /dev/shm to write to")
def test_files_in_memory_are_files(victim):
    """/dev/shm is a disk, where files appear whole and links are refused as elsewhere."""
    folder = Path("/dev/shm") / f"treadle-test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "file").touch()
        (folder / "link").symlink_to(victim / "mine")
        assert not is_device(folder / "file")
        assert not is_device(folder / "link")
    finally:
        remove(folder)
    assert not folder.exists()
