"""Problems of evaluation sets, to compare training data with: published sets by name, or any file.

The named sets are those that `treadle evaluate --benchmark` knows. They are looked for in a folder of benchmarks, then
on the Hugging Face hub, and must have as many problems as published: a part of a set would let overlap pass unseen.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from treadle.errors import DataError
from treadle.files.reading import iter_rows
from treadle.files.rows import Row

FOLDER_VARIABLE = "TREADLE_BENCHMARKS"

_PROBLEM = ("problem", "question", "problem_statement", "prompt", "text", "Question", "Problem", "turns")
_ID = ("id", "problem_id", "unique_id", "instance_id", "idx", "question_id", "Record ID", "problem_idx")
_ENDINGS = (".jsonl", ".json", ".parquet", ".csv")


class _Named(NamedTuple):
    """A set that is known by name.

    Args:
        files: Names of its file in a folder; with another ending (JSON, parquet, CSV) it is found too.
        hub: Data set on the hub; empty where none was found with the same problems.
        count: Number of problems.
        config, split: Of the data set on the hub.
    """

    files: tuple[str, ...]
    hub: str
    count: int
    config: str | None = None
    split: str = "test"


NAMED = {
    "amc23": _Named(("amc23.jsonl",), "math-ai/amc23", 40),
    "aime24": _Named(("aime24.jsonl",), "math-ai/aime24", 30),
    "aime25": _Named(("aime25.jsonl",), "math-ai/aime25", 30),
    "minerva": _Named(("minerva.jsonl", "minerva_math.jsonl"), "math-ai/minervamath", 272),
    "aime26": _Named(("aime26.jsonl", "aime_2026.jsonl"), "MathArena/aime_2026", 30, split="train"),
    "amc12": _Named(("amc12.jsonl",), "AI-MO/aimo-validation-amc", 83, split="train"),
    "gsm8k": _Named(("gsm8k.jsonl",), "openai/gsm8k", 1319, config="main"),
    "math500": _Named(("math500.jsonl", "math_500.jsonl"), "HuggingFaceH4/MATH-500", 500),
    "olympiadbench": _Named(("olympiadbench.jsonl", "OE_TO_maths_en_COMP.jsonl"), "", 675),
    "gpqa_diamond": _Named(("gpqa_diamond.jsonl",), "Idavidrein/gpqa", 198, config="gpqa_diamond", split="train"),
}

_OTHER_NAMES = {"minervamath": "minerva", "gpqa": "gpqa_diamond"}
_NAMES = {name.replace("_", ""): name for name in NAMED} | _OTHER_NAMES


def known_name(name: str) -> str:
    """The known set that a name means, else the name itself.

    Case, hyphens, underscores and a century do not count: `AMC23`, `AIME-2024`, `MATH-500` and `minerva_math` are
    names of sets.
    """
    plain = re.sub(r"(?<=\D)20(?=\d\d$)", "", re.sub(r"[-_ ]", "", name.lower()))
    return _NAMES.get(plain, name)


def load_problems(name_or_path: str | Path, folder: str | Path | None = None) -> list[tuple[str, str]]:
    """The problems of an evaluation set.

    Args:
        name_or_path: One of `NAMED`, see `known_name`, or whatever `treadle.files.reading.iter_rows` reads: a JSON,
            JSONL, CSV or parquet file, or a hub data set id, of which the split `test` is taken. Each row needs the
            problem in a column `problem`, `question`, `problem_statement`, `prompt` or `text` or one of a few others,
            the first of them that it has.
        folder: Where the named sets are looked for first, as `NAME.jsonl` (`minerva` also as `minerva_math.jsonl`);
            by default the folder that the environment variable `TREADLE_BENCHMARKS` names.

    Returns:
        `(id, text)` of each problem; the id is the row's own or its number, counted from 1.

    Raises:
        DataError: The set is not there, cannot be read, or a named set has another number of problems.
    """
    name = given = str(name_or_path)
    if not Path(given).exists():
        name = known_name(given)
    try:
        return _named(name, NAMED[name], folder) if name in NAMED else _other(name)
    except DataError as error:
        raise DataError(f"--against {given}: {error}") from error


def file_of(name: str, folder: str | Path) -> Path | None:
    """The file of a named set in a folder of benchmarks; `None` where there is none."""
    stems = [Path(file).stem for file in NAMED[name].files]
    tried = (Path(folder) / f"{stem}{ending}" for ending in _ENDINGS for stem in stems)
    return next((path for path in tried if path.is_file()), None)


def hub_rows(name: str) -> Iterator[Row]:
    """The rows of a named set from the Hugging Face hub.

    Raises:
        DataError: It is not there, or cannot be loaded.
    """
    from datasets import load_dataset

    known = NAMED[name]
    if not known.hub:
        raise DataError(f"no data set of the Hugging Face hub is known to be the {known.count} problems of {name}")
    try:
        dataset = load_dataset(known.hub, known.config, split=known.split)
    except Exception as error:  # the hub client raises many kinds; all mean that it could not be loaded
        said = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        raise DataError(f"{known.hub} cannot be loaded from the Hugging Face hub ({said})") from error
    for number, row in enumerate(dataset, 1):
        yield Row(dict(row), f"{known.hub}, row {number}", name, number)


def _named(name: str, known: _Named, folder: str | Path | None) -> list[tuple[str, str]]:
    place = folder or os.environ.get(FOLDER_VARIABLE)
    found = file_of(name, place) if place else None
    try:
        problems = _read(iter_rows(found, unit="problem") if found else hub_rows(name))
    except DataError as error:
        if found:
            raise
        tried = " or ".join(str(Path(place) / file) for file in known.files) if place else ""
        looked = f"not found as {tried}" if tried else f"{FOLDER_VARIABLE} is not set"
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
        near = difflib.get_close_matches(name.lower(), NAMED, n=1)
        raise DataError(
            f"neither a file nor one of {', '.join(NAMED)}" + (f"; did you mean {near[0]}?" if near else "")
        )
    return _read(iter_rows(name, split="test", unit="problem"))


def _read(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return [(_id(row), _text(row)) for row in rows]


def _id(row: Row) -> str:
    found = next((row.data[column] for column in _ID if row.data.get(column) is not None), row.number)
    return str(found)


def _text(row: Row) -> str:
    value: Any = next((row.data[column] for column in _PROBLEM if row.data.get(column)), None)
    if isinstance(value, list) and all(isinstance(message, dict) for message in value):
        value = "\n".join(str(message["content"]) for message in value if message.get("role") == "user")
    elif isinstance(value, list) and all(isinstance(turn, str) for turn in value):  # LiveBench
        value = "\n".join(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{row.where}: no problem text; found the columns {', '.join(row.data)}, expected a text "
            f"in one of {', '.join(_PROBLEM)}"
        )
    return value
