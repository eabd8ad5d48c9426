"""Tools and files of agents' steps in a comparison: of one run as its results have them, of several put together."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace

import pytest

from tests.evaluate.run_folders import with_step_samples, with_steps, write_run
from tests.evaluate.test_step_calls import STEPS, values
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.run import as_dict, compare
from treadle.evaluate.compare.step_calls import over_seeds
from treadle.evaluate.step_calls import call_view

WORSE = [replace(step, action="cd nowhere", exact=False) for step in STEPS]


def a_run(folder, name, steps):
    return with_step_samples(write_run(folder / name, {}, model=name), steps)


def test_the_figures_of_each_run_with_their_intervals_are_in_the_data(tmp_path):
    found = compare(read_arms([a_run(tmp_path, "base", WORSE), a_run(tmp_path, "srl", STEPS)]))
    data = {step["name"]: step["calls"] for step in json.loads(json.dumps(as_dict(found)))["steps"]}
    assert data == {"base": call_view(WORSE), "srl": call_view(STEPS)}
    assert values(data["srl"]) == {"tool": 4 / 6, "command": 2 / 3, "file": 3 / 4, "action": 2 / 6}
    assert values(data["base"]) == {"tool": 0, "command": 0, "file": 0, "action": 0}
    assert values(data["srl"]["by_repository"]["org/two"])["file"] == 1


def test_several_seeds_have_the_spread_between_them_in_their_intervals(tmp_path):
    runs = [a_run(tmp_path, name, steps) for name, steps in (("a", STEPS), ("b", WORSE), ("c", STEPS))]
    (step,) = compare(read_arms([], [f"all={','.join(map(str, runs))}"])).steps
    pooled = call_view([*STEPS, *WORSE, *STEPS])
    assert values(step.calls) == values(pooled)
    assert step.calls["steps"] == 18
    tool, place = step.calls["tool"], step.calls["by_position"]["first"]["tool"]
    seeds = 1.96 * statistics.stdev((4 / 6, 0, 4 / 6)) / 3**0.5
    assert tool["low"] == pytest.approx(
        max(0, 4 / 9 - ((4 / 9 - pooled["tool"]["low"]) ** 2 + seeds**2) ** 0.5), abs=1e-4
    )
    assert place["high"] == 1
    assert place["low"] <= pooled["by_position"]["first"]["tool"]["low"]


def test_one_value_has_no_spread():
    figure = call_view(STEPS)["tool"]
    assert over_seeds(figure, [0.5]) == figure
    none = {**figure, "low": None, "high": None}
    assert over_seeds(none, [0.5, 0.7]) == none


def test_a_run_without_such_steps_is_said(tmp_path):
    mathematics = with_steps(write_run(tmp_path / "math", {}, model="math"), [[0.5, 0.6]])
    found = compare(read_arms([a_run(tmp_path, "srl", STEPS), mathematics]))
    assert [step.calls is None for step in found.steps] == [False, True]
    assert "math: no figures of tools and files in its results." in found.notes
    alone = compare(read_arms([mathematics]))
    assert not any("tools and files" in note for note in alone.notes)
