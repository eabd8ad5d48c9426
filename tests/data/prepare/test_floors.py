"""Which steps of prepared data floors are measured on, and what reports say of them."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from treadle.data.prepare import PrepareSettings, as_markdown, floors, prepare
from treadle.data.prepare.floors import sample_of, tool_of
from treadle.data.prepare.parts import Facts
from treadle.data.prepared import Prepared
from treadle.scoring.floors import TITLES, example_floor

EVERYTHING = PrepareSettings(held_out=0, targets="all")


def trajectory(name, actions, domain="math", problem=None):
    return {
        "id": name,
        "problem": problem or f"Problem {name}.",
        "domain": domain,
        "steps": [{"action": a} for a in actions],
    }


def prepared(tmp_path, rows, name="out", settings=EVERYTHING, **more):
    source = tmp_path / f"{name}.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(source, tmp_path / name, settings, **more)


def values(report):
    return {policy["name"]: policy["value"] for policy in report.floors["policies"]}


def many(count=60):
    draw = random.Random(0)
    words = ["add", "the", "numbers", "and", "divide", "by", "two", "then", "write", "it", "down"]
    return [trajectory(f"t{i}", [" ".join(draw.choices(words, k=5)) for _ in range(1 + i % 5)]) for i in range(count)]


def test_hand_worked_values(tmp_path):
    """All actions are `xy` but for the last of each trajectory, `zz`."""
    report = prepared(tmp_path, [trajectory(f"t{i}", ["xy", "xy", "xy", "zz"], problem="Do.\nxy") for i in range(20)])
    assert report.floors["chosen_on"] == {"steps": 40, "trajectories": 10}
    assert report.floors["measured_on"] == {"steps": 40, "trajectories": 10}
    # another: 9 of 16 pairs are xy with xy and 1 is zz with zz; before: the constant xy, xy, xy, and xy for zz
    found = values(report)
    assert found.pop("problem_last_sentence") == 0.75, "no space follows the full stop, but a line end"
    assert found == {
        "another_action": pytest.approx(10 / 16),
        "constant": 0.75,
        "constant_by_position": 1,
        "step_before": 0.75,
        "problem_first_line": 0,
    }
    assert report.floors["floor"] == {"name": "constant_by_position", "value": 1, "low": 1, "high": 1}
    assert report.floors["pairs"] == 2 * 2 + 5, "xy, zz; then xy, zz and Do. with xy, zz: zz-xy is no answer"
    assert Prepared(tmp_path / "out").floor == 1
    assert Prepared(tmp_path / "out").floors == json.loads((tmp_path / "out" / "report.json").read_text())["floors"]


def test_what_the_report_says(tmp_path):
    action = "a `b` |\n\x1b[31m\u202e"
    rows = [trajectory(f"t{i}", [action, action, "zz"], problem="Do.\nzz") for i in range(20)]
    text = as_markdown(prepared(tmp_path, rows, settings=PrepareSettings(held_out=0)))
    expected = """\
A policy that has learned nothing earns a similarity of up to 1.000 (95% interval 1.000 to 1.000): another expert's \
action at random. \
Constants are chosen on 20 steps of 10 trajectories, measured on 20 of 10 others; 4 pairs of texts were compared.

| similarity without reading the problem | mean | 95% interval |
|---|---|---|
| another expert's action at random | 1.000 | 1.000 to 1.000 |
| the best constant action | 1.000 | 1.000 to 1.000 |
| the best constant for each position | 1.000 | 1.000 to 1.000 |
| the step before, repeated | 1.000 | 1.000 to 1.000 |
| the problem's first line | 0.000 | 0.000 to 0.000 |
| the problem's last sentence | 0.000 | 0.000 to 0.000 |

The best constant action:

