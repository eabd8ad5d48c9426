"""The floor of steps of one prepared folder, of several, and of what has none."""

from __future__ import annotations

import json

import pytest

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.evaluate.step_floor import NOT_GIVEN, floor_of
from treadle.scoring.floors import TITLES


@pytest.fixture
def folders(expert_trajectories, tmp_path):
    found = []
    for name, rows in (
        ("a", expert_trajectories[:8]),
        ("b", expert_trajectories[8:24]),
        ("one", [expert_trajectories[0]]),
    ):
        source = tmp_path / f"{name}.jsonl"
        source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in rows))
        prepare(source, tmp_path / name, PrepareSettings(held_out=0, targets="all"))
        found.append(tmp_path / name)
    return found


def told(folder, floors):
    """The folder with other floors in its report, `None` for those of a folder of before."""
    path = folder / "report.json"
    report = json.loads(path.read_text())
    path.write_text(json.dumps({**report, "floors": floors}))


def test_one_folder_has_its_own(folders):
    assert floor_of({folders[0]: 5}) == (Prepared(folders[0]).floors["floor"], "")
    assert floor_of({folders[0]: 5, folders[1]: 0}) == floor_of({folders[0]: 5}), "of the other nothing is evaluated"


def test_several_count_as_often_as_steps_of_them_are_evaluated(folders):
    """A mean of 0.4 and 0.8, three to one; distances are weighted and add up as squares: 0.03 and 0.04 give 0.05."""
    a, b, _ = folders
    told(a, {"floor": {"name": "constant", "value": 0.4, "low": 0.36, "high": 0.44}})
    told(b, {"floor": {"name": "step_before", "value": 0.8, "low": 0.64, "high": 0.8}})
    floor, why = floor_of({a: 30, b: 10})
    assert why == ""
    assert floor.pop("name") in TITLES
    assert floor == {"value": pytest.approx(0.5), "low": pytest.approx(0.45), "high": pytest.approx(0.53)}
    told(b, {"floor": {"name": "constant", "value": 0.8, "low": None, "high": None}})
    floor, _ = floor_of({a: 30, b: 10})
    assert (floor["value"], floor["low"], floor["high"]) == (pytest.approx(0.5), None, None)


def test_a_folder_of_before_is_measured(folders):
    before = Prepared(folders[0]).floors["floor"]
    told(folders[0], None)
    assert Prepared(folders[0]).floors is None
    assert floor_of({folders[0]: 5}) == (before, "")


def test_what_has_none_says_why(folders):
    assert floor_of({}) == (None, NOT_GIVEN)
    for given in ({folders[2]: 8}, {folders[0]: 5, folders[2]: 8}):
        assert floor_of(given) == (
            None,
            f"{folders[2]} trains on a single trajectory, and a floor is measured on two or more",
        )
