"""Files of a run: a journal that survives being killed, and files that are written whole or not at all.

A line of the journal is written by one call to the system as soon as its generation is there. Only the last line can
be torn by a kill, and a torn line is cut off, counted, and generated again. The journal is fsynced when it is closed;
a power failure before can cost its last lines, which are then generated again too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.files.links import refuse_link
from treadle.files.typed import read_object
from treadle.files.whole import write_whole, writing

PAGE, SIDE = "report.html", "report"
"""What `treadle view` writes into a folder: a page, and where texts are long a folder of side files."""
ANEW = "copy it again from where the run was made, or evaluate anew with --overwrite"
_KEPT = "What is in it is kept, and the same command goes on from there"


class Journal:
    """JSON lines that are appended as they come, by one process: the one that holds the lock of the run's folder.

    Args:
        path: The file; made if it is not there.

    Attributes:
        torn: Lines that a killed process left unfinished and that were cut off, 0 or 1.

    Raises:
        OutputError: It cannot be opened for writing, is a link, or a line before the last is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = 0
        refuse_link(path)
        with writing(path):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
            try:
                self._cut()
            except (OSError, OutputError):
                os.close(self._file)
                raise

    def _cut(self) -> None:
        """Cut off a last line that is not complete."""
        end = good = number = good_number = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                end += len(line)
                if line.endswith(b"\n") and _parsed(line) is not None:
                    good, good_number = end, number
        if number - good_number > 1:
            raise OutputError(_damaged(self.path, good_number + 1))
        if end > good:
            os.ftruncate(self._file, good)
            self.torn = 1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return read_lines(self.path)

    def append(self, record: dict[str, Any]) -> None:
        """Write one line; it is in the file when this returns.

        Raises:
            OutputError: It cannot be written, for instance because the disk is full.
        """
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with writing(self.path, _KEPT):
            while line:
                line = line[os.write(self._file, line) :]

    def close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            with writing(self.path, _KEPT):
                try:
                    os.fsync(file)
                finally:
                    os.close(file)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, one at a time.

    Raises:
        OutputError: The file is missing, or a line is no JSON object.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = _parsed(line)
            if record is None:
                raise OutputError(_damaged(path, number))
            yield record
        return
    raise OutputError(f"{path}: no such file; expected a folder written by `treadle evaluate`")


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines whole or not at all."""
    write_whole(path, (json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _damaged(path: Path, number: int) -> str:
    return f"{path}, line {number}: no JSON object; delete this line, then run the same command again"


def read_json(path: Path, missing: str, remedy: str = ANEW) -> dict[str, Any]:
    """The content of a JSON file of a run.

    Args:
        missing: What to say where it is not there.
        remedy: What mends it where it is damaged.

    Raises:
        OutputError: It is not there, or no JSON object.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        return read_object(path, remedy)
    raise OutputError(f"{path}: no such file; {missing}")
