"""The strict and the lenient figure of the same attempts: what a model loses by not putting its answers into a box.

The strict figure counts boxes alone, as the paper's protocol does; the lenient one is by a rule of
`treadle.scoring.extraction` that a box is not needed for. Both rules take a box where there is one, so the difference
is never below 0, and its interval is that of a mean of problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from treadle.evaluate.metrics import avg_at_k
from treadle.evaluate.records import Sample
from treadle.evaluate.settings import EvaluateSettings
from treadle.scoring.grading import Verdict
from treadle.statistics.estimates import Estimate, wilson
from treadle.statistics.intervals import mean_interval


def accuracy(right_PK: np.ndarray, decoding: str) -> dict[str, float]:
    """The share of right attempts, with Wilson's interval for one attempt a problem and Avg@k's for several."""
    greedy = decoding == "greedy"
    return _plain(wilson(int(right_PK.sum()), len(right_PK)) if greedy else avg_at_k(right_PK))


def extraction_figures(rows: Sequence[Sequence[Sample]], decoding: str, settings: EvaluateSettings) -> dict[str, Any]:
    """Both figures of attempts that were graded by both rules.

    Args:
        rows: K attempts of each problem.

    Returns:
        `rule` of the main figure, `lenient_rule`; `strict` and `lenient` with their intervals, and `difference` with
        that of the paired difference; `only_lenient`, how many attempts are right without a box alone.
    """
    strict_PK, lenient_PK = (
        np.array([[int(verdict(s) is Verdict.RIGHT) for s in row] for row in rows])
        for verdict in (lambda s: s.boxed_verdict, lambda s: s.lenient_verdict)
    )
    gained_PK = np.maximum(lenient_PK - strict_PK, 0)
    return {
        "rule": settings.extract,
        "lenient_rule": settings.lenient,
        "strict": accuracy(strict_PK, decoding),
        "lenient": accuracy(lenient_PK, decoding),
        "difference": _plain(mean_interval([gained_PK.mean(1)[None]])),
        "only_lenient": int(gained_PK.sum()),
    }


def lenient_text(figures: Mapping[str, Any]) -> str:
    """The lenient figure for a table; a dash where a run has none."""
    found = figures.get("extraction")
    return f"{found['lenient']['value']:.1%}" if found else "-"


def extraction_note(figures: Mapping[str, Any]) -> str:
    """What the two figures say beside one another, empty where they are the same figure."""
    found = figures.get("extraction")
    if not found or (found["rule"] == "boxed" and not found["only_lenient"]):
        return ""
    gain, low, high = (100 * found["difference"][name] for name in ("value", "low", "high"))
    return (
        f"answers by the rule {found['rule']!r}; with a box {found['strict']['value']:.1%}, without one "
        f"({found['lenient_rule']}) {found['lenient']['value']:.1%}: {gain:.1f} points ({low:.1f} to {high:.1f}) are "
        f"lost to a missing box (attempts: {found['only_lenient']})"
    )


def _plain(estimate: Estimate) -> dict[str, float]:
    return {name: float(getattr(estimate, name)) for name in ("value", "low", "high")}
