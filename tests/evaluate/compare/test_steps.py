"""Next steps of runs side by side: similarity, floor, what lies above it, and what has to be said."""

from __future__ import annotations

import json
import statistics
from itertools import chain

import pytest

from tests.evaluate.run_folders import with_steps, write_run
from treadle.errors import TreadleError
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.run import as_dict, compare
from treadle.evaluate.compare.steps import BEFORE
from treadle.evaluate.runs import RESULTS
from treadle.statistics.clustered import grouped_mean

FLOOR = {"name": "constant", "value": 0.3, "low": 0.26, "high": 0.33}
HIGHER = {"name": "step_before", "value": 0.45, "low": None, "high": None}
LOW = [[0.4, 0.6], [0.5, 0.5], [0.6, 0.7], [0.3, 0.4]]  # 0.5
HIGH = [[0.7, 0.9], [0.8, 0.8], [0.9, 1.0], [0.6, 0.7]]  # 0.8


def a_run(folder, name, similarities=LOW, right=None, **more):
    return with_steps(write_run(folder / name, right or {}, model=name), similarities, **more)


def steps_of(found):
    return {step.name: step for step in found.steps}


def test_what_lies_above_the_floor(tmp_path):
    """Independent figures: their distances add up as squares."""
    found = compare(read_arms([a_run(tmp_path, "a", floor=FLOOR), a_run(tmp_path, "b", HIGH, floor=FLOOR)]))
    steps = steps_of(found)
    for name, value, similarities in (("a", 0.5, LOW), ("b", 0.8, HIGH)):
        expected = grouped_mean(
            list(chain(*similarities)), [t for t, values in enumerate(similarities) for _ in values]
        )
        step = steps[name]
        assert step.similarity == expected
        assert step.floor == FLOOR
        assert step.above["value"] == pytest.approx(value - 0.3)
        below = ((value - expected["low"]) ** 2 + 0.03**2) ** 0.5
        assert step.above["low"] == pytest.approx(value - 0.3 - below)
    assert found.notes == []
    data = json.loads(json.dumps(as_dict(found)))
    assert [step["above"]["value"] for step in data["steps"]] == pytest.approx([0.2, 0.5])


def test_different_floors_and_none_are_said(tmp_path):
    runs = [
        a_run(tmp_path, "a", floor=FLOOR),
        a_run(tmp_path, "b", floor=HIGHER, digest="other"),
        a_run(tmp_path, "lost", no_floor="its data is lost"),
        a_run(tmp_path, "old"),
    ]
    path = runs[-1] / RESULTS
    results = json.loads(path.read_text())
    del results["steps"]["no_floor"]
    path.write_text(json.dumps(results))
    found = compare(read_arms(runs))
    steps = steps_of(found)
    assert steps["b"].above == {"value": pytest.approx(0.05), "low": None, "high": None}
    assert (steps["lost"].floor, steps["lost"].above) == (None, None)
    assert found.notes == [
        "The next steps of the runs are not the same; their similarities are of different data.",
        "Different floors: 0.300 (a), 0.450 (b). Look at what is above the floor, not at similarity alone.",
        "lost: the floor of its next steps is not known: its data is lost.",
        f"old: the floor of its next steps is not known: {BEFORE}.",
    ]


def test_several_seeds_are_one_arm(tmp_path):
    """The mean over all steps; the spread between seeds makes the interval wider, and cannot take it out of 0 to 1."""
    a, b = a_run(tmp_path, "a", floor=FLOOR), a_run(tmp_path, "b", HIGH, floor=FLOOR)
    (step,) = compare(read_arms([], [f"both={a},{b}"])).steps
    pooled = grouped_mean(list(chain(*LOW, *HIGH)), [t for part in (LOW, HIGH) for t, v in enumerate(part) for _ in v])
    seeds = 1.96 * statistics.stdev((0.5, 0.8)) / 2**0.5
    assert step.similarity["value"] == pytest.approx(0.65)
    assert step.similarity["low"] == pytest.approx(0.65 - ((0.65 - pooled["low"]) ** 2 + seeds**2) ** 0.5, abs=1e-4)
    assert step.similarity["high"] == pytest.approx(
        min(1, 0.65 + ((pooled["high"] - 0.65) ** 2 + seeds**2) ** 0.5), abs=1e-4
    )
    assert step.above["value"] == pytest.approx(0.35)
    c = a_run(tmp_path, "c", floor=HIGHER)
    (step,) = compare(read_arms([], [f"all={a},{b},{c}"])).steps
    assert (step.floor, step.no_floor) == (None, "its runs have different ones (0.300, 0.300, 0.450)")


def test_an_arm_without_steps_in_all_its_runs_is_left_out_and_missing_steps_are_said(tmp_path):
    right = {("set", "whole", "greedy"): [[1], [0]]}
    a, b = a_run(tmp_path, "a", right=right, floor=FLOOR, failed=3), write_run(tmp_path / "b", right, model="b")
    found = compare(read_arms([a, b]))
    assert list(steps_of(found)) == ["a"]
    assert "a: 3 next steps are missing, because the back end did not give them." in found.notes
    grouped = compare(read_arms([], [f"both={a},{b}"]))
    assert grouped.steps == []
    assert "both: not all of its runs have next steps; left out." in grouped.notes


def test_steps_are_a_mode_that_can_be_chosen(tmp_path):
    right = {("set", "whole", "greedy"): [[1], [0]]}
    runs = [a_run(tmp_path, name, right=right, floor=FLOOR) for name in "ab"]
    arms = read_arms(runs)
    both = compare(arms)
    assert (len(both.columns), len(both.steps)) == (1, 2)
    only = compare(arms, modes=["steps"])
    assert (len(only.columns), len(only.steps), len(only.pairs)) == (0, 2, 0)
    for chosen in ({"modes": ["whole"]}, {"benchmarks": ["set"]}):
        without = compare(arms, **chosen)
        assert (len(without.columns), without.steps) == (1, [])
    with pytest.raises(TreadleError, match="--mode loop: not in these runs; they have steps, whole"):
        compare(arms, modes=["loop"])
    with pytest.raises(TreadleError, match="--mode steps: not in these runs; they have whole"):
        compare(read_arms([write_run(tmp_path / "c", right)]), modes=["steps"])


def test_the_limit_of_a_step_is_said_where_it_differs(tmp_path):
    runs = [
        with_steps(write_run(tmp_path / f"r{n}", {}, model=f"r{n}", settings={"max_step_tokens": n}), LOW, FLOOR)
        for n in (64, 128)
    ]
    (note,) = compare(read_arms(runs)).notes
    assert note.startswith("Different max_step_tokens: 64 (")
