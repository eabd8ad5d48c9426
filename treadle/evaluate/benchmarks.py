"""Problems with reference answers: known benchmarks by name, a prepared folder, or any file.

A known benchmark must be the known one to the letter, see `treadle.evaluate.known_sets`. Its problems have the same
order and the same ids from wherever they come, so that runs can be compared problem by problem.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from treadle.data.curate.problems import FOLDER_VARIABLE, NAMED, file_of, hub_rows, known_name
from treadle.data.prepared import Prepared, Split
from treadle.domains.setups import SETUP
from treadle.errors import DataError
from treadle.evaluate.known_sets import KNOWN, PART, check, content_hash, plain_answer, position
from treadle.evaluate.problem_rows import distinct, file_problems, parse_columns
from treadle.evaluate.records import LeftOut, Problem
from treadle.files.names import wrong_in_name
from treadle.files.reading import iter_rows
from treadle.files.rows import Row
from treadle.scoring.references import unreadable
from treadle.scoring.verdicts import can_be_judged, has_own_verdict, kind_of

_PIN = re.compile(r"(.+)@(?:sha256:)?([0-9a-f]{8,64})")


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
        """The first problems alone, under a name that says so: nobody is to take a part for the whole set."""
        if limit is None or limit >= len(self.problems):
            return self
        return _benchmark(f"{self.name}{PART}{limit}", self.problems[:limit], self.source, self.left_out)

    def unread(self) -> dict[str, str]:
        """Why no grader reads a problem's reference, by the id of the problem."""
        reasons = {p.id: unreadable(p.answer, p.kind) for p in self.problems if not has_own_verdict(p.domain)}
        return {name: f"{reason}: {_answer(self, name)}" for name, reason in reasons.items() if reason}

    def readable(self) -> Benchmark:
        """The problems whose reference a grader reads. A known set without some of its problems has another name."""
        unread = self.unread()
        if not unread:
            return self
        kept = [problem for problem in self.problems if problem.id not in unread]
        if not kept:
            name, reason = next(iter(unread.items()))
            raise DataError(f"{self.source}: no grader reads any of its references; the first is {name!r}, {reason}")
        left_out = self.left_out + Counter({LeftOut.UNREADABLE: len(unread)})
        return _benchmark(f"{self.name}-readable" if self.name in KNOWN else self.name, kept, self.source, left_out)


def _answer(benchmark: Benchmark, name: str) -> str:
    text = next(problem.answer for problem in benchmark.problems if problem.id == name)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def load_known(given: str, folder: str | Path | None = None, choices_seed: int = 0) -> Benchmark:
    """A known benchmark: from a folder of benchmarks, else from the Hugging Face hub.

    Args:
        given: A name of `KNOWN`, or another that `known_name` knows for it. `NAME@HASH` also asks for a content hash,
            as run.json has it, or for its beginning of 8 digits or more.
        folder: Holds `NAME.jsonl` (`minerva_math.jsonl` for Minerva, too). By default the folder that the
            environment variable `TREADLE_BENCHMARKS` names; without one the hub is asked.
        choices_seed: Of the order of choices, where the source has the right one first.

    Raises:
        DataError: The name is unknown, the set is not there, or it is not the known one.
    """
    pinned = _PIN.fullmatch(given)
    name = known_name(pinned[1] if pinned else given)
    if name not in KNOWN:
        near = difflib.get_close_matches(name.lower(), KNOWN, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise DataError(
            f"--benchmark {given}: expected one of {', '.join(KNOWN)}{hint}; other problems are read with --data "
            "[NAME=]FILE"
        )
    folder = folder or os.environ.get(FOLDER_VARIABLE)
    path = file_of(name, folder) if folder else None
    if folder and path is None:
        tried = " or ".join(str(Path(folder) / file) for file in NAMED[name].files)
        or_hub = f", or leave --benchmarks-from and {FOLDER_VARIABLE} unset to load {NAMED[name].hub} from the Hugging "
        raise DataError(
            f"--benchmark {name}: no {tried}; put the set there{f'{or_hub}Face hub' if NAMED[name].hub else ''}"
        )
    rows = iter_rows(path) if path else _hub(name)
    found = _checked(name, str(path or NAMED[name].hub), rows, choices_seed=choices_seed)
    if pinned and not found.sha256.startswith(pinned[2]):
        raise DataError(
            f"--benchmark {given}: {found.source} has the content hash {found.sha256}; leave the hash out to evaluate "
            "it"
        )
    return found


def load_data(
    given: str | Path,
    split: Split = "heldout",
    columns: str | None = None,
    domain: str = "math",
    kind: str | None = None,
    choices_seed: int = 0,
    unanswered: bool = False,
) -> Benchmark:
    """The problems of a prepared folder or of any file that `treadle.files.reading` reads.

    Args:
        given: The path, or `NAME=PATH`; without a name the file's or folder's own is taken.
        split: Of a prepared folder.
        columns: Of a file: `problem=NAME,answer=NAME,id=NAME`, each of them optional.
        domain: Prompt templates for a file; those of a prepared folder are its trajectories'.
        kind: How the answers are graded, where the file's form does not say it; `None` for what the domain says.
        choices_seed: As for `load_known`.
        unanswered: Take problems without an answer, too, with an empty one, for uses that grade nothing.

    Raises:
        DataError: A row lacks a column, answers or ids contradict one another, no problem has an answer, or a file
            under the name of a known benchmark is not that benchmark.
    """
    name, path = split_name(str(given))
    if path.is_dir():
        rows, left_out = _prepared_rows(path, split, kind, unanswered)
        return _benchmark(name, rows, f"{path}, {split}", left_out)
    if name in KNOWN:
        return _checked(name, str(path), iter_rows(path), columns, choices_seed)
    left_out = Counter()
    rows = file_problems(iter_rows(path), parse_columns(columns), domain, kind, left_out, choices_seed, unanswered)
    problems = tuple(distinct(rows, left_out))
    if not problems:
        counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if reason is not LeftOut.NO_ANSWER)
        raise DataError(
            f"{path}: none of {left_out.total()} rows has an answer; expected a column 'answer' with one"
            + (f" ({counts})" if counts else "")
        )
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
    name = known_name(name)
    if PART in name and name.split(PART)[0] in KNOWN:
        raise DataError(f"--data {given}: {name!r} stands for a part of a known benchmark; choose another name")
    if (wrong := wrong_in_name(name, any_letters=True)) is not None:
        raise DataError(f"--data {given}: {wrong}; name the set with NAME=PATH")
    return name, Path(path)


