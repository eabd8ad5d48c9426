"""From files, folders, standard input and hub data sets to chunks of rows, small enough to go to other processes.

What a file is, is told by its first bytes, not by its name: gzip or zstd around it; parquet, JSON lines, a JSON array,
or JSON documents one after the other. Nothing is held beyond one chunk and one row. What cannot be read is a
`Rejected` in the place of the row, and the run goes on with the next.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from treadle.errors import DataError
from treadle.files.inputs import KINDS, is_known, walk, without_suffix
from treadle.files.json_stream import MEGABYTE, Item, json_items, too_large
from treadle.files.rows import Rejected, Unreadable

CHUNK_BYTES = 1 << 20
UNREADABLE = (OSError, EOFError, zlib.error, pa.ArrowException)
"""What damaged files raise while they are read."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Chunk(NamedTuple):
    """Some rows of one file, in order.

    Args:
        rows: Items, or a batch of a parquet file whose first row has the number `first`.
        file: As it is named in reports.
        source: Names the file in ids.
        unit: What is counted, `line` or `row`.
    """

    rows: list[Item] | pa.RecordBatch
    file: str
    source: str
    unit: str
    first: int = 1

    @property
    def size(self) -> int:
        """Bytes of the rows, about."""
        return self.rows.nbytes if isinstance(self.rows, pa.RecordBatch) else sum(item.size for item in self.rows)


def iter_chunks(
    path: str | Path, split: str = "train", max_row_mb: float = 64.0, skipped: Counter[str] | None = None
) -> Iterator[Chunk]:
    """All rows of `path`, in order.

    Args:
        path: A file, a folder that is searched for files of the known kinds, `-` for standard input, or a Hugging
            Face data set id.
        split: Split of a hub data set.
        max_row_mb: Rows of more megabytes than this are rejected unread.
        skipped: Receives how many files of a folder were not opened, by reason.

    Raises:
        DataError: Nothing is there, or no file of the folder is of a known kind.
    """
    limit = int(max_row_mb * MEGABYTE)
    skipped = skipped if skipped is not None else Counter()
    local = Path(path)
    if str(path) == "-":
        yield from _stream_chunks(sys.stdin.buffer, "standard input", "stdin", limit)
    elif local.is_dir():
        files = list(walk(local, skipped))
        if not files:
            raise DataError(f"{path}: the folder holds no {', '.join(KINDS)} file (packed by gzip or zstd or not)")
        for file in files:
            yield from _file_chunks(file, without_suffix(file.relative_to(local).as_posix()), limit)
    elif local.is_file():
        yield from _file_chunks(local, without_suffix(local.name), limit)
    elif _HUB_ID.fullmatch(str(path)) and not is_known(local.name):
        yield from _hub_chunks(str(path), split)
    else:
        raise DataError(
            f"{path}: no such file or folder; expected a {', '.join(KINDS)} file (packed by gzip or zstd or not), a "
            "folder of them, - for standard input, or a Hugging Face data set id such as simplescaling/s1K-1.1"
        )


def _file_chunks(file: Path, source: str, limit: int) -> Iterator[Chunk]:
    try:
        with file.open("rb") as stream:
            yield from _stream_chunks(stream, str(file), source, limit)
    except OSError as error:
        yield _failed(str(file), source, 1, f"{error.strerror or error}")


def _failed(file: str, source: str, number: int, detail: str) -> Chunk:
    return Chunk([Item(number, Rejected(Unreadable.FILE, detail))], file, source, "row")


def _stream_chunks(stream: BinaryIO, file: str, source: str, limit: int) -> Iterator[Chunk]:
    number, unit = 0, "row"
    try:
        stream = _unpacked(stream)
        head = stream.peek(4)[:4]
        if head == b"PAR1":
            yield from _parquet_chunks(stream, file, source, limit)
            return
        unit, items = json_items(stream, limit)
        for rows in _grouped(items):
            number = rows[-1].number
            yield Chunk(rows, file, source, unit)
        if not number:
            yield _failed(file, source, 1, "the file is empty")
    except UNREADABLE as error:
        yield _failed(file, source, number + 1, str(error))


def _unpacked(stream: BinaryIO) -> Any:
    """A buffered stream of the content, whatever it is packed with."""
    buffered = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
    head = buffered.peek(4)[:4]
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=buffered)  # buffered itself; a second buffer would lose what came before an error
    if head == b"\x28\xb5\x2f\xfd":
        return io.BufferedReader(pa.CompressedInputStream(buffered, "zstd"))
    return buffered


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    held: list[Item] = []
    size = 0
    try:
        for item in items:
            held.append(item)
            size += item.size or 1024
            if size >= CHUNK_BYTES:
                yield held
                held, size = [], 0
    except UNREADABLE:
        if held:  # what was read before the file failed counts
            yield held
        raise
    if held:
        yield held


def _parquet_chunks(stream: Any, file: str, source: str, limit: int) -> Iterator[Chunk]:
    seekable = getattr(stream, "raw", None)
    if not (isinstance(seekable, io.FileIO) and seekable.seekable()):  # packed, or standard input
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
            yield from _parquet_chunks(io.BufferedReader(copy.raw), file, source, limit)
        return
    parquet = pq.ParquetFile(stream)
    if not parquet.metadata.num_rows:
        yield _failed(file, source, 1, "the file holds no rows")
        return
    groups = [parquet.metadata.row_group(g) for g in range(parquet.num_row_groups)]
    row_bytes = max(1, sum(g.total_byte_size for g in groups) // parquet.metadata.num_rows)
    first = 1
    for batch in parquet.iter_batches(batch_size=max(1, min(1024, CHUNK_BYTES // row_bytes))):
        if batch.nbytes <= limit:
            yield Chunk(batch, file, source, "row", first)
        else:
            yield Chunk(
                [_within(batch.slice(i, 1), first + i, limit) for i in range(batch.num_rows)], file, source, "row"
            )
        first += batch.num_rows


def _within(row: pa.RecordBatch, number: int, limit: int) -> Item:
    size = row.nbytes
    return Item(number, too_large(size, limit) if size > limit else row.to_pylist()[0], size)


def _hub_chunks(dataset_id: str, split: str) -> Iterator[Chunk]:
    from datasets import load_dataset

    name = f"{dataset_id}[{split}]"
    try:
        dataset = load_dataset(dataset_id, split=split, streaming=True)
    except Exception as error:  # the hub client raises many kinds; all mean that it could not be loaded
        raise DataError(
            f"{dataset_id}: neither a local file nor a data set that could be loaded from the Hugging Face hub "
            f"with split {split!r} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
        ) from error
    for rows in _grouped(Item(number, dict(row)) for number, row in enumerate(dataset, 1)):
        yield Chunk(rows, name, dataset_id.split("/")[1], "row")
