"""Problems with reference answers: four known benchmarks by name, a prepared folder, or any file.

A known benchmark must be the known one to the letter, see `treadle.evaluate.known_sets`. Its problems have the same
order and the same ids from wherever they come, so that runs can be compared problem by problem.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from treadle.data.curate.problems import FOLDER_VARIABLE, NAMED
from treadle.data.prepared import Prepared, Split
from treadle.errors import DataError
from treadle.evaluate.known_sets import KNOWN, PART, check, content_hash, plain_answer, position
from treadle.evaluate.problem_rows import LeftOut, distinct, file_problems, parse_columns
from treadle.evaluate.records import Problem
from treadle.files.reading import iter_rows
from treadle.files.rows import Row

ALIASES = {"minerva_math": "minerva"}
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Benchmark:
    """A set of problems under the name that results carry.

    Args:
        name: `KNOWN` holds the names that stand for published sets.
        problems: In order.
        sha256: Hash of their content, see `treadle.evaluate.known_sets.content_hash`.
        source: Where they were read.
        left_out: Rows that are not among them, by reason.
    """

    name: str
    problems: tuple[Problem, ...]
    sha256: str
    source: str
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    def first(self, limit: int | None) -> Benchmark:
        """The first problems alone. A part of a known benchmark has another name, so that nobody takes it for that."""
        if limit is None or limit >= len(self.problems):
            return self
        name = f"{self.name}{PART}{limit}" if self.name in KNOWN else self.name
        return _benchmark(name, self.problems[:limit], self.source, self.left_out)


def load_known(name: str, folder: str | Path | None = None) -> Benchmark:
    """A known benchmark: from a folder of benchmarks, else from the Hugging Face hub.

    Args:
        name: `amc23`, `aime24`, `aime25` or `minerva` (also `minerva_math`).
        folder: Holds `NAME.jsonl` (`minerva_math.jsonl` for Minerva, too). By default the folder that the
            environment variable `TREADLE_BENCHMARKS` names; without one the hub is asked.

    Raises:
        DataError: The name is unknown, the set is not there, or it is not the known one.
    """
    name = ALIASES.get(name, name)
    if name not in KNOWN:
        raise DataError(
            f"--benchmark {name}: expected one of {', '.join(KNOWN)}; other problems are read with --data [NAME=]FILE"
        )
    folder = folder or os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return _checked(name, NAMED[name].hub, _hub_rows(name))
    tried = [Path(folder) / file for file in NAMED[name].files]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise DataError(
            f"--benchmark {name}: no {' or '.join(map(str, tried))}; put the set there, or leave --benchmarks-from "
            f"and {FOLDER_VARIABLE} unset to load {NAMED[name].hub} from the Hugging Face hub"
        )
    return _checked(name, str(found), iter_rows(found))


def load_data(
    given: str | Path,
    split: Split = "heldout",
    columns: str | None = None,
    domain: str = "math",
    kind: str = "math",
) -> Benchmark:
    """The problems of a prepared folder or of any file that `treadle.files.reading` reads.

    Args:
        given: The path, or `NAME=PATH`; without a name the file's or folder's own is taken.
        split: Of a prepared folder.
        columns: Of a file: `problem=NAME,answer=NAME,id=NAME`, each of them optional.
        domain: Prompt templates for a file; those of a prepared folder are its trajectories'.
        kind: How the answers are graded.

    Raises:
        DataError: A row lacks a column, answers or ids contradict one another, no problem has an answer, or a file
            under the name of a known benchmark is not that benchmark.
    """
    name, path = split_name(str(given))
    if path.is_dir():
        rows, left_out = _prepared_rows(path, split, kind)
        return _benchmark(name, rows, f"{path}, {split}", left_out)
    if name in KNOWN:
        return _checked(name, str(path), iter_rows(path), columns)
    left_out = Counter()
    problems = tuple(distinct(file_problems(iter_rows(path), parse_columns(columns), domain, kind, left_out), left_out))
    if not problems:
        raise DataError(f"{path}: none of {left_out.total()} rows has an answer; expected a column 'answer' with one")
    return _benchmark(name, problems, str(path), left_out)


def split_name(given: str) -> tuple[str, Path]:
    """Name and path of `[NAME=]PATH`; without a name the file's or folder's own.

    Raises:
        DataError: The name holds characters that cannot stand in a name.
    """
    name, equals, path = given.partition("=")
    if not equals or Path(given).exists():
        path = given
        name = Path(given).resolve().name.split(".")[0]
    name = ALIASES.get(name, name)
    if PART in name and name.split(PART)[0] in KNOWN:
        raise DataError(f"--data {given}: {name!r} stands for a part of a known benchmark; choose another name")
    if not _NAME.fullmatch(name):
        raise DataError(f"--data {given}: {name!r} is no name for a set; expected NAME=PATH with letters, digits and _")
    return name, Path(path)


def _benchmark(
    name: str, problems: Iterable[Problem], source: str, left_out: Counter[LeftOut] | None = None
) -> Benchmark:
    problems = tuple(replace(p, benchmark=name) for p in problems)
    return Benchmark(
        name, problems, content_hash([(p.problem, p.answer) for p in problems]), source, left_out or Counter()
    )


def _checked(name: str, source: str, rows: Iterable[Row], columns: str | None = None) -> Benchmark:
    """The known set `name`, in its own order and with its own ids."""
    kind = KNOWN[name].kind
    found = list(file_problems(rows, parse_columns(columns), "math", kind, Counter()))
    check(name, source, [(where, problem.problem, problem.answer) for where, problem in found])
    places = {position(name, problem.problem): problem for _, problem in found}
    problems = [replace(places[i], id=f"{name}-{i + 1}") for i in sorted(places)]
    if kind == "integer":
        problems = [replace(p, answer=plain_answer(p.answer)) for p in problems]
    return _benchmark(name, problems, source)


def _hub_rows(name: str) -> Iterator[Row]:
    from datasets import load_dataset

    hub = NAMED[name].hub
    try:
        dataset = load_dataset(hub, split="test")
    except Exception as error:  # the hub client raises many kinds; all mean that it could not be loaded
        file = NAMED[name].files[-1]
        raise DataError(
            f"--benchmark {name}: {hub} cannot be loaded from the Hugging Face hub ({type(error).__name__}: "
            f"{next(iter(str(error).splitlines()), '')}). Without a connection put {file} (JSON lines with problem "
            f"and answer) into a folder and give it with --benchmarks-from FOLDER, or set {FOLDER_VARIABLE} to it"
        ) from error
    for number, row in enumerate(dataset, 1):
        yield Row(dict(row), f"{hub}, row {number}", name, number)


def _prepared_rows(folder: Path, split: Split, kind: str) -> tuple[Sequence[Problem], Counter[LeftOut]]:
    left_out: Counter[LeftOut] = Counter()
    trajectories = list(Prepared(folder).trajectories(split))
    rows = [
        (f"{folder}, trajectory {t.id!r}", Problem(t.id, t.problem, t.answer, t.domain, kind))
        for t in trajectories
        if t.answer not in (None, "")
    ]
    if not rows:
        raise DataError(f"{folder}: none of {len(trajectories)} trajectories in split {split!r} has a final answer")
    left_out[LeftOut.NO_ANSWER] += len(trajectories) - len(rows)
    return list(distinct(rows, left_out, strict=False)), +left_out
