"""One command at a time writes a file or folder; another is told who does.

The lock is a file beside what is written, with the process and host that hold it: `filelock.SoftFileLock`, which needs
nothing of the file system but that a file is made by one of several processes. A kernel's lock (`flock`) would be lost
or refused on some network mounts, and kept by worker processes that outlive a command which was killed. A lock whose
process is gone is taken over on the same host; on another nobody can know, and the message says what to delete.
"""

from __future__ import annotations

import errno
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from filelock import SoftFileLock, Timeout

from treadle.errors import OutputError
from treadle.files.scratch import LOCK, beside, parents_of
from treadle.files.whole import cannot_write

INSIDE = f".treadle.{LOCK}"
"""The lock of a folder whose parent cannot be written to lies in the folder itself, under this name."""

PATIENCE = 0.5
"""Seconds that a command waits for another that is just ending."""
_COMMAND_CHARACTERS = 80
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not exist, while the block runs.

    Raises:
        OutputError: Another process holds it, or no lock can be made there.
    """
    with ExitStack() as stack:
        try:
            place = path.resolve()
            stack.enter_context(parents_of(place))
            lock = _acquired(place, path)
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise cannot_write(path, error) from error
        stack.callback(lock.release, force=True)
        yield


def _acquired(place: Path, path: Path) -> SoftFileLock:
    try:
        return _acquired_at(beside(place, LOCK), path)
    except OSError as error:
        if error.errno not in _NO_RIGHT or not place.is_dir():
            raise
        return _acquired_at(place / INSIDE, path)


def _acquired_at(file: Path, path: Path) -> SoftFileLock:
    lock = SoftFileLock(file, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(
            f"{path} is being written by {holder(file)}; wait for it, choose another place to write to, or, if that "
            f"process is gone, delete {file}"
        ) from None
    return lock


def holder(file: Path) -> str:
    """Who holds a lock, in words: the command where its process can be asked, the process, its host, and since when."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(file.stat().st_mtime))
    except OSError:
        return "another process"
    if len(lines) not in (2, 3) or not lines[0].isdecimal():
        return f"a process that did not write down which it is (since {since})"
    host = lines[1].partition("?")[0]  # what follows tells containers of one host apart
    said = _command(int(lines[0])) if host == os.uname().nodename else ""
    return f"{f'`{said}`' if said else 'another command'} (process {lines[0]} on {host}, since {since})"


def _command(process: int) -> str:
    """What a process of this host was started with, `treadle` first, on one line; empty where nobody may know."""
    try:
        words = psutil.Process(process).cmdline()
    except psutil.Error:
        return ""
    for place, word in enumerate(words):
        if word == "treadle.cli" or Path(word).name == "treadle":
            words = ["treadle", *words[place + 1 :]]
            break
    said = " ".join(shlex.join(words).split())
    return said if len(said) <= _COMMAND_CHARACTERS else f"{said[:_COMMAND_CHARACTERS]}..."
