"""A folder of this process for copies of rows, in place of the cache that `datasets` keeps in the user's home.

The files are memory-mapped, so that rows need not be held in memory, and go with the process: at its end, or, where
it was killed, when the next one makes a folder. The folder is in the directory for temporary files (`TMPDIR`).
"""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.errors import OutputError

if TYPE_CHECKING:
    from datasets import Dataset

try:
    import fcntl
except ImportError:  # no Unix: what a killed process left stays
    fcntl = None

PREFIX = "treadle-rows-"
YOUNG_SECONDS = 60.0
"""Within which a folder may not yet have the lock of the process that made it."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EACCES, errno.EROFS)

_own: tuple[int, Path, int] | None = None


def copies_folder() -> str:
    """This process's folder, made when it is first asked for; only its user can look into it.

    A forked process has one of its own.
    """
    global _own
    if _own is None or _own[0] != os.getpid():
        _sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        handle = os.open(folder, os.O_RDONLY)
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_SH)  # a process forked from this one holds it, too, and may read the rows
        if _own is None:
            atexit.register(remove_copies)
        _own = os.getpid(), folder, handle
    return str(_own[1])


def mapped(file: Path, features: Any = None) -> Dataset:
    """The rows of a parquet file, memory-mapped from a copy in the folder.

    Raises:
        OutputError: The copy has no room.
    """
    from datasets import Dataset

    with with_room():
        return Dataset.from_parquet(str(file), features=features, cache_dir=copies_folder())


@contextmanager
def with_room() -> Iterator[None]:
    """Raise `OutputError` where the folder cannot be made or its disk is full."""
    try:
        yield
    except Exception as error:  # `datasets` wraps what went wrong in an error of its own
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and (cause.errno in _NO_ROOM or "disk space" in str(cause)):
            place = os.environ.get("TMPDIR", "the directory for temporary files")
            raise OutputError(
                f"{place}: copies of the rows cannot be written there ({cause.strerror or cause}); set TMPDIR to a "
                "folder with more room"
            ) from error
        raise


def remove_copies() -> None:
    """Remove this process's folder, if it has one. Rows that are still mapped stay readable until they are let go."""
    global _own
    if _own is not None and _own[0] == os.getpid():
        shutil.rmtree(_own[1], ignore_errors=True)
        os.close(_own[2])
        _own = None


def _sweep(place: Path) -> None:
    """Remove the folders of this user's processes that ended without doing so."""
    if fcntl is None:
        return
    for folder in place.glob(f"{PREFIX}*"):
        try:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            if time.time() - found.st_mtime < YOUNG_SECONDS:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
        except OSError:  # in use, or gone meanwhile
            continue
