from __future__ import annotations

import json

import numpy as np
import pytest

from tests.evaluate.run_folders import problems_of, write_run
from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.compare.arms import check_comparable, read_arms

GREEDY = ("aime24", "whole", "greedy")
RIGHT = {GREEDY: np.eye(4, 1, dtype=int)}


def test_an_arm_is_named_by_its_model_where_that_tells_runs_apart(tmp_path):
    write_run(tmp_path / "a", RIGHT, model="Qwen/Qwen2.5-7B-Instruct")
    write_run(tmp_path / "b", RIGHT, model="out/srl-7b")
    assert [arm.name for arm in read_arms([tmp_path / "a", tmp_path / "b"])] == ["Qwen2.5-7B-Instruct", "srl-7b"]


def test_an_arm_is_named_by_its_folder_where_models_are_named_alike(tmp_path):
    first = write_run(tmp_path / "srl" / "eval", RIGHT, model="srl/final")
    other_model = write_run(tmp_path / "rlvr", RIGHT, model="rlvr/final")
    assert [arm.name for arm in read_arms([first, other_model])] == ["srl/final", "rlvr/final"]
    other_folder = write_run(tmp_path / "again", RIGHT, model="srl/final")
    assert [arm.name for arm in read_arms([first, other_folder])] == ["eval", "again"]
    other_path = write_run(tmp_path / "rlvr2" / "eval", RIGHT, model="srl/final")
    assert [arm.name for arm in read_arms([first, other_path])] == [str(first), str(other_path)]


def test_groups_take_their_runs_out_of_the_list(tmp_path):
    paths = [write_run(tmp_path / f"seed-{s}", RIGHT, model="org/srl", settings={"seed": s}) for s in range(3)]
    base = write_run(tmp_path / "base", RIGHT, model="base")
    arms = read_arms([base, *paths], [f"SRL={paths[0]},{paths[1]}"])
    assert [(arm.name, len(arm.runs)) for arm in arms] == [("base", 1), ("srl", 1), ("SRL", 2)]


@pytest.mark.parametrize("group", ["SRL", "SRL=", "=a,b"])
def test_a_group_that_is_not_written_so(group):
    with pytest.raises(TreadleError, match="expected NAME=RUN,RUN"):
        read_arms([], [group])


def test_what_cannot_be_an_arm(tmp_path):
    run = write_run(tmp_path / "a", RIGHT, model="m")
    with pytest.raises(TreadleError, match="given 2 times"):
        read_arms([run, run])
    with pytest.raises(TreadleError, match="given 2 times"):
        read_arms([], [f"A={run},{run}"])
    with pytest.raises(TreadleError, match="2 arms are named 'm'"):
        read_arms([run], [f"m={write_run(tmp_path / 'b', RIGHT)}"])
    with pytest.raises(TreadleError, match="no runs: expected treadle compare RUN"):
        read_arms([])
    with pytest.raises(OutputError, match="nowhere"):
        read_arms([tmp_path / "nowhere"])


def test_other_problems_under_the_same_name_are_refused(tmp_path):
    a = write_run(tmp_path / "a", RIGHT)
    for name, changed in {
        "hash": {"sha256": {"aime24": "0" * 64}},
        "ids": {"problems": {"aime24": problems_of("aime24", 4, first=2)}},
        "fewer": {"right": {GREEDY: [[1], [0]]}},
    }.items():
        b = write_run(tmp_path / name, **{"right": RIGHT, **changed})
        with pytest.raises(DataError, match=rf"{name}: its aime24 \(\d problems, .*Only runs over the same problems"):
            check_comparable(read_arms([a, b]))


def test_other_benchmarks_beside_common_ones_are_fine(tmp_path):
    a = write_run(tmp_path / "a", RIGHT)
    b = write_run(tmp_path / "b", {**RIGHT, ("amc23", "whole", "greedy"): [[1], [0]]})
    assert check_comparable(read_arms([a, b])) == []


def test_other_graders_are_refused_unless_asked_for(tmp_path):
    arms = read_arms([write_run(tmp_path / "a", RIGHT), write_run(tmp_path / "b", RIGHT, grader="rules 2")])
    with pytest.raises(DataError, match=r"rules 1 \(.*a\); rules 2 \(.*b\).*--any-grader"):
        check_comparable(arms)
    notes = check_comparable(arms, any_grader=True)
    assert len(notes) == 1
    assert "rules 1" in notes[0]
    assert "rules 2" in notes[0]


def test_other_settings_are_said_by_name(tmp_path):
    sampled = ("aime24", "whole", "sampled")
    a = write_run(tmp_path / "a", {sampled: np.ones((4, 8), int)}, settings={"max_new_tokens": 1024})
    b = write_run(tmp_path / "b", {sampled: np.ones((4, 32), int)}, settings={"temperature": 0.6, "seed": 5})
    notes = check_comparable(read_arms([a, b]))
    for expected in (
        f"Different max_new_tokens: 1024 ({a}); 4096 ({b}).",
        f"Different temperature: 1.0 ({a}); 0.6 ({b}).",
        f"Different samples of aime24: 8 ({a}); 32 ({b}).",
    ):
        assert expected in notes
    assert len(notes) == 3  # the seed is no difference


def test_settings_that_concern_nothing_here_are_not_said(tmp_path):
    a = write_run(tmp_path / "a", RIGHT)
    b = write_run(tmp_path / "b", RIGHT, settings={"max_step_tokens": 5, "temperature": 0.2})
    assert check_comparable(read_arms([a, b])) == []


def test_a_changed_prompt_is_said_where_runs_have_the_same_problems_and_modes(tmp_path):
    paths = [write_run(tmp_path / name, RIGHT) for name in "ab"]
    for path, digest in zip(paths, ("1a", "2b"), strict=True):
        info = json.loads((path / "run.json").read_text())
        info["identity"]["prompts"] = digest
        (path / "run.json").write_text(json.dumps(info))
    assert check_comparable(read_arms(paths)) == [f"Different prompts: 1a ({paths[0]}); 2b ({paths[1]})."]


def test_columns_that_not_all_runs_of_a_group_have_are_left_out_by_name(tmp_path):
    a = write_run(tmp_path / "a", {**RIGHT, ("amc23", "whole", "greedy"): [[1], [0]]})
    b = write_run(tmp_path / "b", RIGHT)
    (arm,) = read_arms([], [f"G={a},{b}"])
    assert arm.columns("whole") == [("aime24", "greedy")]
    assert check_comparable([arm]) == ["G: not all of its runs have amc23 greedy (whole); left out."]
