"""The one command at its smallest, and what is equal between arms."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
from examples.data_analysis import sheets, study
from examples.data_analysis.families import FAMILIES


def test_all_arms_have_the_same_minutes():
    for arm in study.arms(0.7):
        assert sum(stage["minutes"] for stage in arm.stages) == pytest.approx(0.7 if arm.stages else 0)


def test_no_sheet_is_of_a_family_that_is_not_learned(monkeypatch):
    drawn = []
    monkeypatch.setattr(sheets, "thought", lambda family, *_: drawn.append(family) or "t")
    rng = random.Random(0)
    asked = [sheets.sheet(rng)[0] for _ in range(300)]
    assert {family.split for family in drawn} == {"easy", "known"} < {family.split for family in FAMILIES}
    assert max(map(len, asked)) < 1000


@pytest.mark.slow
def test_the_command_gives_a_table(tmp_path):
    command = [
        sys.executable,
        "-m",
        "examples.data_analysis.study",
        str(tmp_path),
        "--minutes",
        "0.02",
        "--sets",
        "validation",
    ]
    root = Path(study.__file__).parents[2]
    done = subprocess.run([*command, "--base-steps", "5"], capture_output=True, text=True, cwd=root, check=True)
    for title in ("base", "SFT", "RLVR", "SRL", "SRL then RLVR"):
        assert f"| {title} |" in done.stdout
    assert "held_out: environment: 100 of 100 trajectories replayed" in (tmp_path / "table.md").read_text()
