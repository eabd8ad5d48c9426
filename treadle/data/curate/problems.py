"""Problems of evaluation sets, to compare training data with: four sets by name, or any file.

The four named sets are those of the paper's table 1. They are looked for in a folder of benchmarks, then on the
Hugging Face hub, and must have as many problems as published: a part of a set would let overlap pass unseen.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, NamedTuple

from treadle.errors import DataError
from treadle.files.reading import iter_rows
from treadle.files.rows import Row

FOLDER_VARIABLE = "TREADLE_BENCHMARKS"

_PROBLEM = ("problem", "question", "problem_statement", "prompt", "text")
_ID = ("id", "problem_id", "unique_id", "instance_id", "idx")


class _Named(NamedTuple):
    """A set that is known by name: its file names in a folder, its data set on the hub, its number of problems."""

    files: tuple[str, ...]
    hub: str
    count: int


NAMED = {
    "amc23": _Named(("amc23.jsonl",), "math-ai/amc23", 40),
    "aime24": _Named(("aime24.jsonl",), "math-ai/aime24", 30),
    "aime25": _Named(("aime25.jsonl",), "math-ai/aime25", 30),
    "minerva": _Named(("minerva.jsonl", "minerva_math.jsonl"), "math-ai/minervamath", 272),
}


def load_problems(name_or_path: str | Path, folder: str | Path | None = None) -> list[tuple[str, str]]:
    """The problems of an evaluation set.

    Args:
        name_or_path: `amc23`, `aime24`, `aime25`, `minerva`, or whatever `treadle.files.reading.iter_rows` reads: a
            JSON, JSONL or parquet file, or a hub data set id, of which the split `test` is taken. Each row needs the
            problem in a column `problem`, `question`, `problem_statement`, `prompt` or `text`, the first of them
            that it has.
        folder: Where the four sets are looked for first, as `NAME.jsonl` (`minerva` also as `minerva_math.jsonl`);
            by default the folder that the environment variable `TREADLE_BENCHMARKS` names.

    Returns:
        `(id, text)` of each problem; the id is the row's own or its number, counted from 1.

    Raises:
        DataError: The set is not there, cannot be read, or a named set has another number of problems.
    """
    name = str(name_or_path)
    try:
        return _named(name, NAMED[name], folder) if name in NAMED else _other(name)
    except DataError as error:
        raise DataError(f"--against {name}: {error}") from error


def _named(name: str, known: _Named, folder: str | Path | None) -> list[tuple[str, str]]:
    place = folder or os.environ.get(FOLDER_VARIABLE)
    tried = [Path(place) / file for file in known.files] if place else []
    found = next((file for file in tried if file.is_file()), None)
    try:
        problems = _read(str(found or known.hub))
    except DataError as error:
        if found:
            raise
        looked = f"not found as {' or '.join(map(str, tried))}" if tried else f"{FOLDER_VARIABLE} is not set"
        raise DataError(
            f"{looked}, and the hub does not give it either ({error}). Put {known.files[0]} into a folder and set "
            f"{FOLDER_VARIABLE} to it, or give the file's path"
        ) from error
    if len(problems) != known.count:
        raise DataError(
            f"{found or known.hub} holds {len(problems)} problems, but {name} has {known.count}; give the file's path "
            "to compare with it as it is"
        )
    return problems


def _other(name: str) -> list[tuple[str, str]]:
    if not Path(name).exists() and "/" not in name:
        near = difflib.get_close_matches(name, NAMED, n=1)
        raise DataError(
            f"neither a file nor one of {', '.join(NAMED)}" + (f"; did you mean {near[0]}?" if near else "")
        )
    return _read(name)


def _read(path: str) -> list[tuple[str, str]]:
    return [(_id(row), _text(row)) for row in iter_rows(path, split="test", unit="problem")]


def _id(row: Row) -> str:
    found = next((row.data[column] for column in _ID if row.data.get(column) is not None), row.number)
    return str(found)


def _text(row: Row) -> str:
    value: Any = next((row.data[column] for column in _PROBLEM if row.data.get(column)), None)
    if isinstance(value, list) and all(isinstance(message, dict) for message in value):
        value = "\n".join(str(message["content"]) for message in value if message.get("role") == "user")
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{row.where}: no problem text; found the columns {', '.join(row.data)}, expected a text "
            f"in one of {', '.join(_PROBLEM)}"
        )
    return value
