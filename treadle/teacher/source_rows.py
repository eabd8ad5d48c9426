"""The rows that problems were read from, whole, so that what is selected of them goes on with all its columns.

A file of selected problems is read as its source was: by `treadle prepare`, which finds a solution where the source had
one, by `treadle teach` and by `treadle evaluate`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from treadle.data.prepared import Prepared, Split
from treadle.data.sources.native import to_row
from treadle.evaluate.benchmarks import Benchmark, split_name
from treadle.evaluate.known_sets import plain_text
from treadle.evaluate.problem_rows import file_problems, parse_columns
from treadle.files.reading import iter_rows
from treadle.files.rows import Row


def source_rows(
    given: str,
    benchmark: Benchmark,
    split: Split = "heldout",
    columns: str | None = None,
    kind: str = "math",
    choices_seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """The row of each problem of `benchmark`, by the problem's id.

    Args:
        given: What `treadle.evaluate.benchmarks.load_data` read the problems from, with the same settings as there.

    Returns:
        Rows as the source has them, of a prepared folder its trajectories. A row without an `id` has the problem's.

    Raises:
        DataError: A row cannot be read.
    """
    _, path = split_name(given)
    if path.is_dir():
        by_id = {trajectory.id: to_row(trajectory) for trajectory in Prepared(path).trajectories(split)}
        return {problem.id: by_id[problem.id] for problem in benchmark.problems}
    current: list[Row] = []

    def noted() -> Iterator[Row]:
        for row in iter_rows(path):
            current[:] = [row]
            yield row

    by_text: dict[str, dict[str, Any]] = {}
    for _, problem in file_problems(noted(), parse_columns(columns), "math", kind, Counter(), choices_seed):
        by_text.setdefault(plain_text(problem.problem), current[0].data)
    return {problem.id: _with_id(problem.id, by_text[plain_text(problem.problem)]) for problem in benchmark.problems}


def line_of(row: Mapping[str, Any]) -> str:
    """A row as a line of JSON; what JSON has no form for, such as a date of a parquet file, as its text."""
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"


def _with_id(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return row if row.get("id") is not None else {"id": name, **row}
