"""Reading of what commands write, and what is said when one fails."""

import json

import pytest

from examples.arms import SOLVED, STEPS, Arm, Study, as_table, similarity, success, treadle
from treadle.errors import TreadleError


def test_figures_are_read_where_evaluation_writes_them(tmp_path):
    half = {"value": 0.5, "low": 0.25, "high": 0.75}
    solved = {"benchmarks": {"d/test": {"modes": {"loop": {"greedy": {"accuracy": half}}}}}}
    steps = {"steps": {"similarity": half, "floor": {"name": "by_folder", "value": 0.1, "low": 0.0, "high": 0.2}}}
    for name, content in ((SOLVED, solved), (STEPS, steps)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(content))
    assert success(tmp_path, "d/test") == "50.0% [25.0%, 75.0%]"
    assert similarity(tmp_path) == ("50.0% [25.0%, 75.0%]", "10.0% [0.0%, 20.0%]")


def test_seconds_are_those_of_all_stages(tmp_path):
    arm = Arm("both", "both", ({"kind": "srl"}, {"kind": "rlvr"}))
    for folder, seconds in (("1-srl", 3.5), ("2-rlvr", 4.0)):
        (tmp_path / "both" / folder).mkdir(parents=True)
        lines = [{"seconds": 1.0}, {"seconds": seconds}]
        (tmp_path / "both" / folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert Study(tmp_path, tmp_path, tmp_path, tmp_path, ()).seconds(arm) == 7.5


def test_a_table_is_markdown():
    assert as_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_command_that_fails_says_how(tmp_path):
    log = tmp_path / "logs" / "train.log"
    with pytest.raises(TreadleError, match=r"treadle train ended with code \d+.*\n.*nowhere\.yaml"):
        treadle(log, "train", "nowhere.yaml")
    assert "nowhere.yaml" in log.read_text()
