"""Folders that what a model wrote has had in its hands: of any depth, with any modes, walked and removed.

`os.walk` and `shutil.rmtree` call themselves for each level, and the system refuses paths of more than 4096 bytes;
a program that goes down step by step can make folders deeper than both.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from treadle.errors import TreadleError

_LONG = 2000  # bytes of a path below the folder; the name of one more part always fits


def entries_of(root: Path) -> Iterator[os.DirEntry[str]]:
    """All that is below a folder; links are not followed, and what cannot be read, or has too long a path, is left
    out."""
    pending = [os.fspath(root)]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                yield entry


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, whatever its modes and its depth; of links the links alone.

    Raises:
        TreadleError: Something in it cannot be removed.
    """
    if not os.path.lexists(folder):
        return
    try:
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink()
        else:
            os.chmod(folder, 0o700)
            _remove(folder)
    except OSError as error:
        raise TreadleError(f"{folder}: cannot be removed ({error.strerror}); remove it by hand") from error


def _remove(folder: Path) -> None:
    """Files first and then the folders, the deepest first. A folder whose path gets long is brought up to the top."""
    token, top = secrets.token_hex(8), os.fspath(folder)
    pending, found = [top], []
    while pending:
        place = pending.pop()
        if len(os.fsencode(place)) > len(os.fsencode(top)) + _LONG:
            up = os.path.join(top, f"{token}-{len(found)}")
            os.rename(place, up)
            place = up
        found.append(place)
        with os.scandir(place) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)
    for place in reversed(found):
        os.rmdir(place)
