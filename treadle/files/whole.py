"""Files that appear whole or not at all, and what is said when they cannot be written.

What is written goes to a name beside its own, is synced to the disk and renamed: a process that is killed, or a machine
that loses power, leaves the old content or the new one. File systems that do not keep `fsync` and `rename` to their
word (some network mounts) keep no such promise for treadle either.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from safetensors import SafetensorError

from treadle.errors import OutputError
from treadle.files.links import is_device, refuse_link, remove
from treadle.files.scratch import PARTIAL, is_beside, left_behind, own, parents_of

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
    with appearing_file(path) as file:
        for piece in [text] if isinstance(text, str) else text:
            file.write(piece.encode("utf-8", "backslashreplace"))


@contextmanager
def appearing_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write bytes to that takes its name when the block ends well, and vanishes when not.

    What is no file, such as `/dev/stdout` or a pipe, is written to as it is: nothing may take its place.

    Raises:
        OutputError: It cannot be written, or is a link; what stood there before stays.
    """
    with writing(path), ExitStack() as stack:
        if is_device(path):
            with path.open("wb") as file:
                yield file
            return
        refuse_link(path)
        stack.enter_context(parents_of(path))
        for place in left_behind(path, PARTIAL):
            remove(place)
        aside = own(path, PARTIAL)
        stack.callback(remove, aside)
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)


@contextmanager
def writing(path: Path, kept: str = "", remedy: str = "") -> Iterator[None]:
    """What the system says against writing `path`, or to files below it, becomes an `OutputError`.

    An error that names another file is about reading that, and stays as it is. One of a part of `path` that names a
    scratch folder, which nobody asked for, is made to name `path`.

    Args:
        kept, remedy: As for `cannot_write`.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
        if named and not any(_belongs(Path(name), path) for name in named):
            raise
        raise cannot_write(path, error, kept, remedy) from error
    except OutputError as error:
        if f".{PARTIAL}{os.sep}" not in str(error) or not isinstance(error.__cause__, OSError):
            raise
        raise cannot_write(path, error.__cause__, kept, remedy) from error.__cause__


def _belongs(name: Path, path: Path) -> bool:
    """Whether a file is `path`, one below or above it, or has a scratch name beside it."""
    name = Path(os.path.abspath(name))
    places = {Path(os.path.abspath(path)), Path(os.path.realpath(path))}
    return any(place in (name, *name.parents) or name in place.parents or is_beside(name, place) for place in places)


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
    reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
    parts = [f"{path}: cannot be written ({reason}); {_free(path)}"]
    parts += [kept] if kept else []
    parts.append(f"{_what_helps(error)}, then run the same command again")
    parts += [remedy] if remedy else []
    return OutputError(". ".join(parts))


def _what_helps(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or not isinstance(error, OSError):
        return "Free space on the disk (or in your quota)"
    helps = {
        errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
        errno.EMFILE: "Raise the limit on open files (ulimit -n)",
        errno.ENAMETOOLONG: "Choose a shorter name",
        errno.EISDIR: "Choose another name, as a folder has this one",
        errno.ENOTDIR: "Choose another place, as above this one is a file",
        errno.ENOENT: "Choose another place, as nothing can be made in this one",
        errno.EACCES: "Choose another place, or change who may write to this one",
        errno.EPERM: "Choose another place, or change who may write to this one",
        errno.EROFS: "Choose another place, as this one is read-only",
    }
    return helps.get(number, "Free space on the disk, or mend the folder")


def _free(path: Path) -> str:
    try:
        there = next(p for p in path.absolute().parents if p.exists())
        return f"{shutil.disk_usage(there).free / 2**20:,.1f} MiB are free on its disk"
    except OSError as error:
        return f"how much is free on its disk cannot be found out ({error.strerror})"
