"""The labels themselves, and what is made of them."""

import hashlib
import json
from pathlib import Path

import pytest

from treadle.errors import DataError
from treadle.evaluate.behaviours import Behaviour
from treadle.evaluate.behaviours.labels import LABELLED, Agreement, Label, Traces, agreement, read_labels
from treadle.statistics.estimates import wilson

LABELS = Path(__file__).parents[3] / "benchmarks" / "labels"


def test_at_least_120_different_traces_in_two_halves():
    labels = read_labels(LABELS / "behaviours.jsonl")
    assert len({label.sha256 for label in labels}) == len(labels) == 168
    assert {label.half for label in labels} == {"development", "test"}


def test_the_labels_hold_no_text_of_the_traces():
    for name in ("behaviours.jsonl", "detections.jsonl"):
        for line in (LABELS / name).read_text().splitlines():
            row = json.loads(line)
            assert set(row) <= {
                *LABELLED,
                *("source", "row", "trajectory", "step", "half", "sha256", "behaviour", "span", "right"),
            }
            assert all(len(value) < 200 for value in row.values() if isinstance(value, str))


def test_every_trace_is_found_and_every_label_lies_in_it(data):
    traces = Traces(data)
    for label in read_labels(LABELS / "behaviours.jsonl"):
        text = traces.text(label.source, label.place, label.sha256)
        for shown in label.shown.values():
            assert shown is None or text[slice(*shown)].strip()


def write(folder, **change):
    row = {"question": "1 + 1?", "output": "Add them.\nLet me double-check: 2.</think>2"}
    (folder / "r1.jsonl").write_text(json.dumps(row) + "\n")
    label = {
        "source": "r1.jsonl",
        "row": 0,
        "half": "test",
        "sha256": "0" * 64,  # of no text at all
        "planning": None,
        "adjustment": None,
        "verification": [10, 32],
    }
    (folder / "labels.jsonl").write_text(json.dumps(label | change) + "\n")
    return folder / "labels.jsonl"


def test_another_version_of_a_trace_is_refused(tmp_path):
    (label,) = read_labels(write(tmp_path))
    with pytest.raises(DataError, match=r"r1\.jsonl: the trace at 0 is not the one that was labelled"):
        Traces(tmp_path).text(label.source, label.place, label.sha256)


@pytest.mark.parametrize("change", [{"row": 7}, {"source": "gone.jsonl"}])
def test_a_trace_that_is_not_there(tmp_path, change):
    (label,) = read_labels(write(tmp_path, **change))
    with pytest.raises(DataError, match="no trace at"):
        Traces(tmp_path).text(label.source, label.place, label.sha256)


@pytest.mark.parametrize("line", ["{", "{}", '{"source": 1, "planning": 3, "adjustment": 3, "verification": 3}'])
def test_a_line_that_is_no_label(tmp_path, line):
    path = tmp_path / "labels.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=r"labels\.jsonl, line 1: no label"):
        read_labels(path)


def test_agreement_of_a_hand_counted_set(tmp_path):
    """Four thoughts: checked and labelled, checked and not labelled, labelled and unnoticed, neither."""
    thoughts = ["Let me double-check.", "I double-checked nothing.", "Twice 2 is 4 again, so fine.", "2 apples."]
    rows = [{"output": thought + "</think>2"} for thought in thoughts]
    (tmp_path / "r1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = [
        Label(
            "r1.jsonl",
            number,
            "test",
            hashlib.sha256(thought.encode()).hexdigest(),
            {b: (0, 5) if b is Behaviour.VERIFICATION and number in (0, 2) else None for b in LABELLED},
        )
        for number, thought in enumerate(thoughts)
    ]
    counts = agreement(labels, Traces(tmp_path))[Behaviour.VERIFICATION]
    assert counts == Agreement(both=1, only_detected=1, only_labelled=1, neither=1)
    assert counts.precision == counts.recall == counts.specificity == wilson(1, 2)
    assert counts.base_rate == wilson(2, 4)


def test_no_figure_from_nothing():
    empty = Agreement()
    assert empty.precision is empty.recall is empty.specificity is empty.base_rate is None
