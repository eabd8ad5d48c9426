"""The page of a run and its side files take their places together, so that a page always finds its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle.evaluate.store import PAGE, SIDE
from treadle.files.links import refuse_link, remove
from treadle.files.scratch import PARTIAL, left_behind, own


@contextmanager
def building(run: Path) -> Iterator[tuple[Path, str]]:
    """A place to write to beside the page, gone afterwards, and a name for the side files that no other build has.

    Raises:
        OutputError: The page or the folder of side files is a link.
    """
    for place in (run / PAGE, run / SIDE):
        refuse_link(place)
    build = secrets.token_hex(4)
    scratch = own(run / SIDE, PARTIAL)
    for place in left_behind(run / SIDE, PARTIAL):
        remove(place)
    try:
        scratch.mkdir()
        yield scratch, build
    finally:
        remove(scratch)


def install(scratch: Path, build: str, run: Path) -> None:
    """The page takes its place last, in one move, and finds the side files of its own build; then older ones go."""
    if (scratch / build).is_dir():
        (run / SIDE).mkdir(exist_ok=True)
        (scratch / build).rename(run / SIDE / build)
    os.replace(scratch / PAGE, run / PAGE)
    for old in (run / SIDE).glob("*") if (run / SIDE).is_dir() else ():
        if old.name != build and len(old.name) == len(build) and not set(old.name) - set("0123456789abcdef"):
            remove(old)
