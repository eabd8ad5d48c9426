"""Tasks from packages: bugs that tests tell, with an issue text, written as instances of SWE-bench's form.

A folder of tasks holds `instances.jsonl` (SWE-bench's fields, and the bug as a diff), `sources/` (the releases),
`tasks.json` (what was asked, tried and dropped) and `journal.jsonl` (what the tests said of each bug that was tried, by
which the same command goes on after a kill, and makes the same tasks).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError
from treadle.evaluate.store import Journal, write_json, write_lines
from treadle.evaluate.swe.environments import Environment, lay_over
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.tasks.issues import issue_text, public_name
from treadle.evaluate.swe.tasks.releases import Release, fetch, read_release
from treadle.evaluate.swe.tasks.trials import Baseline, Bench, Dropped, Trial
from treadle.files.links import remove
from treadle.files.output import check_place, make_empty, owned

FORMAT = 1
SUMMARY, INSTANCES, SOURCES, JOURNAL = "tasks.json", "instances.jsonl", "sources", "journal.jsonl"
_TRIES = 20
"""Bugs that are tried for each task, at most; `_MORE` are on top."""
_MORE = 100
_HELD_OUT = 4  # every fourth package is for testing

Environments = Callable[[Release], Environment]
"""Makes the environment in which a release's tests run."""


@dataclass(frozen=True)
class Made:
    """What became of an order of tasks.

    Args:
        instances: The tasks, as they are written.
        summary: What `tasks.json` holds.
    """

    instances: list[dict[str, Any]]
    summary: dict[str, Any]


