"""Arms of a comparison: a run, or several runs of one recipe with different seeds, and what must agree among them.

Runs over different problems are refused, and so are runs that were graded differently unless that is asked for. What
may differ with good reason (limits of length, temperature, number of samples, back end) is put into words, so that
it stands beside the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.averages import Column
from treadle.evaluate.compare.naming import by_value, listed_values, named
from treadle.evaluate.runs import Run, read_run

# Settings of a run's identity that only some attempts depend on: (modes, decodings).
_CONCERNS = {
    "settings.max_new_tokens": ({"whole"}, {"greedy", "sampled"}),
    "settings.max_step_tokens": ({"loop", "steps"}, {"greedy", "sampled"}),
    "settings.max_steps": ({"loop"}, {"greedy", "sampled"}),
    "settings.temperature": ({"whole", "loop"}, {"sampled"}),
    "settings.top_p": ({"whole", "loop"}, {"sampled"}),
    "settings.top_k": ({"whole", "loop"}, {"sampled"}),
}
# What runs differ in by their nature, or what is compared elsewhere.
_NO_DIFFERENCE = {
    "model",
    "model content",
    "step instances",
    "settings.seed",
    "settings.modes",
    "settings.steps",
    "settings.greedy",
    "settings.extract",
}


@dataclass(frozen=True)
class Arm:
    """One row of a comparison: runs of the same recipe, most often one."""

    name: str
    runs: tuple[Run, ...]

    def columns(self, mode: str) -> list[Column]:
        """Benchmark and decoding of all that every run of the arm has in a mode."""
        each = [columns_of(run, mode) for run in self.runs]
        return [column for column in each[0] if all(column in other for other in each)]


def columns_of(run: Run, mode: str) -> list[Column]:
    """Benchmark and decoding of all that a run has in a mode."""
    return [
        (benchmark, decoding)
        for benchmark, entry in run.results["benchmarks"].items()
        for decoding in entry.get("modes", {}).get(mode, {})
    ]


def modes_of(run: Run) -> set[str]:
    return {mode for entry in run.results["benchmarks"].values() for mode in entry.get("modes", {})}


def read_arms(folders: Sequence[str | Path], groups: Sequence[str] = ()) -> list[Arm]:
    """Read runs and put them into arms, in the order given, groups last.

    Args:
        folders: Run folders. One that a group names too stands in the group only.
        groups: `NAME=RUN,RUN`.

    Raises:
        OutputError: A folder is no finished run.
        TreadleError: A group is not written so, a name or a run comes twice, or there is nothing to compare.
    """
    return [Arm(name, runs) for name, runs in named(folders, groups, read_run, lambda run: run.info.get("model"))]


def check_comparable(arms: Sequence[Arm], any_grader: bool = False) -> list[str]:
    """Refuse what cannot be compared, and say what differs in what can.

    Args:
        any_grader: Whether runs that were graded by different rules may stand side by side.

    Returns:
        Differences in words, each naming the runs.

    Raises:
        DataError: Problems differ under one benchmark's name, or graders do.
    """
    runs = [run for arm in arms for run in arm.runs]
    _check_problems(runs)
    notes = []
    graders = by_value((run, run.results.get("grader")) for run in runs)
    if len(graders) > 1:
        listed = listed_values(graders)
        if not any_grader:
            raise DataError(
                f"graded by different rules: {listed}. Grade them again with this version (treadle evaluate --regrade "
                "RUN), or compare all the same with --any-grader"
            )
        notes.append(f"Graded by different rules: {listed}.")
    rules = by_value((run, rule_of(run)) for run in runs if modes_of(run))
    if len(rules) > 1:
        listed = listed_values(rules)
        if not any_grader:
            raise DataError(
                f"answers were taken by different rules: {listed}. Take them by one (treadle evaluate --regrade RUN "
                f"--extract {next(iter(rules))}), or compare all the same with --any-grader"
            )
        notes.append(f"Answers taken by different rules: {listed}.")
    return notes + _setting_notes(runs) + _missing_notes(arms)


def rule_of(run: Run) -> str:
    """What counts as an answer in a run, see `treadle.scoring.extraction`; older runs take boxes alone."""
    return (run.results.get("settings") or {}).get("extract", "boxed")


def _check_problems(runs: Sequence[Run]) -> None:
    for benchmark in dict.fromkeys(name for run in runs for name in run.results["benchmarks"]):
        first, *others = [run for run in runs if benchmark in run.results["benchmarks"]]
        for other in others:
            if _set(first, benchmark) != _set(other, benchmark):
                raise DataError(
                    f"{other.folder}: its {benchmark} ({_described(other, benchmark)}) is not that of {first.folder} "
                    f"({_described(first, benchmark)}). Only runs over the same problems can be compared: evaluate one "
                    "of them again, or give the sets different names with --data NAME=FILE"
                )


def _set(run: Run, benchmark: str) -> tuple[Any, list[tuple[str, str]]]:
    return run.results["benchmarks"][benchmark].get("sha256"), [(p.id, p.answer) for p in run.problems[benchmark]]


def _described(run: Run, benchmark: str) -> str:
    sha256 = run.results["benchmarks"][benchmark].get("sha256") or "not stated"
    return f"{len(run.problems[benchmark])} problems, sha256 {sha256[:12]}"


def _setting_notes(runs: Sequence[Run]) -> list[str]:
    identities = [run.info.get("identity") or {} for run in runs]
    modes = set.intersection(*map(modes_of, runs))
    decodings = {d for mode in modes for run in runs for _, d in columns_of(run, mode)}
    if all(run.results.get("steps") for run in runs):
        modes, decodings = modes | {"steps"}, decodings | {"greedy"}
    same_sets = len({tuple(sorted(run.results["benchmarks"])) for run in runs}) == 1
    notes = []
    for key in dict.fromkeys(key for identity in identities for key in identity):
        concerned = _CONCERNS.get(key, (modes, decodings or {"greedy"}))
        # The digest of prompts is over all benchmarks and modes of a run.
        skipped = key in _NO_DIFFERENCE or key.startswith("benchmark ") or (key == "prompts" and not same_sets)
        if key == "prompts" and len({frozenset(modes_of(run)) for run in runs}) > 1:
            skipped = True
        if skipped or (key in _CONCERNS and not (concerned[0] & modes and concerned[1] & decodings)):
            continue
        given = [(run, i[key]) for run, i in zip(runs, identities, strict=True) if key in i]
        if key.startswith("samples of "):
            # None at all is a missing column, which is shown as such.
            given = [(run, count) for run, count in given if count]
        values = by_value(given)
        if len(values) > 1:
            notes.append(f"Different {key.removeprefix('settings.')}: {listed_values(values)}.")
    return notes


def _missing_notes(arms: Sequence[Arm]) -> list[str]:
    notes = []
    for arm in arms:
        for mode in sorted(set().union(*map(modes_of, arm.runs))):
            every = dict.fromkeys(column for run in arm.runs for column in columns_of(run, mode))
            if partly := [" ".join(column) for column in every if column not in arm.columns(mode)]:
                notes.append(f"{arm.name}: not all of its runs have {', '.join(partly)} ({mode}); left out.")
    return notes
