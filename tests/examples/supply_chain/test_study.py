"""The one command at its smallest, and the figures that it counts itself."""

import json
import subprocess
import sys

import pytest

from examples.supply_chain import make, study
from treadle.domains.domain import Task

SETUP = {"family": "lots", "demand": [4, 2], "setup": 100, "hold": 1, "most": 9}


def test_a_gap_is_that_of_a_complete_plan():
    task = Task("", "", "102", SETUP)
    assert study._gap(task, ["period 1 make 6", "period 2 make 0"]) == 0
    assert study._gap(task, ["period 1 make 4", "no line", "period 2 make 2"]) == pytest.approx(98 / 102)
    assert study._gap(task, ["period 1 make 6"]) is None


def test_gaps_are_those_of_the_sets_attempts_in_the_loop(tmp_path):
    first, second = (json.loads(line) for line in (make.HERE / "test.jsonl").read_text().splitlines()[:2])
    best = [action for _, action in make.FAMILIES[first["setup"]["family"]].expert(first["setup"])]
    lines = [("loop", first, best), ("loop", second, ["done."]), ("whole", second, [])]
    (tmp_path / "solved").mkdir()
    rows = [
        {"benchmark": "supply_chain/test", "mode": mode, "problem": row["id"], "steps": steps}
        for mode, row, steps in lines
    ]
    (tmp_path / "solved" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert study.gaps(tmp_path, "supply_chain/test") == (1, 0.0)


def test_all_arms_have_the_same_minutes():
    for arm in study.arms(1.5):
        assert sum(stage["minutes"] for stage in arm.stages) == (1.5 if arm.stages else 0)


def test_the_hasty_planner_completes_every_plan_and_seldom_the_best():
    right, count, gap = study.hasty_row("test")
    assert count == 200
    assert 20 < right < 50
    assert 0.05 < gap < 0.5


@pytest.mark.slow
def test_the_command_gives_a_table(tmp_path):
    options = ["--minutes", "0.02", "--base-steps", "5", "--sets", "larger"]
    command = [sys.executable, "-m", "examples.supply_chain.study", str(tmp_path), *options]
    said = subprocess.run(command, capture_output=True, text=True, cwd=make.HERE.parents[1], check=True).stdout
    assert "400 of 400 trajectories replayed" in said
    for title in ("base", "SFT", "RLVR", "SRL", "SRL then RLVR", "hasty rule, no model"):
        assert f"| {title} |" in said
