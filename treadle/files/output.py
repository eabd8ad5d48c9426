"""Output folders: what may be written where, what `--overwrite` may replace, and folders that appear when whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from treadle.errors import OutputError
from treadle.files.links import remove
from treadle.files.locks import INSIDE, alone
from treadle.files.scratch import OLD, PARTIAL, left_behind, own, parents_of
from treadle.files.whole import cannot_write, sync_folder, sync_tree, writing

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""First part of a path that was an address, `s3://bucket/x`; one letter is a drive."""


def check_out(out: Path, overwrite: bool, marker: str, source: str | Path | None = None) -> None:
    """Make sure that a command may write the folder `out`.

    Args:
        overwrite: Whether an earlier result may be replaced. Anything else is never replaced.
        marker: File by which a folder is known to be an earlier result.
        source: The command's input, which must not be replaced either.

    Raises:
        OutputError: `out` is taken, is no place for a folder, or holds what is not treadle's; or it is a link to what
            `--overwrite` would delete.
    """
    check_place(out)
    if not out.exists() or (out.is_dir() and all(path.name == INSIDE for path in out.iterdir())):
        return
    if not overwrite:
        raise OutputError(f"{out} exists already; choose another folder with -o, or replace it with --overwrite")
    if out.is_symlink():
        raise OutputError(
            f"{out}: a link to {os.readlink(out)}, and --overwrite deletes nothing through a link; give that folder "
            "itself with -o, or remove the link"
        )
    if not (out / marker).is_file():
        raise OutputError(
            f"{out}: holds no {marker}, so it is not an earlier result, and --overwrite does not replace it; "
            "choose another folder with -o"
        )
    if source is not None and Path(source).exists() and Path(source).resolve().is_relative_to(out.resolve()):
        raise OutputError(f"{out}: holds the input {source}, which --overwrite would delete; choose another folder")


def check_place(out: Path) -> None:
    """Raise `OutputError` where no folder is made: at a file, under one, at a link to nothing, at the working folder
    itself, at the root of the file system, or at an address, which would become folders that are called so."""
    if len(out.parts) > 1 and _SCHEME.fullmatch(out.parts[0]) and not Path(out.parts[0]).exists():
        raise OutputError(f"{out}: an address; results are written to folders alone, so choose one of this computer")
    try:
        lost = next((p for p in (out, *out.parents) if p.is_symlink() and not p.exists()), None)
        place = None if lost is not None else out.resolve()
        here, top = place == Path.cwd(), place is not None and place == place.parent
        file = next((p for p in (out, *out.parents) if p.exists() and not p.is_dir()), None)
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        raise cannot_write(out, error) from error
    if lost is not None:
        raise OutputError(
            f"{out}: {lost} is a link to {os.readlink(lost)}, which is not there; make that, or remove it"
        )
    if top:
        raise OutputError(f"{out}: the root of the file system; choose a folder in it")
    if here:
        raise OutputError(f"{out}: this is the working folder; choose a folder in it with -o")
    if file is not None:
        raise OutputError(f"{out}: {file} is a file; choose another folder")


@contextmanager
def owned(out: Path) -> Iterator[None]:
    """Write to the folder `out` alone, see `treadle.files.locks`; what killed commands left beside it is cleared away.

    Raises:
        OutputError: Another command writes it, or it is no place for a folder.
    """
    check_place(out)
    with alone(out):
        put_back(out)
        yield


def put_back(out: Path) -> None:
    """Clear away what a killed command left beside `out`; where it was killed between moving the old folder away and
    giving the new one its name, the old one gets its name back. For the holder of the lock alone."""
    olds = left_behind(out, OLD, alone=True)
    if olds and not out.exists():
        with writing(out):
            olds.pop().rename(out)
    for place in (*olds, *left_behind(out, PARTIAL, alone=True)):
        remove(place)


@contextmanager
def filling(out: Path) -> Iterator[Path]:
    """A scratch folder whose files move into the folder `out` when the block ends well, and vanish when not.

    Other files of `out` stay. A kill while they move leaves some new and some old ones, each whole.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(out), ExitStack() as stack:
        place = Path(os.path.realpath(out))
        stack.enter_context(parents_of(place))
        made = not place.exists()
        place.mkdir(exist_ok=True)
        if made:
            stack.callback(_remove_empty, place)
        scratch = own(place / "files", PARTIAL)
        stack.callback(remove, scratch)
        for leftover in left_behind(place / "files", PARTIAL, alone=True):
            remove(leftover)
        scratch.mkdir()
        yield scratch
        for path in sorted(scratch.iterdir()):
            path.replace(place / path.name)
        sync_folder(place)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def make_empty(out: Path, marker: str) -> None:
    """Remove a folder with an earlier result, where it is there; the file by which that is known goes last.

    Raises:
        OutputError: Something in it cannot be removed.
    """
    with writing(out):
        paths = [path for path in out.iterdir() if path.name != INSIDE] if out.is_dir() else []
        for path in sorted(paths, key=lambda path: path.name == marker):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        _remove_empty(out)  # not where it is a mount, or this command's lock lies in it


@contextmanager
def appearing(out: Path, overwrite: bool) -> Iterator[Path]:
    """A scratch folder beside `out` that takes its name when the block ends well, and vanishes when not.

    Who reads `out` meanwhile finds the old folder or the new one; for an instant in between neither.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(out), ExitStack() as stack:
        place = Path(os.path.realpath(out))
        stack.enter_context(parents_of(place))
        scratch, old = own(place, PARTIAL), own(place, OLD)
        stack.callback(remove, scratch)
        scratch.mkdir()
        yield scratch
        sync_tree(scratch)
        if place.exists() and overwrite:
            place.rename(old)
            try:
                scratch.rename(place)
            except BaseException:
                old.rename(place)
                raise
            removed = own(place, PARTIAL)
            old.rename(removed)  # so that nobody gives a folder that is half removed its name back
            remove(removed)
        else:
            scratch.rename(place)
        sync_folder(place.parent)
