"""Output folders: what may be written where, what `--overwrite` may replace, and folders that appear when whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle.errors import OutputError
from treadle.files.links import remove


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
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
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
    """Raise `OutputError` where no folder can be made: at a file, under one, at a link to nothing, or at the working
    folder itself."""
    lost = next((p for p in (out, *out.parents) if p.is_symlink() and not p.exists()), None)
    if lost is not None:
        raise OutputError(
            f"{out}: {lost} is a link to {os.readlink(lost)}, which is not there; make that, or remove it"
        )
    if out.resolve() == Path.cwd():
        raise OutputError(f"{out}: this is the working folder; choose a folder in it with -o")
    file = next((p for p in (out, *out.parents) if p.exists() and not p.is_dir()), None)
    if file is not None:
        raise OutputError(f"{out}: {file} is a file; choose another folder")


def remove_result(out: Path) -> None:
    """Remove an earlier result that `check_out` has let pass; a link to an empty folder stays, to be filled.

    Raises:
        OutputError: Something of it cannot be removed.
    """
    if out.is_symlink():
        return
    remove(out)
    if out.exists():
        raise OutputError(f"{out}: cannot be removed whole; look at its rights, or choose another folder with -o")


@contextmanager
def appearing(out: Path, overwrite: bool) -> Iterator[Path]:
    """A scratch folder beside `out` that takes its name when the block ends well, and vanishes when not.

    Where `out` is a link to an empty folder, it is that folder that is filled.
    """
    out = out.resolve()
    scratch = out.with_name(f".{out.name}.partial")
    remove(scratch)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        if out.exists() and overwrite:
            old = out.with_name(f".{out.name}.old")
            remove(old)
            out.rename(old)
            scratch.rename(out)
            remove(old)
        else:
            scratch.rename(out)
    finally:
        remove(scratch)
