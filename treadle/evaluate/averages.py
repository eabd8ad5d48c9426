"""Averages over benchmarks, each under a name that says what it averages.

- `paper_seven_columns`: the paper's printed average, the plain mean of AMC23, AIME24 and AIME25 sampled (Avg@k) and
  greedy, and Minerva greedy. Six of its seven columns come from 100 problems and the seventh from 272. Asked only where
  one of these benchmarks is among those evaluated.
- `plain`: each benchmark counts once, by its Avg@k where it was sampled, else by its greedy accuracy.
- `plain_greedy`: each benchmark counts once, by its greedy accuracy; there where every benchmark has one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from treadle.statistics.estimates import sum_distance
from treadle.statistics.intervals import mean_interval

if TYPE_CHECKING:
    from treadle.evaluate.runs import Run

Column = tuple[str, str]
"""Benchmark and decoding."""

SEVEN: tuple[Column, ...] = (
    *((name, decoding) for name in ("amc23", "aime24", "aime25") for decoding in ("sampled", "greedy")),
    ("minerva", "greedy"),
)
TITLES = {
    "paper_seven_columns": "mean of the paper's seven columns",
    "plain": "plain mean of the benchmarks",
    "plain_greedy": "plain greedy mean of the benchmarks",
}


def averages(results: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The averages of each mode, from the figures of a run's results alone.

    The interval puts the columns' own intervals together (Zou and Donner, 2008): benchmarks are independent, and the
    two columns of one benchmark are taken to err together, which is the widest they can do. `run_averages` uses the
    problems themselves.

    Args:
        results: With `benchmarks`, as in results.json.

    Returns:
        `{mode: {name: {"value", "low", "high", "columns"}}}`. Where a column is missing, `value`, `low` and `high` are
        `None` and `reason` says which.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for mode, cells in _by_mode(results).items():
        found[mode] = {}
        for name, columns in _asked(cells).items():
            if reason := _reason(columns, cells):
                found[mode][name] = {"value": None, "low": None, "high": None, "columns": [], "reason": reason}
                continue
            accuracies = {column: cells[column]["accuracy"] for column in columns}
            value = sum(a["value"] for a in accuracies.values()) / len(columns)
            below, above = (_distance(accuracies, side) / len(columns) for side in ("low", "high"))
            found[mode][name] = {
                "value": value,
                "low": value - below,
                "high": value + above,
                "columns": [_label(column, cells) for column in columns],
            }
    return found


def several(results: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The averages of a run's results that say more than its figures: not those of a single column, and of one mode
    none that averages what one before it does.

    Yields:
        Mode, name and average.
    """
    for mode, named in (results.get("averages") or {}).items():
        seen = []
        for name, found in named.items():
            columns = found.get("columns")
            if not columns or (len(columns) > 1 and columns not in seen):
                yield mode, name, found
            seen.append(columns)


def run_averages(run: Run) -> dict[str, dict[str, dict[str, Any]]]:
    """What `averages` gives, with intervals by bootstrap over the problems of each benchmark."""
    found = averages(run.results)
    for mode, cells in _by_mode(run.results).items():
        for name, columns in _asked(cells).items():
            if found[mode][name]["value"] is not None:
                estimate = mean_interval(*parts([run], mode, columns))
                found[mode][name].update(value=estimate.value, low=estimate.low, high=estimate.high)
    return found


def average_columns(have: Sequence[Column]) -> dict[str, tuple[Column, ...]]:
    """The columns of each average that can be made of the columns at hand."""
    return {name: columns for name, columns in _asked(have).items() if not _reason(columns, have)}


def parts(runs: Sequence[Run], mode: str, columns: Sequence[Column]) -> tuple[list[np.ndarray], list[float]]:
    """Scores `[S, P]` of each benchmark among `columns`, one row a run, and weights that make their mean.

    The columns of one benchmark share its problems and are averaged problem by problem.
    """
    decodings: defaultdict[str, list[str]] = defaultdict(list)
    for benchmark, decoding in columns:
        decodings[benchmark].append(decoding)
    scores = [
        np.stack([np.mean([run.right(b, mode, d).mean(1) for d in found], axis=0) for run in runs])
        for b, found in decodings.items()
    ]
    return scores, [len(found) / len(columns) for found in decodings.values()]


def _by_mode(results: Mapping[str, Any]) -> dict[str, dict[Column, Mapping[str, Any]]]:
    found: defaultdict[str, dict[Column, Mapping[str, Any]]] = defaultdict(dict)
    for benchmark, entry in results["benchmarks"].items():
        for mode, decodings in entry.get("modes", {}).items():
            for decoding, figures in decodings.items():
                found[mode][benchmark, decoding] = figures
    return dict(found)


def _asked(cells: Collection[Column]) -> dict[str, tuple[Column, ...]]:
    benchmarks = list(dict.fromkeys(benchmark for benchmark, _ in cells))
    greedy = tuple((b, "greedy") for b in benchmarks)
    asked: dict[str, tuple[Column, ...]] = {}
    if any(benchmark in benchmarks for benchmark, _ in SEVEN):
        asked["paper_seven_columns"] = SEVEN
    asked["plain"] = tuple((b, "sampled" if (b, "sampled") in cells else "greedy") for b in benchmarks)
    if all(column in cells for column in greedy):
        asked["plain_greedy"] = greedy
    return asked


def _reason(columns: Sequence[Column], cells: Collection[Column]) -> str | None:
    missing = [" ".join(column) for column in columns if column not in cells]
    return f"not evaluated: {', '.join(missing)}" if missing else None


def _label(column: Column, cells: Mapping[Column, Mapping[str, Any]]) -> str:
    benchmark, decoding = column
    return f"{benchmark} Avg@{cells[column]['samples']}" if decoding == "sampled" else f"{benchmark} greedy"


def _distance(accuracies: Mapping[Column, Mapping[str, float]], side: str) -> float:
    """How far the bound of a sum lies from it."""
    by_benchmark: defaultdict[str, float] = defaultdict(float)
    for (benchmark, _), accuracy in accuracies.items():
        by_benchmark[benchmark] += abs(accuracy[side] - accuracy["value"])
    return sum_distance(list(by_benchmark.values()))
