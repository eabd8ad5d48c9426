"""What the prefix policies did while their arms were trained: how much they gave, and what the model made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.training.metric_lines import Log, read_metrics

GIVEN = ("none", "first_half", "second_half")
"""Groups by the share of the expert's steps that they were given: none, at most half, more."""
LENGTH = "prefix/length"
_TENTH = 10


def prefix_row(title: str, metrics: Sequence[Path]) -> dict[str, Any]:
    """Means over the steps of a stage in which groups were sampled, and over seeds.

    Args:
        metrics: `metrics.jsonl` of the arm's stage, one a seed.

    Returns:
        `arm`, the number of steps given at the `first` and the `last` tenth of the stage and over all of it (`length`),
        groups sampled `again` a step, and the share of right rollouts by what was given (`none`, `first_half`,
        `second_half`); `None` where nothing of the kind was sampled.
    """
    stages = [[log for log in read_metrics(file) if LENGTH in log] for file in metrics]
    tenths = [-(-len(stage) // _TENTH) for stage in stages]
    begun = [log for stage, tenth in zip(stages, tenths, strict=True) for log in stage[:tenth]]
    ended = [log for stage, tenth in zip(stages, tenths, strict=True) for log in stage[-tenth:]]
    whole = [log for stage in stages for log in stage]
    return {
        "arm": title,
        "first": _mean(begun, LENGTH),
        "length": _mean(whole, LENGTH),
        "last": _mean(ended, LENGTH),
        "again": _mean(whole, "prefix/again"),
        **{given: _mean(whole, f"prefix/success/{given}") for given in GIVEN},
    }


def _mean(logs: Sequence[Log], key: str) -> float | None:
    found = [log[key] for log in logs if log.get(key) is not None]
    return sum(found) / len(found) if found else None


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table, for the terminal and the documents."""
    lines = [
        "| arm | steps given: first tenth, all, last tenth | groups sampled again a step "
        "| right with no step given | at most half | more than half |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lengths = ", ".join(_number(row[name], ".1f") for name in ("first", "length", "last"))
        rates = " | ".join(_number(row[given], ".0%") for given in GIVEN)
        lines.append(f"| {row['arm']} | {lengths} | {_number(row['again'], '.1f')} | {rates} |")
    return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
