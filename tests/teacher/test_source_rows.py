"""Rows of sources by the problems that were read from them."""

from __future__ import annotations

import json

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.evaluate.benchmarks import load_data
from treadle.miniature import world
from treadle.miniature.problems import held_out_problems
from treadle.teacher.source_rows import line_of, source_rows


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_of_a_file_keep_all_columns_and_get_an_id(tmp_path):
    path = written(
        tmp_path / "own.jsonl",
        [
            {"question": "What is 1+1?", "answer": "2", "solution": "1. **Add** 2", "level": 3},
            {"question": "What is nothing?", "answer": ""},
            {"question": "What is  1+1?", "answer": "2", "level": 9},
            {"question": "What is 2+2?", "answer": "4", "id": "four"},
        ],
    )
    benchmark = load_data(path)
    rows = source_rows(str(path), benchmark)
    assert rows == {
        "1": {
            "id": "1",
            "question": "What is 1+1?",
            "answer": "2",
            "solution": "1. **Add** 2",
            "level": 3,
        },
        "four": {"question": "What is 2+2?", "answer": "4", "id": "four"},
    }
    again = load_data(written(tmp_path / "again.jsonl", map(json.loads, map(line_of, rows.values()))))
    assert [(p.id, p.problem, p.answer) for p in again.problems] == [
        (p.id, p.problem, p.answer) for p in benchmark.problems
    ]


def test_rows_of_a_prepared_folder_are_its_trajectories(tmp_path):
    trajectories = [world.expert_trajectory(p, f"t-{i}") for i, p in enumerate(held_out_problems(3))]
    source = written(tmp_path / "experts.jsonl", map(to_row, trajectories))
    prepare(source, tmp_path / "prepared", PrepareSettings(targets="all", held_out=0))
    benchmark = load_data(tmp_path / "prepared", "train")
    rows = source_rows(str(tmp_path / "prepared"), benchmark, "train")
    selected = written(tmp_path / "selected.jsonl", [json.loads(line_of(rows["t-1"]))])
    prepare(selected, tmp_path / "again", PrepareSettings(targets="all", held_out=0))
    assert [t.steps for t in Prepared(tmp_path / "again").trajectories()] == [trajectories[1].steps]
