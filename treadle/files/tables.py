"""Parquet and Arrow files as batches of rows, each small enough for a chunk."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from treadle.files.json_stream import Item, too_large

BATCH_BYTES = 1 << 20
BATCH_ROWS = 1024


class Batch(NamedTuple):
    """Rows of a table: a record batch, or items where a row is larger than the limit.

    Args:
        first: Number of the first row in the file, from 1.
    """

    rows: pa.RecordBatch | list[Item]
    first: int


def is_table(head: bytes) -> bool:
    """Whether a file that begins so is parquet, an Arrow stream or an Arrow file (Feather version 2)."""
    return head[:4] in (b"PAR1", b"\xff\xff\xff\xff") or head[:6] == b"ARROW1"


def table_batches(stream: Any, limit: int) -> Iterator[Batch]:
    """The rows of a parquet or Arrow file in order, about a megabyte at a time.

    Args:
        stream: Binary, with `peek`; what is packed, or standard input, is copied to the disk where it must be.
        limit: Bytes of the largest row that is read.

    Raises:
        OSError, pa.ArrowException: The file is damaged.
    """
    first = 1
    for batch in _batches(stream):
        if batch.nbytes <= limit:
            yield Batch(batch, first)
        else:
            yield Batch([_within(batch.slice(i, 1), first + i, limit) for i in range(batch.num_rows)], first)
        first += batch.num_rows


def _batches(stream: Any) -> Iterator[pa.RecordBatch]:
    head = stream.peek(6)[:6]
    if head[:4] == b"\xff\xff\xff\xff":
        with _mapped(stream) as file, pa.ipc.open_stream(file) as batches:
            for batch in batches:
                yield from _cut(batch)
        return
    with _on_disk(stream) as file:
        if head[:4] == b"PAR1":
            parquet = pq.ParquetFile(file)
            sizes = [parquet.metadata.row_group(g).total_byte_size for g in range(parquet.num_row_groups)]
            size = _rows_of_a_batch(sum(sizes), parquet.metadata.num_rows)
            yield from parquet.iter_batches(batch_size=size)
            return
        with _mapped(file) as source, pa.ipc.open_file(source) as arrow:
            for number in range(arrow.num_record_batches):
                yield from _cut(arrow.get_batch(number))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Pieces of a batch, which files may hold in any size, copied, so that a piece goes to other processes alone."""
    size = _rows_of_a_batch(batch.nbytes, batch.num_rows)
    for start in range(0, batch.num_rows, size):
        piece = batch.slice(start, size)
        yield piece if size >= batch.num_rows else piece.take(pa.array(range(piece.num_rows)))


def _rows_of_a_batch(size: int, rows: int) -> int:
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, size // max(1, rows))))


def _within(row: pa.RecordBatch, number: int, limit: int) -> Item:
    size = row.nbytes
    return Item(number, too_large(size, limit) if size > limit else row.to_pylist()[0], size)


@contextmanager
def _on_disk(stream: Any) -> Iterator[Any]:
    """The stream if it is a file that can be sought, else a copy on the disk for as long as it is needed."""
    if _is_file(stream):
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield io.BufferedReader(copy.raw)


@contextmanager
def _mapped(stream: Any) -> Iterator[Any]:
    """A file mapped into memory, so that a batch of gigabytes is not held; any other stream as it is."""
    name = getattr(getattr(stream, "raw", None), "name", None)
    if isinstance(name, str) and _is_file(stream):
        with pa.memory_map(name) as file:
            yield file
    else:
        yield stream


def _is_file(stream: Any) -> bool:
    raw = getattr(stream, "raw", None)  # none, or not of the content, where the file is packed
    return isinstance(raw, io.FileIO) and raw.seekable()
