"""Bugs tried on a package: its tests run without and with each, and what they tell is kept in a journal.

A trial is known by the release, the place and the text of the change; one that the journal has is not run again.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from treadle.errors import DataError, Explained
from treadle.evaluate.store import Journal
from treadle.evaluate.swe.parsers import PASSED
from treadle.evaluate.swe.pytest_runs import PackageRun, run_pytest
from treadle.evaluate.swe.sandbox import Limits, Sandbox
from treadle.evaluate.swe.tasks.issues import Symptom, symptom_of
from treadle.evaluate.swe.tasks.mutations import Mutant, candidates, is_another_program, spread
from treadle.evaluate.swe.tasks.releases import Release
from treadle.files.typed import record_of
from treadle.visible import visible

_LIMITS = Limits(seconds=600, memory_mb=4096, processes=256)
_LEAST_SECONDS, _SLOWER = 60.0, 5.0
_MOST_FAILING = 0.5
_REMEDY = "remove the folder, or replace it with --overwrite"


class Dropped(Explained):
    """Why a bug becomes no task."""

    NO_PROGRAM = "no_program", "the change is no valid Python, or the same program"
    SURVIVED = "survived", "no test fails"
    TIMEOUT = "timeout", "the tests do not end in time"
    BROKEN = "broken", "the tests end without a report"
    TOO_MANY = "too_many", "more than half of the tests fail"


@dataclass(frozen=True)
class Baseline:
    """A package's tests without a bug.

    Args:
        passed: Ids of those that pass, twice.
        left_out: How many have another status, by it; `flaky` where two runs differ.
        seconds: Wall time of a run.
    """

    passed: list[str]
    left_out: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Trial:
    """What the tests said of a bug.

    Args:
        file: Which was changed.
        dropped: Why it becomes no task, a value of `Dropped`; empty where it does.
        failing: Ids of the tests that no longer pass.
        symptom: How one of them fails.
    """

    key: str
    file: str
    mutant: Mutant
    dropped: str = ""
    failing: list[str] = field(default_factory=list)
    symptom: Symptom | None = None


class Bench:
    """A package on which bugs are tried.

    Args:
        release: The package.
        tree: It, unpacked; never changed.
        python: The environment in which its tests run.
        journal: What was found already, and takes what is found.
        scratch: A folder for trees that tests may write to.
        unsafe_local: See `treadle.evaluate.swe.sandbox.Sandbox`.
    """

    def __init__(
        self, release: Release, tree: Path, python: Path, journal: Journal, scratch: Path, unsafe_local: bool = False
    ) -> None:
        self.release, self.tree, self.python = release, tree, python
        self._journal, self._scratch, self._unsafe_local = journal, scratch, unsafe_local
        self._known = {record["key"]: record for record in journal if "key" in record}

    def baseline(self) -> Baseline:
        """The tests that pass without a bug.

        Raises:
            DataError: None do, or they do not end.
        """
        record = self._kept(f"baseline {self.release.sha256}", self._run_baseline)
        return record_of(Baseline, record, f"{self._journal.path}", _REMEDY)

    def _run_baseline(self) -> dict[str, object]:
        first, second = (self._run({}, _LIMITS) for _ in range(2))
        for run in (first, second):
            if run.fault:
                lines = [line for line in run.ran.output.splitlines() if line.strip()] or ["it printed nothing"]
                said = f"{run.fault}; last line: {visible(lines[-1])[:200]!r}"
                raise DataError(f"{self.release.label}: its tests do not run: {said}; choose another package")
        names = sorted(first.statuses.keys() | second.statuses.keys())
        left_out: dict[str, int] = {}
        passed = []
        for test in names:
            one, other = first.statuses.get(test), second.statuses.get(test)
            if one == other == PASSED:
                passed.append(test)
            else:
                reason = one if one == other and one else "flaky"
                left_out[reason] = left_out.get(reason, 0) + 1
        if not passed:
            raise DataError(f"{self.release.label}: none of its {len(names):,} tests passes; choose another package")
        return asdict(Baseline(passed, left_out, round(max(first.ran.seconds, second.ran.seconds), 2)))

    def trials(self, seed: int, baseline: Baseline) -> Iterator[Trial]:
        """Bugs of the package in an order by the seed, each tried when it is asked for."""
        found: list[Mutant] = []
        files: list[str] = []
        for file in self.release.sources:
            of_file = candidates(_text(self.tree / file))
            found += of_file
            files += [file] * len(of_file)
        chance = random.Random(f"{seed} {self.release.label}")
        by_mutant = {id(mutant): file for mutant, file in zip(found, files, strict=True)}
        for mutant in spread(found, chance, files):
            yield self._trial(by_mutant[id(mutant)], mutant, baseline)

    def _trial(self, file: str, mutant: Mutant, baseline: Baseline) -> Trial:
        content = "\0".join((self.release.sha256, file, str(mutant.start), mutant.before, mutant.after))
        key = hashlib.sha256(content.encode()).hexdigest()[:16]
        record = self._kept(key, lambda: self._try(file, mutant, baseline))
        where = f"{self._journal.path}, trial {key}"
        symptom = record.pop("symptom", None)
        shown = record_of(Symptom, symptom, where, _REMEDY) if isinstance(symptom, dict) else None
        return record_of(
            Trial, {**record, "key": key, "file": file, "mutant": mutant, "symptom": shown}, where, _REMEDY
        )

    def _try(self, file: str, mutant: Mutant, baseline: Baseline) -> dict[str, object]:
        if not is_another_program(mutant):
            return {"dropped": Dropped.NO_PROGRAM}
        limits = replace(_LIMITS, seconds=max(_LEAST_SECONDS, _SLOWER * baseline.seconds))
        run = self._run({file: mutant.source}, limits)
        if run.fault:
            return {"dropped": Dropped.TIMEOUT if run.ran.timed_out else Dropped.BROKEN}
        failing = [test for test in baseline.passed if run.statuses.get(test) != PASSED]
        told = next((test for test in failing if test in run.failures), None)
        if not failing:
            return {"dropped": Dropped.SURVIVED}
        if len(failing) > _MOST_FAILING * len(baseline.passed) or told is None:
            return {"dropped": Dropped.TOO_MANY}
        return {"failing": failing, "symptom": asdict(symptom_of(told, run.failures[told], self.tree))}

    def _run(self, changed: dict[str, str], limits: Limits) -> PackageRun:
        place = self._scratch / "tree"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.tree, place, symlinks=True)
        for file, text in changed.items():
            (place / file).write_text(text, encoding="utf-8", newline="")
        sandbox = Sandbox(place, python=self.python, unsafe_local=self._unsafe_local)
        try:
            return run_pytest(sandbox, limits=limits)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _kept(self, key: str, make: Callable[[], dict[str, object]]) -> dict[str, object]:
        if key not in self._known:
            record = {"key": key, **make()}
            self._journal.append(record)
            self._known[key] = record
        return {name: value for name, value in self._known[key].items() if name != "key"}


def _text(path: Path) -> str:
    """A file's text with its line ends as they are; empty where it is no UTF-8."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return ""