def _benchmark(
    name: str, problems: Iterable[Problem], source: str, left_out: Counter[LeftOut] | None = None
) -> Benchmark:
    problems = tuple(replace(p, benchmark=name) for p in problems)
    return Benchmark(name, problems, hash_of(problems), source, left_out or Counter())


def hash_of(problems: Sequence[Problem]) -> str:
    """Of the content of problems, see `content_hash`."""
    return content_hash([(p.problem, p.answer) for p in problems], [p.setup for p in problems])


def _checked(
    name: str, source: str, rows: Iterable[Row], columns: str | None = None, choices_seed: int = 0
) -> Benchmark:
    """The known set `name`, in its own order and with its own ids."""
    kind = KNOWN[name].kind
    found = list(file_problems(rows, parse_columns(columns), "math", kind, Counter(), choices_seed))
    check(name, source, [(where, problem.problem, problem.answer) for where, problem in found])
    if KNOWN[name].sha256:
        problems = [p for _, p in sorted(found, key=lambda item: position(name, item[1].problem))]
    else:
        problems = list(distinct(found, Counter()))  # two rows for one problem are an error, or one too few
        check(name, source, [("", p.problem, p.answer) for p in problems])
    problems = [replace(p, id=f"{name}-{i}", kind=kind) for i, p in enumerate(problems, 1)]
    if kind == "integer":
        problems = [replace(p, answer=plain_answer(p.answer)) for p in problems]
    return _benchmark(name, problems, source)


def _hub(name: str) -> Iterable[Row]:
    try:
        yield from hub_rows(name)
    except DataError as error:
        raise DataError(
            f"--benchmark {name}: {error}. Without a connection put {NAMED[name].files[-1]} (JSON lines with problem "
            f"and answer) into a folder and give it with --benchmarks-from FOLDER, or set {FOLDER_VARIABLE} to it"
        ) from error


def _prepared_rows(
    folder: Path, split: Split, kind: str | None, unanswered: bool
) -> tuple[Sequence[Problem], Counter[LeftOut]]:
    left_out: Counter[LeftOut] = Counter()
    trajectories = list(Prepared(folder).trajectories(split))
    rows = [
        (
            f"{folder}, trajectory {t.id!r}",
            Problem(t.id, t.problem, t.answer or "", t.domain, kind or kind_of(t.domain), setup=t.meta.get(SETUP)),
        )
        for t in trajectories
        if unanswered or t.answer not in (None, "") or can_be_judged(t.domain, answered=False)
    ]
    if not rows:
        raise DataError(
            f"{folder}: none of {len(trajectories)} trajectories in split {split!r} has a final answer to grade by; "
            "next steps need none: --mode steps"
        )
    left_out[LeftOut.NO_ANSWER] += len(trajectories) - len(rows)
    return list(distinct(rows, left_out, strict=False)), +left_out
