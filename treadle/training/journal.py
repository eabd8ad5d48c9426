"""Journals of a run: JSON lines that are appended to, and cut back where a run that continues writes them again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.files.links import open_own, refuse_link
from treadle.files.whole import cannot_write, sync_file

Read = Callable[[bytes, str], dict[str, Any]]
"""Reads a line, whose place the second argument names; raises `OutputError` for one that is not as it was written."""


def append_lines(path: Path, lines: list[str]) -> None:
    """Append whole lines to a journal of the run.

    Raises:
        OutputError: They cannot be written, for instance because the disk is full, or the file is a link.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_own(path, "a") as file:
            file.writelines(lines)
    except OSError as error:
        kept = "The checkpoints are intact, and a torn last line is cut off when the run goes on"
        raise cannot_write(path, error, kept) from error


def truncate_after(path: Path, step: int, key: str = "step", read: Read | None = None) -> dict[str, Any] | None:
    """Cut a JSON lines file, in place, before the first line that a run which continues after `step` writes again.

    Those are lines with a higher `key`, a line that a kill left unfinished, and the summary that ends every call of
    `train` (`train_runtime`). Lines lie in the order of their steps.

    Args:
        path: The file.
        step: Of the checkpoint.
        key: Where a line has its step.
        read: By which every line is checked. Without it only as much of them is read as tells their step.

    Returns:
        The last line that stays.

    Raises:
        OutputError: A line among those to keep is no JSON object, or the file is a link.
    """
    refuse_link(path)
    if not path.is_file():
        return None
    # As treadle writes them, so that not all is parsed; int() takes no more digits than a step has.
    begins = None if read else re.compile(rb'\{"%s": (-?\d{1,18})[,}]' % key.encode())
    read = read or partial(_object_with, key)
    last, end = None, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") or b'"train_runtime"' in line:
                break
            where = f"{path}, line {number}"
            found = begins.match(line) if begins else None
            if (int(found[1]) if found else read(line, where)[key]) > step:
                break
            last, end = (line, where), end + len(line)
    kept = read(*last) if last else None
    if end < path.stat().st_size:
        os.truncate(path, end)
        sync_file(path)
    return kept


def _object_with(key: str, line: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or type(found.get(key)) is not int:
        raise OutputError(
            f"{where}: found {line[:60]!r}, expected a JSON object with {key!r}; delete this line, then run the same "
            "command again"
        )
    return found
