"""Names beside a file or folder: for what is being written, what is being replaced, and who writes.

    .NAME.lock                       a command writes NAME, see `treadle.files.locks`
    .NAME.HOST-PID-RANDOM.partial    what becomes NAME when it is whole
    .NAME.HOST-PID-RANDOM.old        what NAME was, until the new one has its name

Host and process tell whose a scratch name is, so that one that a killed process left is known as such, and another's
work is never taken for it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PARTIAL, OLD, LOCK = "partial", "old", "lock"
_LONGEST = 120  # bytes of a name that scratch names repeat: file systems allow 255
_OWNER = re.compile(r"(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}")


def beside(path: Path, kind: str) -> Path:
    """The name of one kind beside `path`, the same in every process."""
    return path.with_name(f".{_stem(path)}.{kind}")


def own(path: Path, kind: str) -> Path:
    """A name of one kind beside `path` that no other process, and no other call, uses."""
    return path.with_name(f".{_stem(path)}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{kind}")


def left_behind(path: Path, kind: str, alone: bool = False) -> list[Path]:
    """What killed processes left of one kind beside `path`, oldest first.

    Args:
        alone: No other process writes to `path`, so what another host's process made is left behind, too. Without that
            nobody can know.
    """
    begin, end = f".{_stem(path)}.", f".{kind}"
    with suppress(OSError):
        names = [name for name in os.listdir(path.parent) if name.startswith(begin) and name.endswith(end)]
        owners = {name: _OWNER.fullmatch(name[len(begin) : -len(end)]) for name in names}
        found = [path.with_name(name) for name, owner in owners.items() if owner and _is_gone(owner, alone)]
        return sorted(found, key=lambda place: place.lstat().st_mtime_ns)
    return []


def is_beside(name: Path, path: Path) -> bool:
    """Whether a file is, or lies in, what has a name of these beside `path`."""
    begin = f".{_stem(path)}."
    return any(place.parent == path.parent and place.name.startswith(begin) for place in (name, *name.parents))


@contextmanager
def parents_of(path: Path) -> Iterator[None]:
    """The folders above `path`, made where they are missing; those that are empty at the end go again."""
    missing = [place for place in path.parents if not place.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # what exists is no folder
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from None
        yield
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()


def _is_gone(owner: re.Match[str], alone: bool) -> bool:
    if owner["host"] != _host():
        return alone
    return int(owner["pid"]) != os.getpid() and not psutil.pid_exists(int(owner["pid"]))


def _stem(path: Path) -> str:
    name = os.fsencode(path.name)
    return path.name if len(name) <= _LONGEST else hashlib.sha256(name).hexdigest()[:16]


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())[:60] or "host"
