"""Similarity by place, position, difficulty and length."""

import json

import pytest

from treadle.evaluate.records import StepSample
from treadle.evaluate.step_floor import NOT_GIVEN
from treadle.evaluate.step_view import step_view
from treadle.scoring.completion import FormatFault


def step(trajectory, number, of, similarity, expert="x" * 10, fault=None):
    return StepSample(
        trajectory_id=trajectory,
        step=number,
        n_steps=of,
        prompt=[],
        expert_action=expert,
        text="",
        thought="",
        action=None if fault else "y",
        fault=fault,
        similarity=similarity,
        exact=similarity == 1,
        n_tokens=1,
        thought_tokens=0,
    )


THREE = [
    step("a", 1, 1, 0.5),
    step("b", 1, 3, 1.0),
    step("b", 2, 3, 0.0, fault=FormatFault.TRUNCATED),
    step("b", 3, 3, 0.2),
    step("c", 1, 12, 0.6, expert="x" * 200),
    step("c", 10, 12, 0.4, expert="x" * 49),
    step("c", 12, 12, 0.8, expert="x" * 5000),
]


def values(figures):
    return {name: pytest.approx(figure["value"]) for name, figure in figures.items()}


def test_hand_worked_groups():
    view = step_view(THREE)
    assert (view["steps"], view["trajectories"]) == (7, 3)
    assert view["similarity"]["value"] == pytest.approx(3.5 / 7)
    assert view["similarity_well_formed"]["value"] == pytest.approx(3.5 / 6)
    assert view["exact"]["value"] == pytest.approx(1 / 7)
    assert values(view["by_place"]) == {"only": 0.5, "first": 0.8, "middle": 0.2, "last": 0.5}
    assert values(view["by_position"]) == {"1": 0.7, "2": 0.0, "3": 0.2, "10 and later": 0.6}
    assert values(view["by_action_length"]) == {
        "1 to 49 characters": (0.5 + 1.0 + 0.0 + 0.2 + 0.4) / 5,
        "200 to 499 characters": 0.6,
        "1000 characters and more": 0.8,
    }
    assert values(view["by_difficulty"]) == {
        "1 to 1 steps": 0.5,
        "2 to 3 steps": 0.4,
        "4 steps and more": 0.6,
    }


def test_counts_add_up_in_each_grouping():
    view = step_view(THREE)
    for grouping in ("by_place", "by_position", "by_difficulty", "by_action_length"):
        assert sum(figure["count"] for figure in view[grouping].values()) == 7


def test_format_faults_by_kind():
    view = step_view(THREE)
    assert set(view["format_faults"]) == set(FormatFault)
    assert view["format_faults"]["truncated"]["value"] == pytest.approx(1 / 7)
    assert view["format_faults"]["empty_action"]["value"] == 0
    assert view["format_faults"]["empty_action"]["high"] > 0
    assert view["faults"] == {"truncated": 1}


def test_intervals_are_over_trajectories():
    """One trajectory, however long, says nothing about others."""
    view = step_view([step("a", i, 50, 0.5) for i in range(1, 51)])
    assert view["similarity"]["low"] is None
    assert view["by_difficulty"] == {"any number of steps": view["similarity"]}


def test_the_difference_to_the_floor():
    """Independent figures: their distances add up as squares."""
    floor = {"name": "constant", "value": 0.3, "low": 0.26, "high": 0.33}
    view = step_view(THREE, floor)
    similarity, above = view["similarity"], view["above_floor"]
    assert view["floor"] == floor
    assert above["value"] == pytest.approx(0.2)
    assert 0.2 - above["low"] == pytest.approx(((0.5 - similarity["low"]) ** 2 + 0.03**2) ** 0.5)
    assert above["high"] - 0.2 == pytest.approx(((similarity["high"] - 0.5) ** 2 + 0.04**2) ** 0.5)
    for one_trajectory in (step_view(THREE[:1], floor), step_view(THREE, {**floor, "low": None, "high": None})):
        assert one_trajectory["above_floor"]["low"] is one_trajectory["above_floor"]["high"] is None
    assert "no_floor" not in view
    assert not {"floor", "above_floor"} & step_view(THREE).keys()
    assert step_view(THREE)["no_floor"] == NOT_GIVEN
    assert step_view(THREE, None, "the data is lost")["no_floor"] == "the data is lost"
    assert step_view([], floor) == {"steps": 0, "trajectories": 0}


def test_only_faults():
    view = step_view([step("a", 1, 2, 0.0, fault=FormatFault.NO_THINK_BLOCK)])
    assert view["similarity_well_formed"] is None


def test_nothing():
    assert step_view([]) == {"steps": 0, "trajectories": 0}


def test_json_can_hold_it():
    view = step_view(THREE)
    assert json.loads(json.dumps(view)) == view
