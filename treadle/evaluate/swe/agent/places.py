"""Files of a checkout that an agent has had in its hands, opened without being led out of it.

An agent may make links, pipes and folders of any name in its checkout. Nothing here follows a link that leads outside,
waits for a pipe, or reads without a limit. Nothing that an agent started runs between its calls, so that what was
looked at is what is then opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from treadle.evaluate.swe.patches.names import wrong_path

MOST_BYTES = 4 << 20
"""Larger files are neither shown nor compared."""
MOST_FILES = 100_000
GENERATED = {
    ".git",
    ".hg",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".eggs",
}
"""Folders and files that tools make and that belong to no change."""
_SUFFIXES = (".pyc", ".pyo", ".egg-info", ".so", ".orig", ".rej")


def inside(root: Path, path: str, mount: str) -> Path | None:
    """The file of the checkout at `root` that an agent calls `path`; `None` where it is outside of `mount`.

    Links are followed as long as they stay in the checkout.
    """
    if "\0" in path:
        return None
    plain = os.path.normpath(path)
    if plain != mount and not plain.startswith(mount + "/"):
        return None
    top = Path(os.path.realpath(root))
    try:
        place = Path(os.path.realpath(top / os.path.relpath(plain, mount)))
    except (OSError, ValueError):
        return None
    return place if place == top or place.is_relative_to(top) else None


def read_text(path: Path) -> str | None:
    """The text of a regular file with its line ends as they are; `None` where it is none, too large, not UTF-8
    or has characters of code 0."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return None
        with suppress(UnicodeDecodeError):
            text = file.read(MOST_BYTES + 1).decode()
            return None if "\0" in text else text
    return None


def write_text(root: Path, path: Path, text: str) -> None:
    """Write a file of the checkout; what is made belongs to the checkout's owner, whom the sandbox runs as.

    Raises:
        OSError: It cannot be written.
    """
    made = [folder for folder in path.parents if folder.is_relative_to(root) and not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
    if os.geteuid() == 0:
        owner = root.stat()
        for place in [*made, *([path] if new else [])]:
            os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """The regular files of a checkout as path within it and path, sorted; generated ones and links are left out."""
    pending, count = [root], 0
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name in GENERATED or entry.name.endswith(_SUFFIXES):
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                count += 1
                if count > MOST_FILES:
                    return
                yield os.path.relpath(entry.path, root), Path(entry.path)


class Texts(Mapping[str, str]):
    """The text files of a checkout that nobody changes, by their paths; each is read when it is asked for."""

    def __init__(self, root: Path) -> None:
        self._paths = {name: path for name, path in walk(root) if read_text(path) is not None}

    def __getitem__(self, name: str) -> str:
        text = read_text(self._paths[name])
        if text is None:
            raise KeyError(name)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def texts(root: Path) -> dict[str, str]:
    """The text of every file of a checkout that has one."""
    found = {name: read_text(path) for name, path in walk(root)}
    return {name: text for name, text in found.items() if text is not None}


def changes(before: Path | dict[str, str], root: Path) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """The files that differ, as they were and as they are; `None` where there was or is none.

    Args:
        before: The checkout as it was, or its texts. A file that is no text on either side is no part of a change, nor
            is one with a path that no patch may touch, such as `git~1/a`.
    """
    then: dict[str, str | None] = {}
    now: dict[str, str | None] = {}
    old = dict(walk(before)) if isinstance(before, Path) else before
    new = dict(walk(root))
    for name in sorted(old.keys() | new.keys()):
        was = old.get(name)
        first = read_text(was) if isinstance(was, Path) else was
        second = read_text(new[name]) if name in new else None
        unread = (name in old and first is None) or (name in new and second is None)
        if first != second and not unread and not wrong_path(name):
            then[name], now[name] = first, second
    return then, now
