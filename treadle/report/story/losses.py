"""Where answers were lost: each attempt that is not right by the first reason that applies, and broken formats by kind.

The reasons of a row and its right attempts add up to its attempts. A broken format need not cost an answer (a think
block may be missing from a right solution), so formats are counted apart, with those among them that were not right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from treadle.evaluate.records import Sample, Stop
from treadle.report.bars import share
from treadle.report.text import number
from treadle.scoring.grading import Verdict

Column = tuple[str, str, str]
"""Benchmark, mode and decoding."""


class Loss(StrEnum):
    """Why an attempt is not right, in the order in which reasons are looked for."""

    CUT_OFF = "cut_off"
    FORMAT = "format"
    LOOP = "loop"
    NO_BOX = "no_box"
    EMPTY = "empty"
    NO_ANSWER = "no_answer"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    FAILED = "failed"


TITLES = {
    Loss.CUT_OFF: "cut off by the token limit",
    Loss.FORMAT: "broke the format",
    Loss.LOOP: "repeated a step or met the step limit",
    Loss.NO_BOX: "right but not in a box",
    Loss.EMPTY: "empty",
    Loss.NO_ANSWER: "no answer found",
    Loss.WRONG: "wrong answer",
    Loss.UNDECIDED: "not decided by the grader",
    Loss.FAILED: "not generated",
}
"""In the order of the table: what length and format cost comes first."""
_ENDS = {
    Stop.TRUNCATED: Loss.CUT_OFF,
    Stop.FORMAT_FAULT: Loss.FORMAT,
    Stop.REPEATED: Loss.LOOP,
    Stop.STEP_LIMIT: Loss.LOOP,
}


def loss_of(sample: Sample) -> Loss | None:
    """Why an attempt that came to its end is not right; `None` for one that is."""
    if sample.right:
        return None
    if sample.stop in _ENDS:
        return _ENDS[sample.stop]
    if sample.verdict is Verdict.NO_ANSWER:
        if sample.lenient_verdict is Verdict.RIGHT:
            return Loss.NO_BOX
        return Loss.NO_ANSWER if sample.text.strip() else Loss.EMPTY
    return Loss.WRONG if sample.verdict is Verdict.WRONG else Loss.UNDECIDED


@dataclass
class Lost:
    """Of one benchmark, mode and decoding. `faults` and `cost` are attempts by format fault, and those not right."""

    attempts: int = 0
    by: Counter[Loss] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    cost: Counter[str] = field(default_factory=Counter)


class Losses:
    """Counts attempts of one model, of one run or of several."""

    def __init__(self) -> None:
        self.found: dict[Column, Lost] = defaultdict(Lost)

    def add(self, sample: Sample) -> None:
        """Count an attempt; one that the back end did not give is counted by `add_failed`."""
        if sample.stop is None:
            return
        lost = self.found[sample.key.benchmark, sample.key.mode, sample.key.decoding]
        lost.attempts += 1
        loss = loss_of(sample)
        if loss is not None:
            lost.by[loss] += 1
        # A loop that is cut off has the fault `truncated`, which is no broken format.
        if sample.fault is not None and sample.stop is not Stop.TRUNCATED:
            lost.faults[str(sample.fault)] += 1
            lost.cost[str(sample.fault)] += loss is not None

    def add_failed(self, results: Mapping[str, Any]) -> None:
        """Count the attempts that the back end did not give, which samples.jsonl leaves out."""
        for benchmark, entry in results.get("benchmarks", {}).items():
            for mode, decodings in entry.get("modes", {}).items():
                for decoding, figures in decodings.items():
                    if failed := figures.get("failed", 0):
                        lost = self.found[benchmark, mode, decoding]
                        lost.attempts += failed
                        lost.by[Loss.FAILED] += failed


def sentence(losses: Losses) -> str:
    """What was lost in all, in a sentence that follows the model's name."""
    attempts = sum(lost.attempts for lost in losses.found.values())
    by: Counter[Loss] = sum((lost.by for lost in losses.found.values()), Counter())
    if not by:
        return f"every one of {number(attempts)} attempts is right" if attempts else "no attempts"
    reasons = [f"{number(by[loss])} {title}" for loss, title in TITLES.items() if by[loss]]
    said = f"{number(by.total())} of {number(attempts)} attempts are not right"
    return f"{said}: {', '.join(reasons)}"


def loss_table(models: Sequence[tuple[str, Losses]]) -> dict[str, Any]:
    """The table of reasons: a row for each column and model, and a head for each reason that any of them has."""
    return _table(models, TITLES, lambda lost: lost.by, lambda lost, loss: share(lost.by[loss], lost.attempts))


def fault_table(models: Sequence[tuple[str, Losses]]) -> dict[str, Any]:
    """The table of broken formats by kind, each with the attempts among them that were not right."""
    kinds = dict.fromkeys(kind for _, losses in models for lost in losses.found.values() for kind in lost.faults)
    titles = {kind: kind.replace("_", " ") for kind in kinds}
    return _table(models, titles, lambda lost: lost.faults, lambda lost, kind: f"{number(lost.cost[kind])} not right")


def _table(
    models: Sequence[tuple[str, Losses]],
    titles: Mapping[Any, str],
    counts: Callable[[Lost], Counter[Any]],
    beside: Callable[[Lost, Any], str],
) -> dict[str, Any]:
    columns = dict.fromkeys(column for _, losses in models for column in losses.found)
    rows = [
        (column, name, losses.found[column]) for column in columns for name, losses in models if column in losses.found
    ]
    shown = [kind for kind in titles if any(counts(lost)[kind] for *_, lost in rows)]
    return {
        "heads": [titles[kind] for kind in shown],
        "rows": [
            {
                "column": ", ".join(column),
                "rows_of_column": sum(other == column for other, *_ in rows),
                "model": name,
                "attempts": lost.attempts,
                "right": lost.attempts - lost.by.total(),
                "cells": [(counts(lost)[kind], beside(lost, kind) if counts(lost)[kind] else "") for kind in shown],
            }
            for column, name, lost in rows
        ],
    }
