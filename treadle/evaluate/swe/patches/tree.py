"""The files below a folder that may hold anything: read and written by path, never through a link."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault
from treadle.evaluate.swe.patches.names import wrong_path
from treadle.files.whole import writing

LARGEST = 64 << 20
"""Bytes of a file that is read."""
_ASIDE = ".treadle-patch-"


class TreeFiles(Mapping[str, str]):
    """Text of each file by its path, read when it is asked for; bytes that are no UTF-8 are kept as surrogates.

    Args:
        root: The folder.

    Asking for a path raises `PatchError` where it must not be touched, see `wrong_path`, leads through a link, to
    what is no file, or to a file larger than `LARGEST`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, path: str) -> str:
        if said := wrong_path(path):
            raise PatchError(PatchFault.OUTSIDE, f"{path[:200]!r}: {said}")
        found = _status(self.root, path)
        if found is None:
            raise KeyError(path)
        if not stat.S_ISREG(found.st_mode):
            raise PatchError(PatchFault.OUTSIDE, f"{path}: a link, a folder or a device, expected a file")
        if found.st_size > LARGEST:
            raise PatchError(PatchFault.TOO_LARGE, f"{path}: {found.st_size:,} bytes, at most {LARGEST:,} are read")
        return (self.root / path).read_bytes().decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name != ".git")
            for name in sorted(files):
                place = Path(folder, name)
                if place.is_file() and not place.is_symlink():
                    yield place.relative_to(self.root).as_posix()

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _status(root: Path, path: str) -> os.stat_result | None:
    """Of the file at a path; `None` where there is none.

    Raises:
        PatchError: A folder of the path is a link.
    """
    place, parts = root, path.split("/")
    for part in parts[:-1]:
        place = place / part
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(found.st_mode):
            raise PatchError(PatchFault.OUTSIDE, f"{path}: leads through a link, {place.relative_to(root)}")
        if not stat.S_ISDIR(found.st_mode):
            return None
    try:
        return (place / parts[-1]).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_tree(
    root: Path,
    files: Mapping[str, str | None],
    executable: Mapping[str, bool] | None = None,
    origins: Mapping[str, str] | None = None,
) -> None:
    """Write files below a folder: all of them, or none.

    Args:
        files: New text of each; `None` removes it, with the folders that it leaves empty.
        executable: Whether files can be executed, for those where that changes.
        origins: Files whose mode a new one takes over.

    Raises:
        OutputError: They cannot be written; the tree is as it was.
    """
    tree, before = TreeFiles(root), {}
    modes: dict[str, int] = {}
    for path in files:
        before[path] = tree.get(path)
        found = _status(root, path) or _status(root, (origins or {}).get(path, path))
        mode = stat.S_IMODE(found.st_mode) if found else 0o644
        if executable and path in executable:
            mode = mode | 0o111 if executable[path] else mode & ~0o111
        modes[path] = mode
    old_modes = {path: stat.S_IMODE(found.st_mode) for path in files if (found := _status(root, path))}
    try:
        with writing(root):
            _write(root, files, modes)
    except BaseException:
        with suppress(OSError):
            _write(root, before, {path: old_modes.get(path, 0o644) for path in before})
        raise


def _write(root: Path, files: Mapping[str, str | None], modes: Mapping[str, int]) -> None:
    for path, text in files.items():
        if text is None:
            with suppress(FileNotFoundError, NotADirectoryError):
                (root / path).unlink()
            _remove_empty(root, (root / path).parent)
    for path, text in files.items():
        if text is not None:
            _write_one(root, root / path, text.encode("utf-8", "surrogateescape"), modes[path])


def _remove_empty(root: Path, folder: Path) -> None:
    with suppress(OSError):  # the first that holds something
        while folder != root:
            folder.rmdir()
            folder = folder.parent


def _write_one(root: Path, place: Path, content: bytes, mode: int) -> None:
    """Write a file beside its place first: other names of it, as package managers link them, keep their content."""
    owner = root.lstat()
    missing = []
    folder = place.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir()
        _give(folder, owner)
    aside = place.with_name(f"{_ASIDE}{secrets.token_hex(8)}")  # a name that no patch can have taken
    try:
        with aside.open("xb") as file:
            file.write(content)
        aside.chmod(mode)
        _give(aside, owner)
        aside.replace(place)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _give(place: Path, owner: os.stat_result) -> None:
    """Files belong to whom the tree belongs: an unprivileged user, where root prepares it."""
    if os.geteuid() == 0:
        os.chown(place, owner.st_uid, owner.st_gid)
