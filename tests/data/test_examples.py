"""Which trajectories become worked examples."""

from __future__ import annotations

import json

import pytest

from treadle import Step, Trajectory
from treadle.data.examples import worked_examples
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import DataError


@pytest.fixture
def make(tmp_path):
    def prepared(*trajectories: Trajectory) -> Prepared:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(to_row(row)) + "\n" for row in trajectories))
        prepare(tmp_path / "rows.jsonl", tmp_path / "data", PrepareSettings(targets="all", held_out=0))
        return Prepared(tmp_path / "data")

    return prepared


def trajectory(name: str, steps: int, length: int = 10) -> Trajectory:
    return Trajectory(name, f"problem {name}", tuple(Step(f"{name}{k} " + "x" * length) for k in range(steps)), "1")


def test_short_ones_of_several_steps_come_first(make):
    long = [trajectory(f"long{n}", 4, 500) for n in range(20)]
    short = [trajectory(f"short{n}", 2) for n in range(20)]
    single = [trajectory(f"single{n}", 1) for n in range(9)]
    data = make(*long, *short, *single)
    examples, rows = worked_examples(data, 4, seed=0)
    assert all(example.problem.startswith("problem short") for example in examples)
    stored = list(data.trajectories())
    assert [stored[row].problem for row in rows] == [example.problem for example in examples]
    assert [example.step for example in examples] == [2, 1, 2, 1]
    assert worked_examples(data, 4, seed=0) == (examples, rows)
    assert worked_examples(data, 4, seed=1) != (examples, rows)


def test_where_there_is_nothing_better_what_there_is_is_taken(make):
    examples, rows = worked_examples(make(*(trajectory(f"t{n}", 1) for n in range(3))), 2, seed=0)
    assert len(set(rows)) == 2
    assert [example.step for example in examples] == [1, 1]


def test_too_few_trajectories_are_said(make):
    data = make(trajectory("a", 2), trajectory("b", 2))
    assert worked_examples(data, 0, seed=0) == ((), ())
    with pytest.raises(
        DataError, match=r"2 training trajectories, expected more than the 2 that prompts.examples=2 .* to 1"
    ):
        worked_examples(data, 2, seed=0)
