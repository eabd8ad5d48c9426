"""Symbolic links where treadle writes and removes: what a link leads to is never written, emptied or deleted.

A folder above may be a link, as people put runs on another disk, and so may an output folder that is to be filled. A
link among what treadle made itself was put there by somebody else: removing it removes the link, writing to it fails.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO

from treadle.errors import OutputError

# Links to what is open in a process, a file perhaps. Other places in /dev may hold files and links of anybody.
_STREAM = re.compile(r"/dev/(?:std(?:in|out|err)|fd/\d+)|/proc/[\w-]+/(?:task/\d+/)?fd/\d+")


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; of links the links alone. What cannot be
    removed stays, and whatever is to be written there says so."""
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def refuse_link(path: Path) -> None:
    """Raise `OutputError` where a file or folder to be written is a link."""
    if path.is_symlink():
        raise OutputError(
            f"{path}: a link to {os.readlink(path)}, which treadle does not write to; remove the link, or put there "
            "what it leads to"
        )


def is_device(path: Path) -> bool:
    """Whether a path is there and no file: a pipe or a terminal, also by the links that systems have to those. A folder
    counts, too: writing to it fails at once."""
    if _STREAM.fullmatch(os.path.abspath(path)):
        return path.exists()
    return not path.is_symlink() and path.exists() and not path.is_file()


def open_own(path: Path, mode: str) -> IO[str] | IO[bytes]:
    """Open a file of treadle's own for writing or appending, texts in UTF-8.

    Raises:
        OutputError: It is a link.
        OSError: It cannot be opened.
    """
    refuse_link(path)
    return open(path, mode, encoding=None if "b" in mode else "utf-8", opener=_no_link)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
