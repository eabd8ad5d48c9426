"""Rows that are rendered when they are asked for."""

from __future__ import annotations

import json
import pickle

import pytest

from tests.domains.counter import counter
from treadle import Step, Trajectory, load_rows, step_instances
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.rows import WHOLE, references, rendered, whole_solution
from treadle.data.sources.native import to_row
from treadle.errors import DataError

TRAJECTORIES = [
    Trajectory(f"t{i}", f"problem {i}", [Step(f"{k}. step", title=f"T{k}") for k in range(1, 5)], str(i))
    for i in range(6)
]


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in TRAJECTORIES))
    prepare(source, tmp_path / "data", PrepareSettings(held_out=0, give_title=True, context=1))
    return tmp_path / "data"


def test_rows_are_the_instances_under_the_prepared_settings(folder):
    rows = load_rows(folder)
    expected = [i for t in TRAJECTORIES for i in step_instances(t, give_title=True, context=1)]
    assert len(rows) == len(expected) == 18
    assert [(r["trajectory_id"], r["step"], r["prompt"], r["expert_action"], r["answer"]) for r in rows] == [
        (i.trajectory_id, i.step, i.prompt, i.expert_action, i.answer) for i in expected
    ]
    assert rows[[17, 0]]["trajectory_id"] == ["t5", "t0"]
    assert [r["step"] for r in rows.shuffle(seed=0)] != [r["step"] for r in rows]


def test_trajectories_lie_in_a_mapped_file_and_not_in_memory(folder):
    renderer = load_rows(folder).format["format_kwargs"]["transform"]
    assert renderer._stored.cache_files
    again = pickle.loads(pickle.dumps(renderer))
    batch = {"trajectory": [3], "step": [2]}
    assert again(batch) == renderer(batch)
    assert len(pickle.dumps(renderer)) < 1000


def test_whole_solutions_and_steps_in_one_data_set(folder):
    prepared = Prepared(folder)
    rows = rendered(references([(0, WHOLE), (0, 2)]), prepared)
    assert [(r["step"], r["expert_action"]) for r in rows] == [(None, None), (2, "2. step")]
    rows = rendered(references([(0, WHOLE)]), prepared, whole_action=True)
    assert rows[0]["expert_action"] == "1. step\n2. step\n3. step\n4. step\nThe final answer is \\boxed{0}."
    assert len(rendered(references([]), prepared)) == 0


def test_a_solution_ends_with_what_follows_its_last_step():
    trajectory = Trajectory("t", "p", [Step("a"), Step("b")], meta={"epilogue": "\n\nSo \\boxed{3}.\n"})
    assert whole_solution(trajectory) == "a\nb\nSo \\boxed{3}."


def test_a_solution_is_joined_by_what_parts_it(tmp_path, monkeypatch):
    counter(tmp_path / "counter", split="blocks")
    monkeypatch.setenv("TREADLE_DOMAINS", str(tmp_path / "counter"))
    steps = [Step("+2\n+3"), Step("+4")]
    assert whole_solution(Trajectory("t", "p", steps, domain="counter")) == "+2\n+3\n\n+4"
    assert whole_solution(Trajectory("t", "p", steps)) == "+2\n+3\n+4"


def test_a_folder_that_was_not_prepared_is_named(tmp_path):
    with pytest.raises(DataError, match="expected a folder made by `treadle prepare"):
        load_rows(tmp_path)
