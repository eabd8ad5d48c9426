"""A domain's own sets of problems, by name: `treadle evaluate --benchmark NAME/SET`."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from pathlib import Path

from treadle.domains.domain import Domain, ProblemSet
from treadle.domains.folder import FILE
from treadle.domains.registry import find
from treadle.errors import DataError
from treadle.evaluate.benchmarks import Benchmark, hash_of
from treadle.evaluate.problem_rows import distinct, file_problems
from treadle.evaluate.records import LeftOut
from treadle.files.reading import iter_rows

SLASH = "/"
"""Stands between the names of a domain and of its set."""


def load_set(given: str, choices_seed: int = 0) -> Benchmark:
    """A set of a domain, in the order of its file and with its ids.

    Args:
        given: `NAME/SET`.
        choices_seed: Of the order of choices, where a form has the right one first.

    Raises:
        DomainError: There is no such domain.
        DataError: It is a file, has no such set, a row of it is wrong, or it is not the one that `domain.yaml` says.
    """
    if Path(given).is_file():
        raise DataError(f"--benchmark {given}: a file, and no set of a domain; give it with --data {given}")
    domain_name, _, name = given.partition(SLASH)
    domain = find(domain_name)
    if name not in domain.problems:
        raise DataError(f"--benchmark {given}: {_no_set(domain, name)}")
    path = domain.folder / domain.problems[name].file
    left_out: Counter[LeftOut] = Counter()
    rows = file_problems(iter_rows(path), {}, domain.name, None, left_out, choices_seed, unanswered=True)
    problems = tuple(replace(problem, benchmark=given) for problem in distinct(rows, left_out))
    sha256 = hash_of(problems)
    _check(domain, name, len(problems), sha256)
    return Benchmark(given, problems, sha256, str(path), left_out)


def _no_set(domain: Domain, name: str) -> str:
    if not domain.problems:
        return f"the domain {domain.name!r} has no sets; name one under problems in {domain.folder / FILE}"
    near = difflib.get_close_matches(name, domain.problems, n=1)
    hint = f"did you mean {domain.name}{SLASH}{near[0]}?" if near else f"it has {', '.join(domain.problems)}"
    return f"the domain {domain.name!r} has no set {name!r}; {hint}"


def _check(domain: Domain, name: str, count: int, sha256: str) -> None:
    """Raise `DataError` for another count or content than `domain.yaml` has."""
    wanted: ProblemSet = domain.problems[name]
    wrong = []
    if wanted.count is not None and count != wanted.count:
        wrong.append(f"{count} problems, expected {wanted.count}")
    if wanted.sha256 is not None and not sha256.startswith(wanted.sha256):
        wrong.append(f"the content hash {sha256[:16]}, expected {wanted.sha256}")
    if wrong:
        line = f"{name}: {{file: {wanted.file}, count: {count}, sha256: '{sha256[:16]}'}}"
        raise DataError(
            f"{domain.folder / wanted.file}: found {' and '.join(wrong)}, as {domain.folder / FILE} has it; mend the "
            f"file, or write under problems there: {line}"
        )
