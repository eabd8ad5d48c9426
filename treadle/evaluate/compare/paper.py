"""The paper's published table (arXiv 2510.25992), as data, and a check of the averages printed in it.

Figures are percent, as printed. Sampled columns are Avg@32 at temperature 1; the paper gives neither intervals nor
seeds. Minerva is greedy. All were made with one generation for the whole solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from treadle.evaluate.averages import SEVEN
from treadle.statistics.estimates import Estimate, wilson

SAMPLES = 32
PROBLEMS = {"amc23": 40, "aime24": 30, "aime25": 30, "minerva": 272}
ROUNDING = 0.1
"""Percent by which a mean of rounded columns may differ from a rounded mean: half a tenth each."""


@dataclass(frozen=True)
class PaperRow:
    """One row of the table.

    Args:
        method: How the model was trained.
        base: What it was trained from.
        columns: (benchmark, decoding) -> percent, the seven columns in the order of `SEVEN`.
        printed_average: Percent.
    """

    method: str
    base: str
    columns: Mapping[tuple[str, str], float]
    printed_average: float

    @property
    def label(self) -> str:
        """Method and size, for a table."""
        return f"{self.method} ({self.base.split('-')[1]})"

    def greedy(self, benchmark: str) -> Estimate:
        """A greedy figure as a share, with the Wilson interval that its number of problems gives it."""
        problems = PROBLEMS[benchmark]
        return wilson(round(self.columns[benchmark, "greedy"] * problems / 100), problems)


@dataclass(frozen=True)
class PrintedAverage:
    """A printed average beside the mean of its seven columns, in percent."""

    row: PaperRow
    recomputed: float
    follows: bool


def _row(method: str, base: str, amc23: str, aime24: str, aime25: str, minerva: float, average: float) -> PaperRow:
    pairs = [float(figure) for pair in (amc23, aime24, aime25) for figure in pair.split("/")]
    return PaperRow(method, base, dict(zip(SEVEN, [*pairs, minerva], strict=True)), average)


_7B, _3B = "Qwen2.5-7B-Instruct", "Qwen2.5-3B-Instruct"

PAPER: tuple[PaperRow, ...] = (
    _row("base", _7B, "49.3/50.0", "10.5/13.3", "7.5/6.7", 34.9, 24.6),
    _row("s1K-7B", _7B, "24.1/25.0", "2.2/3.3", "3.7/3.3", 20.2, 11.7),
    _row("SFT, R1 reasoning", _7B, "26.8/40.0", "3.9/10.0", "5.4/10.0", 20.2, 16.6),
    _row("SFT, R1 outline", _7B, "36.2/27.5", "5.1/3.3", "3.8/6.7", 31.6, 16.3),
    _row("RLVR", _7B, "52.0/47.5", "11.1/10.0", "7.4/10.0", 33.8, 24.5),
    _row("SFT outline then RLVR", _7B, "37.6/35.0", "4.9/3.3", "4.5/6.7", 30.1, 17.4),
    _row("R3 (reverse curriculum)", _7B, "52.5/57.5", "10.0/13.3", "7.4/10.0", 35.3, 26.6),
    _row("SRL", _7B, "51.5/50.0", "13.2/16.7", "7.1/13.3", 36.4, 27.6),
    _row("SRL then RLVR", _7B, "52.1/57.5", "13.3/20.0", "8.6/10.0", 36.4, 28.3),
    _row("SRL without dynamic sampling", _7B, "48.5/52.5", "11.1/13.3", "6.8/6.7", 33.8, 24.7),
    _row("one-step similarity", _7B, "51.8/52.5", "11.7/13.3", "6.9/10.0", 34.9, 25.9),
    _row("base", _3B, "32.5/45.0", "3.3/3.3", "1.7/3.3", 25.7, 16.4),
    _row("RLVR", _3B, "35.0/42.5", "6.7/3.3", "6.7/3.3", 26.5, 17.7),
    _row("SRL then RLVR", _3B, "37.5/47.5", "6.7/3.3", "6.7/6.7", 28.3, 19.5),
)


def printed_averages() -> list[PrintedAverage]:
    """Every printed average beside the plain mean of its columns, and whether it follows from them."""
    found = []
    for row in PAPER:
        recomputed = sum(row.columns.values()) / len(row.columns)
        # A margin for binary fractions: 0.1 itself still follows.
        follows = abs(recomputed - row.printed_average) <= ROUNDING + 1e-9
        found.append(PrintedAverage(row, recomputed, follows))
    return found
