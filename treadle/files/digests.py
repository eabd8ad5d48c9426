"""What files were when they were written: their sizes and SHA-256, and what differs from that later.

A copy that was interrupted, a disk that lost a block, or somebody's hand leave a folder that looks finished and is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from treadle.files.names import is_inside
from treadle.files.typed import STRICT, Count

_READERS = 4  # files that are hashed at a time

DAMAGED = "the list of its files is damaged"


class _Entry(TypedDict):
    __pydantic_config__ = STRICT
    bytes: Count
    sha256: NotRequired[str | None]


_LISTED = TypeAdapter(dict[Annotated[str, Strict()], _Entry])

Listed = dict[str, dict[str, Any]]
"""By path below a folder: `bytes`, and `sha256` where the content counts and not only the size."""


def listed(folder: Path, files: Iterable[Path], hashed: Callable[[Path], bool] = lambda path: True) -> Listed:
    """Sizes and hashes of files in a folder, by their path in it.

    Args:
        hashed: Which files are read; of others the size alone is kept.
    """
    files = sorted(files)
    with ThreadPoolExecutor(_READERS) as readers:
        hashes = readers.map(lambda path: {"sha256": sha256(path)} if hashed(path) else {}, files)
        return {
            path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, **digest}
            for path, digest in zip(files, hashes, strict=True)
        }


def problem_in(folder: Path, expected: Any, hashes: bool = True) -> str | None:
    """The first file of a folder that is not what was listed, found against expected; `None` if all are.

    Args:
        expected: What `listed` gave; that it comes from a file which may be damaged is no error but a problem.
        hashes: Read the files; else only their sizes are compared.
    """
    try:
        _LISTED.validate_python(expected)
    except ValidationError:
        return DAMAGED
    entries = {name: (entry["bytes"], entry.get("sha256")) for name, entry in expected.items()}
    for name, (size, _) in entries.items():
        if not is_inside(name):
            return f"{name!r} is listed, which is outside the folder"
        path = folder / name
        if not path.is_file():
            return f"{name} is missing, expected {size:,} bytes"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size:,} bytes, expected {size:,}"
    if not hashes:
        return None
    with_hash = {name: digest for name, (_, digest) in entries.items() if digest}
    try:
        with ThreadPoolExecutor(_READERS) as readers:
            found = list(readers.map(sha256, [folder / name for name in with_hash]))
    except OSError as error:
        return f"cannot be read ({error})"
    for (name, digest), now in zip(with_hash.items(), found, strict=True):
        if now != digest:
            return f"{name} has SHA-256 {now[:12]}..., expected {digest[:12]}..."
    return None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
