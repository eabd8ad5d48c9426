"""Folders that `datasets` writes with `save_to_disk`: which of their files hold rows, in which order."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.files.names import is_inside
from treadle.files.splits import LEFT_OUT

_CACHE = "cache-"


def saved_files(folder: Path, split: str, skipped: Counter[str]) -> list[Path] | None:
    """The Arrow files of a folder that `save_to_disk` wrote; `None` for any other folder.

    Args:
        split: Which split is read, where the folder holds several.
        skipped: Counts the splits that are not read.

    Raises:
        DataError: There is no such split, or a file is missing.
    """
    names = _list(_json(folder / "dataset_dict.json"), "splits")
    if names is not None:
        there = [name for name in names if is_inside(name) and (folder / name / "state.json").is_file()]
        if split not in there:
            raise DataError(
                f"{folder}: saved by datasets with the splits {', '.join(there) or 'none'}, and none is named "
                f"{split!r}; choose one with --split{f' {there[0]}' if there else ''}"
            )
        skipped.update(f"{LEFT_OUT}: {other}" for other in there if other != split)
        folder = folder / split
    return _data_files(folder)


def _data_files(folder: Path) -> list[Path] | None:
    state = _json(folder / "state.json")
    entries = _list(state, "_data_files")
    if entries is None or not all(isinstance(entry, dict) and "filename" in entry for entry in entries):
        return None
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise DataError(
            f"{folder}: saved by an old version of datasets, with a file that says which rows count; save it again: "
            f"load_from_disk({str(folder)!r}).save_to_disk(NEW)"
        )
    names = [str(entry["filename"]) for entry in entries]
    if outside := next((name for name in names if not is_inside(name)), None):
        raise DataError(
            f"{folder}: its state.json names {outside!r}, which is outside the folder; copy the whole folder"
        )
    files = [folder / name for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise DataError(f"{folder}: its state.json names {missing[0]}, which is not there; copy the whole folder")
    return files


def is_description(path: Path) -> bool:
    """Whether a file only describes or repeats the Arrow files beside it, as in the cache of `datasets`."""
    if path.name == "dataset_info.json":
        return any(path.parent.glob("*.arrow"))
    return path.name.startswith(_CACHE) and path.suffix == ".arrow"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError):
        return None


def _list(value: Any, key: str) -> list[Any] | None:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else None
