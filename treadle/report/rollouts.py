"""A stage's training rollouts by step position: what each reward gave, and each fact that rewards have told, as means.

Read from `rollouts.jsonl`: every completion that was sampled and rewarded counts, also of groups that dynamic sampling
dropped. A value that is no number has no mean; how many there were is said instead.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from treadle.errors import OutputError
from treadle.evaluate.step_view import LAST_POSITION
from treadle.visible import visible

ROLLOUTS = "rollouts.jsonl"
WHOLE = "whole"
"""The position of a completion that is a whole solution."""
POSITIONS = (*map(str, range(1, LAST_POSITION)), f"{LAST_POSITION}+", WHOLE)


@dataclass
class ByPosition:
    """Means by step position.

    Attributes:
        values: Of each fact, by position, the sum of its numbers and their count.
        completions: By position, with a number or without.
        not_numbers: Values of each fact that are no numbers.
        first, last: Optimizer steps done before the first and the last line.
    """

    values: dict[str, dict[str, tuple[float, int]]] = field(default_factory=lambda: defaultdict(dict))
    completions: Counter[str] = field(default_factory=Counter)
    not_numbers: Counter[str] = field(default_factory=Counter)
    first: int = 0
    last: int = 0

    def add(self, fact: str, position: str, values: Iterable[Any]) -> None:
        """Add values of completions; `None` is none."""
        total, count = self.values[fact].get(position, (0.0, 0))
        for value in values:
            if isinstance(value, (int, float)) and math.isfinite(value):
                total, count = total + value, count + 1
            elif value is not None:
                self.not_numbers[fact] += 1
        self.values[fact][position] = (total, count)

    def overall(self, fact: str) -> tuple[float, int]:
        """Sum and count over all positions."""
        totals, counts = zip(*self.values[fact].values(), strict=True)
        return math.fsum(totals), sum(counts)


def rollout_files(folder: Path) -> list[Path]:
    """The records of rollouts of a stage's folder, or of the stages of a run's."""
    own = folder / ROLLOUTS
    return [own] if own.is_file() else sorted(folder.glob(f"*/{ROLLOUTS}"))


def by_position(path: Path) -> ByPosition:
    """Read a record of rollouts, line by line.

    Raises:
        OutputError: A line is not as it was written; the last one may be unfinished.
    """
    found = ByPosition()
    for number, line in enumerate(_lines(path)):
        step, rewards = line.get("step"), line["rewards"]
        position = WHOLE if not isinstance(step, int) else str(step) if step < LAST_POSITION else f"{LAST_POSITION}+"
        found.completions[position] += len(rewards)
        found.add("reward", position, rewards)
        for key in ("rewards_by", "facts"):
            columns = line.get(key)
            for fact, values in columns.items() if isinstance(columns, Mapping) else ():
                found.add(fact, position, values if isinstance(values, list) else ())
        found.first, found.last = line["global_step"] if number == 0 else found.first, line["global_step"]
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):  # a run that writes it, or was killed there
                return
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            kinds = {"rewards": list, "global_step": int}
            if not isinstance(found, dict) or not all(isinstance(found.get(k), kind) for k, kind in kinds.items()):
                raise OutputError(
                    f"{path}, line {number}: found {line[:60]!r}, expected a group of rollouts with 'global_step' and "
                    "'rewards'; delete this line"
                )
            yield found


def show_rollouts(path: Path, console: Console) -> None:
    """Print the table of a record: a row for each step position that there is, a column for each fact."""
    found = by_position(path)
    count = sum(found.completions.values())
    if not count:
        _print(console, f"{path}: no rollouts yet")
        return
    head = f"{path}: {count:,} completions of optimizer steps {found.first + 1:,} to {found.last + 1:,}"
    _print(console, f"{head}; mean (count) by step position")
    positions = [position for position in POSITIONS if found.completions[position]]
    columns = [["step", *positions, "all"]]
    for fact, values in found.values.items():
        cells = [_cell(*values.get(position, (0.0, 0))) for position in positions]
        columns.append([visible(fact), *cells, _cell(*found.overall(fact))])
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        _print(console, "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    for fact, others in found.not_numbers.items():
        _print(console, f"{fact}: {others:,} values are no numbers and in no mean")


def _print(console: Console, line: str) -> None:
    console.print(Text(visible(line)), soft_wrap=True, highlight=False)


def _cell(total: float, count: int) -> str:
    return f"{total / count:.3g} ({count:,})" if count else ""
