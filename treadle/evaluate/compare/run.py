"""Runs side by side: every figure with its interval, every arm tested against one baseline, every finding in words.

`treadle.report.compare` draws what is computed here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from treadle.errors import TreadleError
from treadle.evaluate import averages
from treadle.evaluate.compare.arms import Arm, check_comparable, modes_of
from treadle.evaluate.compare.comparison import Cell, Column, Comparison, Pair
from treadle.evaluate.compare.findings import as_record, sentence
from treadle.evaluate.compare.naming import baseline_of, few_seeds
from treadle.evaluate.compare.paper import PROBLEMS
from treadle.evaluate.compare.steps import step_arms
from treadle.evaluate.known_sets import KNOWN
from treadle.statistics.estimates import wilson
from treadle.statistics.intervals import mean_interval
from treadle.statistics.paired import corrected, paired_test

MODES = {"whole": "whole solutions", "loop": "think-act loop"}
STEPS = "steps"


def compare(
    arms: Sequence[Arm],
    baseline: str | None = None,
    any_grader: bool = False,
    benchmarks: Collection[str] = (),
    modes: Collection[str] = (),
) -> Comparison:
    """Compare arms with one of them.

    Args:
        baseline: Name of an arm, or the folder of its only run; by default the first.
        any_grader: Whether runs that were graded by different rules may stand side by side.
        benchmarks, modes: Only these, where given; next steps are the mode `steps`. Fewer comparisons are corrected
            less, so choose before looking.

    Raises:
        DataError: The runs cannot be compared, see `treadle.evaluate.compare.arms`.
        OutputError: Attempts of a run are missing.
        TreadleError: No arm, benchmark or mode has that name, or nothing was evaluated in any of them.
    """
    rows = [(arm.name, arm.runs) for arm in arms]
    base = baseline_of(rows, baseline)
    notes = check_comparable(arms, any_grader)
    columns, more = _columns(arms)
    steps, said = step_arms(arms)
    columns = _chosen(columns, benchmarks, modes, [STEPS] if steps else [])
    if benchmarks or (modes and STEPS not in modes):
        steps, said = [], []
    if not columns and not steps:
        raise TreadleError("nothing to compare: no run has a benchmark that was solved, or next steps")
    have = [(arm, c) for arm in arms for c in columns if set(c.parts) <= set(arm.columns(c.mode))]
    scores = {(arm.name, c): averages.parts(arm.runs, c.mode, c.parts) for arm, c in have}
    by_name = {arm.name: arm for arm in arms}
    cells = {(name, c): _cell(by_name[name], c, *found) for (name, c), found in scores.items()}
    pairs = [
        Pair(c, arm.name, base, paired_test(scores[arm.name, c][0], scores[base, c][0], scores[base, c][1]))
        for arm in arms
        for c in columns
        if arm.name != base and (arm.name, c) in scores and (base, c) in scores
    ]
    tests = corrected([pair.test for pair in pairs])
    return Comparison(
        arms=list(arms),
        baseline=base,
        columns=columns,
        cells=cells,
        pairs=[replace(pair, test=test) for pair, test in zip(pairs, tests, strict=True)],
        notes=notes + more + said + few_seeds(rows),
        paper=_of_the_paper(arms),
        steps=steps,
    )


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain data, for a file."""
    return {
        "baseline": comparison.baseline,
        "arms": {arm.name: [str(run.folder) for run in arm.runs] for arm in comparison.arms},
        "figures": [
            {"arm": arm, "mode": c.mode, "column": c.title, **cell.estimate._asdict(), "samples": cell.samples}
            for (arm, c), cell in comparison.cells.items()
        ],
        "tests": [
            {"mode": pair.column.mode, "column": pair.column.title, **as_record(pair), "sentence": sentence(pair)}
            for pair in comparison.pairs
        ],
        "steps": [asdict(step) for step in comparison.steps],
        "notes": comparison.notes,
    }


def _columns(arms: Sequence[Arm]) -> tuple[list[Column], list[str]]:
    """Benchmarks and averages by mode; an average that would not be over the same columns in all arms is left out."""
    columns, notes = [], []
    for mode in (m for m in MODES if any(m in modes_of(arm.runs[0]) for arm in arms)):
        with_mode = [arm for arm in arms if arm.columns(mode)]
        each_part = dict.fromkeys(part for arm in with_mode for part in arm.columns(mode))
        columns += [Column(mode, (part,), _title(part, mode, arms)) for part in each_part]
        each = [averages.average_columns(arm.columns(mode)) for arm in with_mode]
        for name in dict.fromkeys(name for found in each for name in found):
            parts = list(dict.fromkeys(tuple(sorted(found[name])) for found in each if name in found))
            if len(parts) > 1:
                notes.append(f"No {averages.TITLES[name]} ({MODES[mode]}): the runs have different columns.")
            elif len({b for b, _ in parts[0]}) > 1 and not any(c.mode == mode and c.parts == parts[0] for c in columns):
                columns.append(Column(mode, parts[0], averages.TITLES[name], name))
    kinds = ("greedy", "sampled", "averages")
    return sorted(columns, key=lambda c: (list(MODES).index(c.mode), kinds.index(c.kind))), notes


def _chosen(
    columns: list[Column], benchmarks: Collection[str], modes: Collection[str], more: Sequence[str]
) -> list[Column]:
    for option, names, there in (
        ("--benchmark", benchmarks, {b for c in columns for b, _ in c.parts}),
        ("--mode", modes, {*(c.mode for c in columns), *more}),
    ):
        if unknown := sorted(set(names) - there):
            raise TreadleError(f"{option} {unknown[0]}: not in these runs; they have {', '.join(sorted(there))}")
    return [
        c
        for c in columns
        if (not modes or c.mode in modes) and (not benchmarks or {b for b, _ in c.parts} <= set(benchmarks))
    ]


def _title(part: averages.Column, mode: str, arms: Sequence[Arm]) -> str:
    benchmark, decoding = part
    name = KNOWN[benchmark].title if benchmark in KNOWN else benchmark
    if decoding == "greedy":
        return f"{name}, greedy"
    counts = {run.right(*_key(part, mode)).shape[1] for arm in arms if part in arm.columns(mode) for run in arm.runs}
    return f"{name}, Avg@{counts.pop() if len(counts) == 1 else 'k'}"


def _key(part: averages.Column, mode: str) -> tuple[str, str, str]:
    return part[0], mode, part[1]


def _cell(arm: Arm, column: Column, scores: list[np.ndarray], weights: list[float]) -> Cell:
    if column.average:
        return Cell(mean_interval(scores, weights), None)
    samples = tuple(run.right(*_key(column.parts[0], column.mode)).shape[1] for run in arm.runs)
    right_SP = scores[0]
    if len(right_SP) == 1 and set(samples) == {1}:
        return Cell(wilson(float(right_SP.sum()), right_SP.shape[1]), samples)
    return Cell(mean_interval(scores, weights), samples)


def _of_the_paper(arms: Sequence[Arm]) -> set[str]:
    """Benchmarks that every run which has them took from the published set."""
    found = set(PROBLEMS)
    for run in (run for arm in arms for run in arm.runs):
        for name, entry in run.results["benchmarks"].items():
            if name in KNOWN and entry.get("sha256") != KNOWN[name].sha256:
                found.discard(name)
    return {n for n in found if any(n in run.results["benchmarks"] for arm in arms for run in arm.runs)}
