"""From files, folders, standard input and hub data sets to chunks of rows, small enough to go to other processes.

What a file is, is told by its first bytes, not by its name: gzip or zstd around it; parquet or Arrow (`tables`); else
text (`documents`): JSON of any layout, or CSV. Nothing is held beyond one chunk and one row. What cannot be read is a
`Rejected` in the place of the row, and the run goes on with the next.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from treadle.errors import DataError
from treadle.files.documents import document_items
from treadle.files.encodings import as_utf8
from treadle.files.foreign import HEAD, foreign
from treadle.files.inputs import KINDS, bare_name, is_known, walk, without_suffix
from treadle.files.json_stream import MEGABYTE, Item
from treadle.files.rows import Rejected, Unreadable
from treadle.files.tables import is_table, table_batches

CHUNK_BYTES = 1 << 20
UNREADABLE = (OSError, EOFError, zlib.error, pa.ArrowException)
"""What damaged files raise while they are read."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Chunk(NamedTuple):
    """Some rows of one file, in order.

    Args:
        rows: Items, or a batch of a table's file whose first row has the number `first`.
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
    path: str | Path,
    split: str = "train",
    max_row_mb: float = 64.0,
    skipped: Counter[str] | None = None,
    wanted: Callable[[Path], bool] | None = None,
) -> Iterator[Chunk]:
    """All rows of `path`, in order.

    Args:
        path: A file, a folder that is searched for files of the known kinds, `-` for standard input, or a Hugging
            Face data set id.
        split: Split of a hub data set, of a folder that `datasets` saved, and of a JSON object that holds several.
        max_row_mb: Rows of more megabytes than this are rejected unread.
        skipped: Receives how many files of a folder, and splits, were not opened, by reason.
        wanted: Which files of a folder are read; all without it.

    Raises:
        DataError: Nothing is there, no file of the folder is of a known kind, or there is no such split.
    """
    limit = int(max_row_mb * MEGABYTE)
    skipped = skipped if skipped is not None else Counter()
    local = Path(path)
    if str(path) == "-":
        yield from _stream_chunks(sys.stdin.buffer, "standard input", "stdin", limit, split, skipped)
    elif local.is_dir():
        files = list(walk(local, skipped, split))
        if not files:
            raise DataError(f"{path}: the folder holds no {', '.join(KINDS)} file (packed by gzip or zstd or not)")
        for file in filter(wanted, files):
            yield from _file_chunks(file, without_suffix(file.relative_to(local).as_posix()), limit, split, skipped)
    elif local.is_file():
        yield from _file_chunks(local, without_suffix(local.name), limit, split, skipped)
    elif local.exists():
        raise DataError(f"{path}: a pipe or a device, no file or folder; give what comes out of it to `-`: < {path}")
    elif _HUB_ID.fullmatch(str(path)) and not is_known(local.name):
        yield from _hub_chunks(str(path), split)
    else:
        raise DataError(
            f"{path}: no such file or folder; expected a {', '.join(KINDS)} file (packed by gzip or zstd or not), a "
            "folder of them, - for standard input, or a Hugging Face data set id such as simplescaling/s1K-1.1"
        )


def _file_chunks(file: Path, source: str, limit: int, split: str, skipped: Counter[str]) -> Iterator[Chunk]:
    # A name that is no UTF-8 goes into files that are.
    named, source = (text.encode(errors="backslashreplace").decode() for text in (str(file), source))
    try:
        with file.open("rb") as stream:
            yield from _stream_chunks(stream, named, source, limit, split, skipped)
    except OSError as error:
        yield _failed(named, source, 1, f"{error.strerror or error}")


def _failed(file: str, source: str, number: int, detail: str) -> Chunk:
    return Chunk([Item(number, Rejected(Unreadable.FILE, detail))], file, source, "row")


def _stream_chunks(
    stream: BinaryIO, file: str, source: str, limit: int, split: str, skipped: Counter[str]
) -> Iterator[Chunk]:
    number, unit = 0, "row"
    try:
        stream = _unpacked(stream)
        head = stream.peek(HEAD)[:HEAD]
        if said := foreign(head):
            yield _failed(file, source, 1, said)
            return
        if is_table(head):
            for batch in table_batches(stream, limit):
                number = batch.first
                yield Chunk(batch.rows, file, source, unit, batch.first)
        else:
            unit, items = document_items(as_utf8(stream), Path(bare_name(file)).name, limit, split, skipped)
            for rows in _grouped(items):
                number = rows[-1].number
                yield Chunk(rows, file, source, unit)
        if not number:
            yield _failed(file, source, 1, "the file holds no rows" if head else "the file is empty")
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