def make_tasks(
    packages: Sequence[str],
    number: int,
    out: Path,
    environments: Environments,
    *,
    seed: int = 0,
    unsafe_local: bool = False,
    overwrite: bool = False,
    said: Callable[[str], None] = print,
) -> Made:
    """Make tasks from packages.

    Args:
        packages: `NAME==VERSION` or source archives, see `treadle.evaluate.swe.tasks.releases.fetch`.
        number: Tasks to make, as even over the packages as their bugs allow.
        out: The folder; one that the same command began is gone on with.
        environments: Makes the environment of a release.
        seed: Chooses the bugs, and which packages are held out.
        unsafe_local: Run the tests without a sandbox where none can be had.
        overwrite: Replace the tasks of another command.
        said: Told how it goes, a line at a time.

    Raises:
        DataError: A package is no release, has no tests, or they do not pass.
        OutputError: `out` holds something else, or cannot be written.
        SandboxError: There is no sandbox.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(owned(out))
        if overwrite and out.exists():
            _check_old(out)
            make_empty(out, SUMMARY)
        asked = {"packages": [Path(p).name for p in packages], "seed": seed}
        journal = _journal(out, asked, stack)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="treadle-")))
        benches = _benches(packages, out, environments, journal, scratch, unsafe_local)
        splits = _splits([bench.release for bench in benches], seed)
        lots = [_Lot(bench, seed, said) for bench in benches]
        _fill(lots, number)
        instances = [_instance(lot, trial, splits[lot.bench.release.label]) for lot in lots for trial in lot.tasks]
        summary = {
            "format": FORMAT,
            **asked,
            "asked": number,
            "made": len(instances),
            "seconds": round(time.monotonic() - began, 1),
            "releases": {lot.bench.release.label: lot.summary(splits[lot.bench.release.label]) for lot in lots},
        }
        write_lines(out / INSTANCES, instances)
        write_json(out / SUMMARY, summary)
    return Made(instances, summary)


def _check_old(out: Path) -> None:
    if any(out.iterdir()) and not any((out / name).is_file() for name in (SUMMARY, JOURNAL)):
        raise OutputError(
            f"{out}: holds no {SUMMARY}, so it is no folder of tasks, and --overwrite does not replace it"
        )


def _journal(out: Path, asked: dict[str, Any], stack: ExitStack) -> Journal:
    """The journal of `out`, whose first line says what was asked."""
    check_place(out)
    if out.exists() and any(out.iterdir()) and not (out / JOURNAL).is_file():
        raise OutputError(f"{out}: is there already and holds no {JOURNAL}; choose another folder with -o")
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / JOURNAL)
    lines = list(journal)
    if len(lines) == 1 and lines[0].get("asked") != asked and not (out / SUMMARY).exists():
        journal.close()  # nothing was tried for the other command, such as one with a package that is not there
        remove(out / JOURNAL)
        journal, lines = Journal(out / JOURNAL), []
    stack.callback(journal.close)
    before = next(iter(lines), None)
    if before is None:
        journal.append({"asked": asked})
    elif before.get("asked") != asked:
        raise OutputError(
            f"{out}: holds tasks of another command ({before.get('asked')}); choose another folder with -o, or replace "
            "them with --overwrite"
        )
    return journal


def _benches(
    packages: Sequence[str],
    out: Path,
    environments: Environments,
    journal: Journal,
    scratch: Path,
    unsafe_local: bool,
) -> list[Bench]:
    benches: dict[str, Bench] = {}
    for number, package in enumerate(packages):
        release = _known_release(package, out)
        tree = scratch / f"release-{number}"
        found = read_release(release or fetch(package, out / SOURCES), tree)
        if found.label in benches:
            raise DataError(f"{package}: {found.label} is named twice; name each release once")
        environment = environments(found)
        lay_over(environment, tree)
        benches[found.label] = Bench(found, tree, environment.python, journal, scratch, unsafe_local)
    return list(benches.values())


def _known_release(package: str, out: Path) -> Path | None:
    """The archive of a release that was fetched before."""
    name, _, version = package.partition("==")
    if not version:
        return None
    wanted = name.lower().replace("_", "-").replace(".", "-"), version
    for archive in sorted((out / SOURCES).glob("*.tar.gz")):
        stem, _, found = archive.name.removesuffix(".tar.gz").rpartition("-")
        if (stem.lower().replace("_", "-").replace(".", "-"), found) == wanted:
            return archive
    return None


class _Lot:
    """The tasks of one package."""

    def __init__(self, bench: Bench, seed: int, said: Callable[[str], None]) -> None:
        self.bench = bench
        self.baseline: Baseline = bench.baseline()
        self.tasks: list[Trial] = []
        self.dropped: Counter[str] = Counter()
        self.exhausted = ""
        self._trials = bench.trials(seed, self.baseline)
        self._said = said
        left = "".join(f", {count:,} {status}" for status, count in sorted(self.baseline.left_out.items()))
        said(f"{bench.release.label}: {len(self.baseline.passed):,} tests pass{left}; {self.baseline.seconds:.1f} s")

    def fill(self, count: int) -> None:
        """Try bugs until there are so many tasks, or no more bugs."""
        while len(self.tasks) < count and not self.exhausted:
            trial = next(self._trials, None)
            if trial is None:
                self.exhausted = "all its bugs were tried"
            elif trial.dropped:
                self.dropped[trial.dropped] += 1
            else:
                self.tasks.append(trial)
            if self.tried >= _TRIES * count + _MORE:
                self.exhausted = f"{self.tried:,} of its bugs were tried"

    @property
    def tried(self) -> int:
        return len(self.tasks) + self.dropped.total()

    def summary(self, split: str) -> dict[str, Any]:
        """What `tasks.json` says of the package."""
        release = self.bench.release
        return {
            "archive": release.archive.name,
            "sha256": release.sha256,
            "split": split,
            "tests": len(self.baseline.passed),
            "tests_left_out": self.baseline.left_out,
            "tests_seconds": round(self.baseline.seconds, 2),
            "tried": self.tried,
            "made": len(self.tasks),
            "dropped": {reason: self.dropped[reason] for reason in Dropped if self.dropped[reason]},
            "kinds": dict(sorted(Counter(trial.mutant.kind for trial in self.tasks).items())),
            "short": self.exhausted,
        }


def _fill(lots: Sequence[_Lot], number: int) -> None:
    """Even shares first; what a package cannot give the others give, one after the other."""
    share, rest = divmod(number, len(lots))
    for place, lot in enumerate(lots):
        lot.fill(share + (place < rest))
    while sum(len(lot.tasks) for lot in lots) < number and (able := [lot for lot in lots if not lot.exhausted]):
        lot = min(able, key=lambda lot: len(lot.tasks))
        lot.fill(len(lot.tasks) + 1)


def _splits(releases: Sequence[Release], seed: int) -> dict[str, str]:
    """`train` or `test` for each package: every fourth is held out, at least one where there are two."""
    order = sorted(releases, key=lambda release: hashlib.sha256(f"{seed} {release.name}".encode()).digest())
    held_out = max(len(order) // _HELD_OUT, 1) if len(order) > 1 else 0
    return {release.label: "test" if place < held_out else "train" for place, release in enumerate(order)}


def _instance(lot: _Lot, trial: Trial, split: str) -> dict[str, Any]:
    release, mutant = lot.bench.release, trial.mutant
    assert trial.symptom is not None
    name = public_name(trial.file, mutant.function, release.paths)
    failing = set(trial.failing)
    return {
        "instance_id": f"{release.name}__{release.name}-{int(trial.key[:12], 16)}",
        "repo": release.name,
        "base_commit": release.label,
        "version": release.version,
        "created_at": release.created,
        "problem_statement": issue_text(trial.symptom, release.name, release.version, name, trial.failing, trial.key),
        "patch": diff_of({trial.file: mutant.source}, {trial.file: mutant.original}),
        "test_patch": "",
        "bug": diff_of({trial.file: mutant.original}, {trial.file: mutant.source}),
        "FAIL_TO_PASS": trial.failing,
        "PASS_TO_PASS": [test for test in lot.baseline.passed if test not in failing],
        "split": split,
        "kind": mutant.kind,
        "file": trial.file,
        "function": mutant.function,
        "line": mutant.line,
    }
