"""A reward function asked for some of the rows of a batch, and its answers put back into their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def cut(arguments: Mapping[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """The arguments for some rows; what they log for each completion is spread over all."""
    count = len(arguments["completions"])
    found = {
        name: [value[row] for row in rows] if isinstance(value, (list, tuple)) and len(value) == count else value
        for name, value in arguments.items()
    }
    if log_extra := arguments.get("log_extra"):
        found["log_extra"] = lambda column, values: log_extra(column, spread(values, rows, count))
    return found


def spread(values: Sequence[Any], rows: Sequence[int], count: int) -> list[Any]:
    """The values of some of `count` rows in their places, `None` in the others."""
    found = dict(zip(rows, values, strict=True))
    return [found.get(row) for row in range(count)]
