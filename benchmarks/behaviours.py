"""Precision and recall of the behaviour detectors on traces that were labelled by reading.

    python benchmarks/behaviours.py [FOLDER]        default: $TREADLE_DATA

FOLDER holds the traces (`math/deepseek_r1_*.jsonl`, `trajectories/`); the labels are in `benchmarks/labels/`, see
docs/behaviours.md. Printed are, for each half of the labels and each kind of trace, and with Wilson's 95% intervals:

  base rate    share of traces with the behaviour; the precision of a detector that always says yes (recall 1)
  precision    of the traces in which something is detected, the share that the label agrees with
  recall       of the traces that are labelled, the share in which something is detected
  specificity  of the traces without the behaviour, the share in which nothing is detected; 0 for always yes

then how many single detections were found right on reading, whether the labelled sentence itself was among those
detected, and the speed. The exit code is 1 if the test half does not give the figures that every report quotes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from treadle.evaluate.behaviours.detection import detect
from treadle.evaluate.behaviours.figures import MEASURED
from treadle.evaluate.behaviours.labels import LABELLED, Label, Traces, agreement, place_of, read_labels
from treadle.statistics.estimates import Estimate, wilson

LABELS = Path(__file__).parent / "labels"
KINDS = {"deepseek_r1_math": "R1, competition", "deepseek_r1_gsm8k": "R1, grade school", "": "agent thoughts"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=os.environ.get("TREADLE_DATA"))
    folder = parser.parse_args().folder
    if folder is None:
        parser.error("name the folder of the traces, or set TREADLE_DATA")
    traces, labels = Traces(Path(folder)), read_labels(LABELS / "behaviours.jsonl")
    for half in ("development", "test"):
        chosen = [label for label in labels if label.half == half]
        print(f"\n{half} half: {len(chosen)} traces")
        _print_agreement("all", chosen, traces)
        for kind in KINDS.values():
            _print_agreement(kind, [label for label in chosen if _kind(label) == kind], traces)
    _print_sentences([label for label in labels if label.half == "test"], traces)
    judged = _print_judged(traces)
    _print_speed(labels, traces)
    return _compare([label for label in labels if label.half == "test"], traces, judged)


def _kind(label: Label) -> str:
    return next(kind for part, kind in KINDS.items() if part in label.source)


def _print_agreement(name: str, labels: list[Label], traces: Traces) -> None:
    for behaviour, counts in agreement(labels, traces).items():
        figures = {
            "base rate": counts.base_rate,
            "precision": counts.precision,
            "recall": counts.recall,
            "specificity": counts.specificity,
        }
        print(
            f"  {name:17s}{behaviour:13s} found and labelled {counts.both:3d}, only found {counts.only_detected:2d}, "
            f"only labelled {counts.only_labelled:2d}, neither {counts.neither:3d}   "
            + "  ".join(f"{title} {_text(figure)}" for title, figure in figures.items())
        )


def _text(figure: Estimate | None) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})" if figure else "none to count"


def _print_sentences(labels: list[Label], traces: Traces) -> None:
    print("\ntest half, the labelled sentence itself is among the detected ones (others may show the behaviour too):")
    for behaviour in LABELLED:
        hits = asked = 0
        for label in labels:
            if (shown := label.shown[behaviour]) is not None:
                found = detect(traces.text(label.source, label.place, label.sha256))
                asked += 1
                hits += any(d.behaviour is behaviour and d.start < shown[1] and d.end > shown[0] for d in found)
        print(f"  {behaviour:13s} {hits} of {asked}: {_text(wilson(hits, asked))}")


def _print_judged(traces: Traces) -> dict[str, tuple[int, int]]:
    """Precision of single detections that were judged by reading; those that the rules no longer make are left out."""
    rows = [json.loads(line) for line in (LABELS / "detections.jsonl").open(encoding="utf-8")]
    print("\ntest half, single detections judged by reading:")
    judged = {}
    for behaviour in LABELLED:
        verdicts = []
        for row in (row for row in rows if row["behaviour"] == behaviour):
            found = detect(traces.text(row["source"], place_of(row), row["sha256"]))
            if any(d.behaviour is behaviour and [d.start, d.end] == row["span"] for d in found):
                verdicts.append(row["right"])
        judged[behaviour] = (sum(verdicts), len(verdicts))
        print(f"  {behaviour:13s} right {sum(verdicts)} of {len(verdicts)}: {_text(wilson(*judged[behaviour]))}")
    return judged


def _print_speed(labels: list[Label], traces: Traces) -> None:
    texts = [traces.text(label.source, label.place, label.sha256) for label in labels]
    started = time.perf_counter()
    for text in texts:
        detect(text)
    seconds = time.perf_counter() - started
    print(f"\n{len(texts)} traces of {sum(map(len, texts)):,} characters in {seconds:.2f} s")


def _compare(labels: list[Label], traces: Traces, judged: dict[str, tuple[int, int]]) -> int:
    found = {
        behaviour: {
            "precision": (counts.both, counts.both + counts.only_detected),
            "recall": (counts.both, counts.both + counts.only_labelled),
            "single_detections": judged[behaviour],
        }
        for behaviour, counts in agreement(labels, traces).items()
    }
    if found == MEASURED:
        return 0
    print(f"\nnot the figures of treadle.evaluate.behaviours.figures.MEASURED, which reports quote: {found}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
