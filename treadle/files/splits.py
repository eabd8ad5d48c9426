"""Which split a file is of, by names that the hub knows: `train-00000-of-00001.parquet`, `test/0.jsonl`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

LEFT_OUT = "split that --split does not name"
"""How what is not read is counted, before the split's name."""
_SAME = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
_CALLED = {name: split for split, names in _SAME.items() for name in names}
_FILE = re.compile(rf"({'|'.join(_CALLED)})(?:[-_.]\d[\w.-]*)?(?:\..*)?", re.IGNORECASE)


def of_split(files: Sequence[Path], folder: Path, split: str, skipped: Counter[str]) -> list[Path]:
    """The files of one split, with those that are of none, where the names of some say that they are of this one.

    Args:
        files: Below `folder`.
        split: Which is read. Where no file is named after it all are, whatever their names.
        skipped: Counts the files of other splits.
    """
    wanted = _CALLED.get(split.lower(), split)
    named = {file: split_of(file.relative_to(folder)) for file in files}
    if wanted not in named.values():
        return list(files)
    left_out = [file for file in files if named[file] not in (None, wanted)]
    skipped.update(f"{LEFT_OUT}: {named[file]}" for file in left_out)
    return [file for file in files if named[file] in (None, wanted)]


def split_of(path: Path) -> str | None:
    """The split that the name of a file, or of a folder that it is in, says; `None` where none does."""
    if found := _FILE.fullmatch(path.name):
        return _CALLED[found[1].lower()]
    return next((_CALLED[part.lower()] for part in reversed(path.parts[:-1]) if part.lower() in _CALLED), None)
