"""Traces that were labelled by reading, and how often the detectors agree with the labels.

Labels are JSONL without any text of the traces: where a trace is found, its SHA-256, and for each behaviour the
characters of one sentence that shows it, or `null` where none does. The traces are third-party data that the project
does not hold; `Traces` reads them from a folder and refuses one that is not, byte for byte, what was labelled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.behaviours.detection import detect
from treadle.evaluate.behaviours.rules import Behaviour
from treadle.scoring.thoughts import PLAIN
from treadle.statistics.estimates import Estimate, wilson

LABELLED = (Behaviour.PLANNING, Behaviour.ADJUSTMENT, Behaviour.VERIFICATION)
_CLOSING = PLAIN.close


@dataclass(frozen=True)
class Label:
    """One labelled trace.

    Args:
        source: Its file, relative to the folder of the data.
        place: Its row (from 0) in a file of reasoning; or trajectory and step (from 1) of an agent.
        half: `development`, which the rules were written with, or `test`, which they were not.
        sha256: Of the trace in UTF-8.
        shown: For each behaviour the characters of one sentence that shows it, `None` where none does.
    """

    source: str
    place: int | tuple[str, int]
    half: str
    sha256: str
    shown: dict[Behaviour, tuple[int, int] | None]


def read_labels(path: Path) -> list[Label]:
    """Read labels.

    Raises:
        DataError: A line is not a label.
    """
    labels = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            shown = {b: tuple(row[b]) if row[b] is not None else None for b in LABELLED}
            labels.append(Label(row["source"], place_of(row), row["half"], row["sha256"], shown))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: no label ({error!r}); expected source, row or trajectory and step, half, "
                f"sha256 and, for each of {', '.join(LABELLED)}, [start, end] or null"
            ) from error
    return labels


def place_of(row: dict[str, Any]) -> int | tuple[str, int]:
    """Where in its file a labelled trace is, see `Label.place`."""
    return row["row"] if "row" in row else (row["trajectory"], row["step"])


class Traces:
    """The labelled traces, read from the folder that holds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reasoning = cache(self._read_reasoning)
        self._thoughts = cache(self._read_thoughts)

    def text(self, source: str, place: int | tuple[str, int], sha256: str) -> str:
        """The trace at a place.

        Raises:
            DataError: It is not there, or is not what was labelled.
        """
        try:
            found = self._reasoning(source)[place] if isinstance(place, int) else self._thoughts(source)[place]
        except (OSError, LookupError) as error:
            raise DataError(f"{self.folder / source}: no trace at {place} ({error!r})") from error
        if hashlib.sha256(found.encode()).hexdigest() != sha256:
            raise DataError(f"{self.folder / source}: the trace at {place} is not the one that was labelled")
        return found

    def _read_reasoning(self, source: str) -> list[str]:
        """Of each row the thoughts, which stand before the closing tag in the one column that has it."""
        rows = [json.loads(line) for line in (self.folder / source).open(encoding="utf-8")]
        texts = [[v for v in row.values() if isinstance(v, str) and _CLOSING in v] for row in rows]
        return [found[0].split(_CLOSING)[0] if found else "" for found in texts]

    def _read_thoughts(self, source: str) -> dict[tuple[str, int], str]:
        from treadle.data.sources import read_trajectories

        return {
            (trajectory.id, number): step.thought
            for trajectory in read_trajectories(self.folder / source, keep_unverified=True)
            for number, step in enumerate(trajectory.steps, 1)
            if step.thought
        }


@dataclass
class Agreement:
    """How detection and label agree over traces, for one behaviour."""

    both: int = 0
    only_detected: int = 0
    only_labelled: int = 0
    neither: int = 0

    @property
    def traces(self) -> int:
        return self.both + self.only_detected + self.only_labelled + self.neither

    @property
    def base_rate(self) -> Estimate | None:
        """Share of traces with the behaviour: the precision of a detector that always says yes."""
        return _share(self.both + self.only_labelled, self.traces)

    @property
    def precision(self) -> Estimate | None:
        return _share(self.both, self.both + self.only_detected)

    @property
    def recall(self) -> Estimate | None:
        return _share(self.both, self.both + self.only_labelled)

    @property
    def specificity(self) -> Estimate | None:
        """Share of the traces without the behaviour in which none is detected; 0 for one that always says yes."""
        return _share(self.neither, self.neither + self.only_detected)


def agreement(labels: Iterable[Label], traces: Traces) -> dict[Behaviour, Agreement]:
    """Run the detectors over labelled traces and count."""
    counted = {behaviour: Agreement() for behaviour in LABELLED}
    for label in labels:
        detected = {d.behaviour for d in detect(traces.text(label.source, label.place, label.sha256))}
        for behaviour in LABELLED:
            counts, shown = counted[behaviour], label.shown[behaviour] is not None
            if behaviour in detected:
                counts.both += shown
                counts.only_detected += not shown
            else:
                counts.only_labelled += shown
                counts.neither += not shown
    return counted


def _share(part: int, whole: int) -> Estimate | None:
    return wilson(part, whole) if whole else None
