"""Figures of runs on tasks with their intervals, and verdicts with their reasons, as rows of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.evaluate.swe.records import Verdict
from treadle.report.text import number, shortened
from treadle.statistics.estimates import wilson

REASONS = 3
"""Reasons of a verdict that a table names, the most frequent first."""
REASON = 240
"""Characters of a reason in a table."""

TITLES = {
    "localisation_recall": (
        "localisation recall",
        "the gold patch's files that the model named or changed",
    ),
    "edit_fault_rate": ("edit faults", "answers whose edits could not be made, of all answers with edits"),
    "faulty_step_rate": ("faulty steps", "an agent's answers without a call that could be carried out, of all steps"),
    "steps": ("steps", "an agent's, a task"),
    "tokens": ("tokens", "generated, a task"),
    "thought_tokens": ("thought tokens", "of them"),
    "seconds": ("seconds", "wall time of a task, beside the others that were played with it"),
    "tool_seconds": ("tool seconds", "of them in an agent's calls"),
}
"""The figures of `treadle.evaluate.swe.figures`: title, and what it is."""
SHARES = {"localisation_recall", "edit_fault_rate", "faulty_step_rate"}

VERDICTS = {
    Verdict.RESOLVED: "every listed test passed",
    Verdict.UNRESOLVED: "a listed test did not pass, or did not run",
    Verdict.EMPTY: "no patch was handed in",
    Verdict.EDIT_FAULT: "the answer's edits could not be made",
    Verdict.NOT_APPLIED: "the patch could not be applied",
    Verdict.TIMEOUT: "the tests did not end",
    Verdict.CONTEXT_TOO_LONG: "the prompt did not fit",
    Verdict.ENVIRONMENT: "the machine's doing: graded anew by the next treadle swe grade",
}


@dataclass(frozen=True)
class FigureRow:
    """A figure in words, its interval empty where there is none."""

    title: str
    what: str
    value: str
    interval: str
    tasks: int


def figure_rows(figures: Mapping[str, Mapping[str, Any]]) -> list[FigureRow]:
    """The figures of summary.json that are there, in the order of `TITLES`."""
    return [
        FigureRow(title, what, *worded(figures[name], name in SHARES), figures[name]["groups"])
        for name, (title, what) in TITLES.items()
        if name in figures
    ]


def worded(figure: Mapping[str, Any], share: bool) -> tuple[str, str]:
    """A figure and its interval; shares are percent."""

    def said(value: float) -> str:
        return f"{100 * value:.1f}%" if share else number(value)

    low, high = figure["low"], figure["high"]
    return said(figure["value"]), "" if low is None else f"{said(low)} to {said(high)}"


def verdict_rows(verdicts: Iterable[tuple[Verdict, str]]) -> list[dict[str, Any]]:
    """How often each verdict was given, with the reasons that were given most often.

    Args:
        verdicts: A verdict and its reason for each task.
    """
    given = list(verdicts)
    counts = Counter(verdict for verdict, _ in given)
    rows = []
    for verdict, what in VERDICTS.items():
        if counts[verdict] or verdict is Verdict.RESOLVED:
            reasons = Counter(reason for own, reason in given if own == verdict and reason)
            share = wilson(counts[verdict], len(given))._asdict()
            value, interval = worded(share, share=True)
            rows.append(
                {
                    "verdict": str(verdict),
                    "what": what,
                    "count": counts[verdict],
                    "share": value,
                    "interval": interval,
                    **reasons_of(reasons),
                }
            )
    return rows


def reasons_of(reasons: Counter[str]) -> dict[str, Any]:
    """The most frequent `reasons` with their counts, and how many `others` there are."""
    return {
        "reasons": [(shortened(reason, REASON), count) for reason, count in reasons.most_common(REASONS)],
        "others": max(0, len(reasons) - REASONS),
    }


def fault_rows(faults: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Of a run that is not graded: how many tasks have a patch, and why the others have none.

    Args:
        faults: Fault and reason for each task with an outcome; empty for a patch.
    """
    rows = []
    for fault in sorted({fault for fault, _ in faults}):
        reasons = Counter(reason for own, reason in faults if own == fault and own and reason)
        what = VERDICTS.get(fault, "no patch") if fault else "waits for its tests"
        count = sum(own == fault for own, _ in faults)
        rows.append({"verdict": fault or "a patch", "what": what, "count": count, **reasons_of(reasons)})
    return rows
