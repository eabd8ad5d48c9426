"""Rows of a data set, one at a time with their place: JSONL, JSON, parquet, a folder of these, or a hub id."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from treadle.errors import DataError

SUFFIXES = (".jsonl", ".json", ".parquet")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Row(NamedTuple):
    """One row and where it stands, as `file, line 3` or `file, row 3`."""

    data: dict[str, Any]
    where: str
    source: str
    number: int


def iter_rows(path: str | Path, split: str = "train") -> Iterator[Row]:
    """Rows of `path`, in order, without holding more than one file's batch (a JSON array is read whole).

    Args:
        path: A file, a folder that is searched for files of the known kinds, or a Hugging Face data set id.
        split: Split of a hub data set.

    Raises:
        DataError: Nothing is there, a file is empty or a line is not a JSON object.
    """
    local = Path(path)
    if local.is_dir():
        files = sorted(f for f in local.rglob("*") if f.suffix in SUFFIXES and f.is_file())
        if not files:
            raise DataError(f"{path}: the folder holds no {', '.join(SUFFIXES)} file")
        for file in files:
            yield from _file_rows(file, file.relative_to(local).with_suffix("").as_posix())
    elif local.is_file():
        yield from _file_rows(local)
    elif _HUB_ID.fullmatch(str(path)) and local.suffix not in SUFFIXES:
        yield from _hub_rows(str(path), split)
    else:
        raise DataError(
            f"{path}: no such file or folder; expected a {', '.join(SUFFIXES)} file, a folder of them, "
            "or a Hugging Face data set id such as simplescaling/s1K-1.1"
        )


def _file_rows(file: Path, source: str | None = None) -> Iterator[Row]:
    """Rows of one file; `source` names it within its folder, so that ids made from it are unique."""
    readers = {".jsonl": _jsonl_rows, ".json": _json_rows, ".parquet": _parquet_rows}
    if file.suffix not in readers:
        raise DataError(f"{file}: unknown kind of file {file.suffix!r}; expected {', '.join(SUFFIXES)}")
    empty = True
    for row in readers[file.suffix](file):
        empty = False
        yield row._replace(source=source) if source else row
    if empty:
        raise DataError(f"{file}: the file holds no rows")


def _jsonl_rows(file: Path) -> Iterator[Row]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{file}, line {number}"
            try:
                data = json.loads(line)
            except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
                raise DataError(f"{where}: not readable as JSON ({error}); expected one object a line") from None
            yield _checked(data, where, file.stem, number)


def _json_rows(file: Path) -> Iterator[Row]:
    try:
        content = json.loads(file.read_bytes() or b"[]")
    except ValueError as error:
        if "Extra data" in str(error):  # one object a line under the name .json
            yield from _jsonl_rows(file)
            return
        raise DataError(f"{file}: not readable as JSON ({error})") from None
    for number, data in enumerate(content if isinstance(content, list) else [content], 1):
        yield _checked(data, f"{file}, row {number}", file.stem, number)


def _parquet_rows(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: not readable as parquet ({error})") from None
    number = 0
    for batch in parquet.iter_batches(batch_size=256):
        for data in batch.to_pylist():
            number += 1
            yield Row(data, f"{file}, row {number}", file.stem, number)


def _hub_rows(dataset_id: str, split: str) -> Iterator[Row]:
    from datasets import load_dataset

    try:
        dataset = load_dataset(dataset_id, split=split, streaming=True)
    except Exception as error:  # the hub client raises many kinds; all mean that it could not be loaded
        raise DataError(
            f"{dataset_id}: neither a local file nor a data set that could be loaded from the Hugging Face hub "
            f"with split {split!r} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
        ) from error
    for number, data in enumerate(dataset, 1):
        yield Row(dict(data), f"{dataset_id}[{split}], row {number}", dataset_id.split("/")[1], number)


def _checked(data: Any, where: str, source: str, number: int) -> Row:
    if not isinstance(data, dict):
        raise DataError(f"{where}: found a JSON {type(data).__name__}, expected an object with named columns")
    return Row(data, where, source, number)
