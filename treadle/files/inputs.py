"""Which files of a folder are read, and how they are named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from treadle.errors import DataError
from treadle.files.saved import is_description, saved_files
from treadle.files.splits import of_split

KINDS = (
    ".jsonl",
    ".ndjson",
    ".json",
    ".traj",
    ".parquet",
    ".arrow",
    ".feather",
    ".csv",
    ".tsv",
    ".ipynb",
)
SHARD = "shard.json"
"""In a folder of `treadle prepare --shard`, which is no input."""
TAUGHT, TAUGHT_ROWS, TAUGHT_STORE = "teach.json", "trajectories.jsonl", "store"
"""In a folder of `treadle teach`, of whose files the second alone is input."""
PACKED = (".gz", ".zst", ".zstd")


def input_files(path: str | Path, split: str = "train") -> list[Path] | None:
    """The files that are opened for `path`; `None` for standard input and hub ids.

    Args:
        split: Of folders that hold several.
    """
    local = Path(path)
    if local.is_dir():
        return list(walk(local, Counter(), split))
    return [local] if local.is_file() else None


def walk(folder: Path, skipped: Counter[str], split: str = "train") -> Iterator[Path]:
    """Files of known kinds below `folder`, sorted; each real folder is entered once, so that links cannot loop.

    Of a folder that `datasets` saved, the Arrow files of one split; of one that `treadle teach` made, what it keeps; of
    files that are named after splits, those of one.

    Raises:
        DataError: Such a folder has no such split, or lacks a file; or one is a shard, or not finished.
    """
    entered: set[Path] = set()

    def visit(place: Path) -> Iterator[Path]:
        if place.resolve() in entered:
            skipped["folder reached twice through links"] += 1
            return
        entered.add(place.resolve())
        if (place / SHARD).is_file() and (place / "parts.jsonl").is_file():
            raise DataError(
                f"{place}: a shard of `treadle prepare --shard`, about which nothing is decided yet; join all shards: "
                "treadle merge SHARDS... -o FOLDER"
            )
        if (saved := saved_files(place, split, skipped)) is not None:
            yield from saved
            return
        if (rows := _taught(place, skipped)) is not None:
            yield rows
            return
        for name in sorted(os.listdir(place)):
            entry = place / name
            if entry.is_dir():
                yield from visit(entry)
            elif not entry.exists():
                skipped["link to nothing"] += 1
            elif not entry.is_file():
                skipped["neither file nor folder"] += 1
            elif not is_known(name):
                skipped[f"kind of file not read: {entry.suffix or 'no suffix'}"] += 1
            elif is_description(entry):
                skipped["description or cache of a data set"] += 1
            else:
                yield entry

    yield from of_split(list(visit(folder)), folder, split, skipped)


def _taught(place: Path, skipped: Counter[str]) -> Path | None:
    """The trajectories of a folder that `treadle teach` made; `None` for any other folder."""
    rows = place / TAUGHT_ROWS
    if not (place / TAUGHT).is_file() or not (rows.is_file() or (place / TAUGHT_STORE).is_dir()):
        return None
    if not rows.is_file():
        raise DataError(f"{place}: a run of `treadle teach` without {rows.name}, not finished; run its command again")
    skipped["other files of a run of `treadle teach`"] += sum(path.name != rows.name for path in place.iterdir())
    return rows


def is_known(name: str) -> bool:
    """Whether a file's name is of a kind that is read."""
    return bare_name(name).lower().endswith(KINDS)


def bare_name(name: str) -> str:
    """A file's name without the suffix of its packing."""
    return name[: len(name) - len(_packing(name))]


def _packing(name: str) -> str:
    return next((p for p in PACKED if name.lower().endswith(p)), "")


def without_suffix(name: str) -> str:
    """A file's name without the suffixes of its kind and packing."""
    bare = bare_name(name)
    return bare[: -len(Path(bare).suffix)] if is_known(name) else bare