````
a `b` |\\n\\x1b[31m\\u202e
````
"""
    assert text[text.index("A policy") : text.index("\nanswers are compared by")] == expected


def test_neither_the_order_of_rows_nor_the_number_of_processes_matters(tmp_path):
    rows = many()
    first = prepared(tmp_path, rows, "first").floors
    assert prepared(tmp_path, rows[::-1], "reversed").floors == first
    assert prepared(tmp_path, rows, "two", workers=2).floors == first


def test_steps_are_drawn_evenly_and_from_both_halves(tmp_path, monkeypatch):
    """Of trajectories with 1 to 5 steps each step is as likely, whatever the length of its trajectory."""
    monkeypatch.setattr(floors, "CHOSEN_ON", 2)
    monkeypatch.setattr(floors, "MEASURED_ON", 300)
    report = prepared(tmp_path, many(1000))
    assert report.floors["chosen_on"]["steps"] == 2
    (found,) = (p for p in report.floors["policies"] if p["name"] == "step_before")
    assert found["count"] == 300
    draws = floors._drawn(list(range(1000)), *_hashes_and_facts(many(1000)), 600)
    positions = np.bincount([draw.target for draw in draws])
    # 1000, 800, 600, 400 and 200 of 3,000 steps are at these positions
    assert positions / 600 == pytest.approx(np.array([5, 4, 3, 2, 1]) / 15, abs=0.05)
    assert len({(draw.number, draw.target) for draw in draws}) == 600


def test_no_trajectory_is_both_chosen_and_measured_on_nor_held_out():
    _, facts = _hashes_and_facts(many(301))
    numbers = [n for n in range(301) if n % 7]
    chosen, measured = ({draw.number for draw in half} for half in floors.FloorSample(facts, numbers)._halves)
    assert not chosen & measured
    assert chosen | measured <= set(numbers)
    assert len(chosen) > 50
    assert len(measured) > 80


def _hashes_and_facts(rows):
    draw = random.Random(1)
    facts = [Facts(row["id"], None, len(row["steps"]), 0, None) for row in rows]
    return {n: draw.getrandbits(64) for n in range(len(rows))}, facts


def test_the_budget_bounds_how_many_texts_are_compared(tmp_path, monkeypatch):
    whole = prepared(tmp_path, many(), "whole").floors
    monkeypatch.setattr(floors, "BUDGET", 500_000)
    small = prepared(tmp_path, many(), "small").floors
    for part in ("chosen_on", "measured_on"):
        assert 1 < small[part]["steps"] < whole[part]["steps"]
    assert small["pairs"] < whole["pairs"]
    monkeypatch.setattr(floors, "BUDGET", 1)
    assert prepared(tmp_path, many(), "least").floors["measured_on"]["steps"] == 1


def test_long_texts_are_compared_by_their_beginning_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(floors, "LONGEST", 10)
    report = prepared(tmp_path, [trajectory(f"t{i}", ["x" * 10 + "y" * 90, "x" * 10]) for i in range(8)])
    assert values(report)["constant"] == 1
    assert report.floors["cut"] == 8
    assert "8 actions by their first 10 characters" in as_markdown(report)


def test_long_constants_are_cut_where_they_are_shown(tmp_path):
    report = prepared(tmp_path, [trajectory(f"t{i}", ["x" * 900]) for i in range(4)])
    (constant,) = (p for p in report.floors["policies"] if p["name"] == "constant")
    assert constant["texts"][0]["text"] == "x" * 199 + "…"


def test_one_trajectory_has_no_floor(tmp_path):
    report = prepared(tmp_path, [trajectory("alone", ["a", "b"])])
    assert report.floors is None
    assert "learned nothing" not in as_markdown(report)
    assert Prepared(tmp_path / "out").floor is None


def test_a_folder_of_before_is_read_and_found_again(tmp_path):
    prepared(tmp_path, many())
    path = tmp_path / "out" / "report.json"
    data = json.loads(path.read_text())
    del data["floors"]
    path.write_text(json.dumps(data))
    again = prepare(tmp_path / "out.jsonl", tmp_path / "out", EVERYTHING)
    assert again.reused
    assert again.floors is None
    assert "learned nothing" not in as_markdown(again)
    assert Prepared(tmp_path / "out").floor is None


@pytest.mark.parametrize("domain", ["math", "agent"])
@pytest.mark.parametrize("targets", ["all", "skip_last"])
def test_the_sample_of_a_prepared_folder_is_taken_again(tmp_path, domain, targets):
    """Each step once more as it was, whatever was held out and however the parts came."""
    rows = [{**row, "domain": domain} for row in many(40)]
    settings = PrepareSettings(held_out=5, targets=targets)
    report = prepared(tmp_path, rows, settings=settings)
    opened = Prepared(tmp_path / "out")
    assert sample_of(opened).measure() == report.floors
    chosen, measured = sample_of(opened).halves()
    assert len(chosen) == report.floors["chosen_on"]["steps"]
    assert len(measured) == report.floors["measured_on"]["steps"]
    experts = {t.id: [step.action for step in t.steps] for t in opened.trajectories()}
    for place in (*chosen, *measured):
        assert place.action == experts[place.trajectory][place.step - 1]
        assert place.before == (experts[place.trajectory][place.step - 2] if place.step > 1 else None)
    example = next(iter(experts))
    found = example_floor(experts[example], chosen, measured, own={example})
    assert 0 < found["value"] < 1
    assert found["count"] == sum(place.trajectory != example for place in measured)


def test_the_most_frequent_call_is_shown_with_its_share(tmp_path):
    rows = [
        trajectory(f"a{i}", ["submit", f"edit {i * 7919} x", "submit", f"open f{i}.py"], "agent") for i in range(20)
    ]
    report = prepared(tmp_path, rows)
    (found,) = (policy for policy in report.floors["policies"] if policy["name"] == "most_frequent")
    assert (found["share"], found["texts"][0]["text"]) == (0.5, "submit")
    assert "| the most frequent action, exactly repeated: right at 50% of steps | 0." in as_markdown(report)


def test_forms_and_tools_have_constants_of_their_own(tmp_path):
    agents = [trajectory(f"a{i}", ["ls -la", "ls -la", "cat x", "cat x"], "agent") for i in range(20)]
    report = prepared(tmp_path, agents)
    assert values(report)["constant_by_tool"] == 1
    assert report.floors["floor"]["name"] != "constant_by_tool", "who knows the tool has read the problem"
    assert "constant_by_form" not in values(report)
    numbered = [
        {"id": f"n{i}", "problem": "p", "solution": "1. **One** go\n2. **Two** on\n\n\\boxed{1}"} for i in range(20)
    ]
    mixed = prepared(tmp_path, [*agents, *numbered], "mixed")
    assert "constant_by_form" in values(mixed)


@pytest.mark.parametrize(
    ("action", "tool"),
    [
        ("<function=str_replace_editor>\n<parameter=command>view</parameter>\n</function>", "str_replace_editor"),
        ("cd /testbed && python -m pytest", "python"),
        ("open a.py 10", "open"),
        ("\n  ls", "ls"),
    ],
)
def test_tools(action, tool):
    assert tool_of(action) == tool


# What the issue found on 200, 200 and 56 real actions, which met themselves: about 0.01 high.
@pytest.mark.parametrize(
    ("file", "another", "constant"),
    [
        ("math/gsm8k_train_2000.jsonl", 0.29, 0.34),
        ("math/amc_aime_solutions.jsonl", 0.24, 0.28),
        ("trajectories/swe_smith_messages.jsonl", 0.40, 0.55),
    ],
)
def test_floors_of_real_data(data, tmp_path, file, another, constant):
    report = prepare(data / file, tmp_path / "out", PrepareSettings(held_out=0, keep_unverified=True))
    found = {policy["name"]: policy for policy in report.floors["policies"]}
    assert set(found) <= set(TITLES)
    assert found["another_action"]["value"] == pytest.approx(another, abs=0.05)
    assert found["constant"]["value"] == pytest.approx(constant, abs=0.03)
    assert report.floors["floor"]["value"] >= found["constant"]["value"]
