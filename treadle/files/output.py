"""Output folders: what may be written where, what `--overwrite` may replace, and folders that appear when whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle.errors import OutputError


def check_out(out: Path, overwrite: bool, marker: str, source: str | Path | None = None) -> None:
    """Make sure that a command may write the folder `out`.

    Args:
        overwrite: Whether an earlier result may be replaced. Anything else is never replaced.
        marker: File by which a folder is known to be an earlier result.
        source: The command's input, which must not be replaced either.

    Raises:
        OutputError: `out` is taken, is no place for a folder, or holds what is not treadle's.
    """
    check_place(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise OutputError(f"{out} exists already; choose another folder with -o, or replace it with --overwrite")
    if not (out / marker).is_file():
        raise OutputError(
            f"{out}: holds no {marker}, so it is not an earlier result, and --overwrite does not replace it; "
            "choose another folder with -o"
        )
    if source is not None and Path(source).exists() and Path(source).resolve().is_relative_to(out.resolve()):
        raise OutputError(f"{out}: holds the input {source}, which --overwrite would delete; choose another folder")


def check_place(out: Path) -> None:
    """Raise `OutputError` where no folder can be made: at a file, under one, or at the working folder itself."""
    if out.resolve() == Path.cwd():
        raise OutputError(f"{out}: this is the working folder; choose a folder in it with -o")
    file = next((p for p in (out, *out.parents) if p.exists() and not p.is_dir()), None)
    if file is not None:
        raise OutputError(f"{out}: {file} is a file; choose another folder")


@contextmanager
def appearing(out: Path, overwrite: bool) -> Iterator[Path]:
    """A scratch folder beside `out` that takes its name when the block ends well, and vanishes when not."""
    scratch = out.with_name(f".{out.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        if out.exists() and overwrite:
            old = out.with_name(f".{out.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
            scratch.rename(out)
            shutil.rmtree(old)
        else:
            scratch.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
