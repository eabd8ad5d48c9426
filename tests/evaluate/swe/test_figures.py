"""Figures of a run: values by hand, and intervals that stay where the values can be."""

from __future__ import annotations

import pytest

from treadle.evaluate.swe.figures import recall, run_figures
from treadle.statistics.estimates import wilson


def row(name, **figures):
    more = {"tokens": 0, "thought_tokens": 0, "seconds": 0.0, "patch": "x", "fault": ""}
    return {"instance_id": name, **more, "figures": figures, **{k: figures.pop(k) for k in more if k in figures}}


TWO = {
    "a": row("a", tokens=1000, seconds=90.0, steps=40, faulty_steps=4, gold=["m.py"], found=["m.py"]),
    "b": row("b", tokens=0, seconds=1.0, steps=1, faulty_steps=0, gold=["m.py", "n.py"], found=["o.py"]),
}


def test_intervals_of_two_tasks_do_not_go_below_nothing():
    figures = run_figures(TWO, {})["figures"]
    assert {name: figure["value"] for name, figure in figures.items()} == {
        "tokens": 500,
        "thought_tokens": 0,
        "seconds": 45.5,
        "steps": 20.5,
        "localisation_recall": 0.5,
        "faulty_step_rate": pytest.approx(4 / 41),
    }
    for name, figure in figures.items():
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"], name
    for name in ("localisation_recall", "faulty_step_rate"):
        assert figures[name]["high"] <= 1
        assert figures[name]["low"] <= wilson(2 * figures[name]["value"], 2).low


def test_a_recall_of_all_keeps_a_width():
    """Wilson's interval of 20 of 20 begins at 0.839; the bootstrap alone says that there is no doubt."""
    rows = {str(k): row(str(k), gold=["m.py"], found=["m.py"]) for k in range(20)}
    figure = run_figures(rows, {})["figures"]["localisation_recall"]
    assert (figure["value"], figure["high"]) == (1, 1)
    assert figure["low"] == pytest.approx(0.8389, abs=1e-4)


def test_recall_of_nothing_to_find_is_none():
    assert recall(row("a", gold=[], found=["m.py"])) is None
    assert recall(row("a", gold=["m.py"])) is None
    assert recall(row("a", gold=["m.py", "n.py"], found=["n.py"])) == 0.5
