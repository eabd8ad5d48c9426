"""The verdict: are the rows of the final `SELECT` the expert's?

Compared as follows, see `same_rows`:

- Numbers are the same if they differ by at most one in a million (or 1e-9), so that `sum(x) / count(*)` may stand for
  `avg(x)`; whole numbers and fractions are alike (3 and 3.0). Words are the same letter for letter.
- The order of rows counts only where the question asks for one.
- Names of columns do not count: an alias is taste. Their order does: the question names what it wants in order, and any
  order would let `month, total` stand for `total, month`, whose numbers can agree by chance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from treadle.domains.domain import Attempt, Task

RELATIVE, ABSOLUTE = 1e-6, 1e-9


def judge(task: Task, attempt: Attempt, world: Any) -> tuple[bool, str]:
    """Whether the attempt's final rows are those of `task.answer`.

    Args:
        world: After the attempt's actions.
    """
    expected = json.loads(task.answer)
    if world.result is None:
        return False, "no final SELECT"
    found = json.loads(as_answer(world.result, expected["ordered"]))["rows"]
    if len(found) != len(expected["rows"]):
        return False, f"{len(found)} rows, expected {len(expected['rows'])}"
    same = same_rows(found, expected["rows"], expected["ordered"])
    return same, "the expert's rows" if same else "other rows"


def as_answer(rows: Sequence[Sequence[Any]], ordered: bool) -> str:
    """A result as the text that a problem's `answer` holds."""
    return json.dumps({"ordered": ordered, "rows": [[_plain(value) for value in row] for row in rows]})


def same_rows(found: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]], ordered: bool) -> bool:
    """Whether two results are the same, with tolerance; without an order as multisets."""
    if len(found) != len(expected):
        return False
    if ordered:
        return all(map(_same_row, found, expected))
    left = list(expected)
    for row in found:
        place = next((i for i, other in enumerate(left) if _same_row(row, other)), None)
        if place is None:
            return False
        del left[place]
    return True


def _same_row(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(found) == len(expected) and all(map(_same, found, expected))


def _same(found: Any, expected: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (found, expected)]
    if all(numbers):
        return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(found) is type(expected) and found == expected


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
