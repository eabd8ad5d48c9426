"""What a comparison of runs consists of: columns, an arm's figure in each, and pairs of arms that were tested."""

from __future__ import annotations

from dataclasses import dataclass, field

from treadle.evaluate import averages
from treadle.evaluate.compare.arms import Arm
from treadle.evaluate.compare.steps import StepArm
from treadle.statistics.estimates import Estimate
from treadle.statistics.paired import PairedTest


@dataclass(frozen=True)
class Column:
    """One figure that arms are compared in.

    Args:
        mode: `whole` or `loop`.
        parts: Benchmark and decoding, several of them for an average.
        title: In words.
        average: Name of the average, `None` for a benchmark's own figure.
    """

    mode: str
    parts: tuple[averages.Column, ...]
    title: str
    average: str | None = None

    @property
    def kind(self) -> str:
        """`greedy`, `sampled` or `averages`."""
        return "averages" if self.average else self.parts[0][1]


@dataclass(frozen=True)
class Cell:
    """An arm's figure. `samples` are those of a problem in each of its runs, `None` for an average."""

    estimate: Estimate
    samples: tuple[int, ...] | None


@dataclass(frozen=True)
class Pair:
    """One arm against the baseline in one column."""

    column: Column
    first: str
    second: str
    test: PairedTest


@dataclass
class Comparison:
    """All that is shown of some runs.

    Args:
        cells: By arm's name and column, where the arm has the figure.
        pairs: Tests of the other arms against `baseline`, corrected for one another.
        notes: What differs between the runs, and what is missing.
        paper: Benchmarks whose problems are those of the paper's table.
        steps: Of the arms that have next steps, their similarity and its floor.
    """

    arms: list[Arm]
    baseline: str
    columns: list[Column]
    cells: dict[tuple[str, Column], Cell]
    pairs: list[Pair]
    notes: list[str]
    paper: set[str]
    steps: list[StepArm] = field(default_factory=list)
