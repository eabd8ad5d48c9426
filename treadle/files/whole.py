"""Files that appear whole or not at all, and what is said when they cannot be written.

What is written goes to a name beside its own, is synced to the disk and renamed: a process that is killed, or a machine
that loses power, leaves the old content or the new one. File systems that do not keep `fsync` and `rename` to their
word (some network mounts) keep no such promise for treadle either.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError

from treadle.errors import OutputError
from treadle.files.links import open_own, refuse_link, remove

WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
"""What Python, torch and safetensors raise when a file cannot be written; see `is_write_error`."""

# torch's writer reports a full disk as a RuntimeError with one of these, without the system's error number.
_TORCH_WRITES = ("PytorchStreamWriter failed", "unexpected pos", "file write failed")


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write a text file, UTF-8, so that it appears whole; its folder is made where it is missing.

    Args:
        text: The content, or its pieces in order.

    Raises:
        OutputError: It cannot be written, or is a link; what stood there before stays.
    """
    aside = path.with_name(f".{path.name}.partial")
    refuse_link(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(aside)
        with open_own(aside, "xb") as file:
            for piece in [text] if isinstance(text, str) else text:
                file.write(piece.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Wait until everything in a folder, and the folder's own names, are on the disk."""
    for path in sorted(folder.rglob("*")):
        sync_folder(path) if path.is_dir() else sync_file(path)
    sync_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder, renamed to `.NAME.removed` first, so that a kill leaves no part of it under its name; of a link
    the link alone."""
    removed = folder.with_name(f".{folder.name}.removed")
    remove(removed)
    folder.rename(removed)
    sync_folder(folder.parent)
    remove(removed)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_write_error(error: BaseException) -> bool:
    """Whether an error of `WRITE_ERRORS` is about writing a file, not about something else that went wrong."""
    if isinstance(error, RuntimeError):
        return any(text in str(error) for text in _TORCH_WRITES)
    return isinstance(error, OSError | SafetensorError)


def cannot_write(path: Path, error: BaseException, kept: str = "", remedy: str = "") -> OutputError:
    """The error for a file or folder that could not be written.

    Args:
        kept: What is unharmed, as a sentence.
        remedy: What helps besides freeing space, as a sentence.
    """
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or not isinstance(error, OSError)
    reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
    parts = [f"{path}: cannot be written ({reason}); {_free(path)}"]
    parts += [kept] if kept else []
    parts += [f"Free space on the disk{' (or in your quota)' if full else ', or mend the folder'},"]
    parts[-1] += " then run the same command again"
    parts += [remedy] if remedy else []
    return OutputError(". ".join(parts))


def _free(path: Path) -> str:
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    try:
        return f"{shutil.disk_usage(there).free / 2**20:,.1f} MiB are free on its disk"
    except OSError as error:
        return f"how much is free on its disk cannot be found out ({error.strerror})"
