"""What improved, what got worse and what cannot be told apart, as rows of a table: paired tests, and beside them the
problems that only one of the two models solves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from treadle.evaluate.compare.comparison import Pair
from treadle.evaluate.compare.findings import finding, p_values, sentence
from treadle.evaluate.compare.run import MODES
from treadle.report.story.flips import Change
from treadle.statistics.paired import PairedVerdict

KINDS = {
    PairedVerdict.FIRST_BETTER: "better",
    PairedVerdict.SECOND_BETTER: "worse",
    PairedVerdict.CANNOT_BE_TOLD_APART: "apart",
}
"""In the order of the table, named as the page's styles are."""

Counts = Mapping[tuple[str, str, str], Counter[Change]]
"""Problems by what became of them, for each benchmark, mode and decoding."""


def change_rows(pairs: Sequence[Pair], counts: Counts) -> list[dict[str, Any]]:
    """A row for each test, improved figures first."""
    in_order = sorted(pairs, key=lambda pair: list(KINDS).index(pair.test.verdict))
    return [
        {
            "column": pair.column.title,
            "mode": MODES[pair.column.mode],
            "difference": pair.test.difference,
            "p": p_values(pair.test).split(", "),
            "finding": finding(pair),
            "kind": KINDS[pair.test.verdict],
            "sentence": sentence(pair),
            "counts": _counts(pair, counts),
        }
        for pair in in_order
    ]


def _counts(pair: Pair, counts: Counts) -> Counter[Change] | None:
    """Of a benchmark's own figure; averages have none."""
    if pair.column.average:
        return None
    ((benchmark, decoding),) = pair.column.parts
    return counts.get((benchmark, pair.column.mode, decoding))


def summary(pairs: Sequence[Pair]) -> str:
    """How often an arm was told apart from the baseline, in words."""
    counts = Counter(pair.test.verdict for pair in pairs)
    words = {
        PairedVerdict.FIRST_BETTER: "better in {}",
        PairedVerdict.SECOND_BETTER: "worse in {}",
        PairedVerdict.CANNOT_BE_TOLD_APART: "cannot be told apart in {}",
    }
    said = [text.format(counts[verdict]) for verdict, text in words.items() if counts[verdict]]
    return f"{', '.join(said)} of {counts.total()} figure{'' if counts.total() == 1 else 's'}"
