"""Rollouts by step position, against means by hand."""

from __future__ import annotations

import io
import json

import pytest
from typer.testing import CliRunner

from treadle.cli.main import app
from treadle.errors import OutputError
from treadle.report.console import VisibleConsole
from treadle.report.rollouts import by_position, rollout_files, show_rollouts

LINES = [
    {
        "global_step": 0,
        "step": 1,
        "rewards": [1.0, 0.5],
        "rewards_by": {"a": [1.0, None]},
        "facts": {"tool": [1, True]},
    },
    {"global_step": 0, "step": 12, "rewards": [None, -1.0], "facts": {"tool": [None, 0], "why": ["x", "\x1b[1my"]}},
    {"global_step": 1, "step": 10, "rewards": [0.0]},
    {"global_step": 4, "step": None, "rewards": [0.25]},
]


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "1-srl" / "rollouts.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES) + '{"global_step": 5, "rew')
    return path


def test_means_by_hand(record):
    found = by_position(record)
    assert found.values["reward"] == {"1": (1.5, 2), "10+": (-1.0, 2), "whole": (0.25, 1)}
    assert found.values["a"] == {"1": (1.0, 1)}
    assert found.values["tool"] == {"1": (2.0, 2), "10+": (0.0, 1)}
    assert found.overall("reward") == (0.75, 5)
    assert found.not_numbers == {"why": 2}
    assert (found.first, found.last, found.completions.total()) == (0, 4, 6)


def test_the_table(record):
    file = io.StringIO()
    show_rollouts(record, VisibleConsole(file=file, width=100))
    text = file.getvalue()
    assert "6 completions of optimizer steps 1 to 5; mean (count) by step position" in text
    rows = [line.split() for line in text.splitlines()]
    assert rows[1:6] == [
        ["step", "reward", "a", "tool", "why"],
        ["1", "0.75", "(2)", "1", "(1)", "1", "(2)"],
        ["10+", "-0.5", "(2)", "0", "(1)"],
        ["whole", "0.25", "(1)"],
        ["all", "0.15", "(5)", "1", "(1)", "0.667", "(3)"],
    ]
    assert "why: 2 values are no numbers and in no mean" in text


def test_the_records_of_a_run_and_of_a_stage(record):
    assert rollout_files(record.parent) == rollout_files(record.parents[1]) == [record]
    assert rollout_files(record.parents[1] / "other") == []


def test_a_damaged_line_is_named(record):
    record.write_text('{"global_step": 0, "rewards": [1.0]}\n{"rewards": [1.0]}\n')
    with pytest.raises(OutputError, match=r"rollouts.jsonl, line 2: found b'{\"rewards"):
        by_position(record)


def test_nothing_yet(record):
    record.write_text("")
    file = io.StringIO()
    show_rollouts(record, VisibleConsole(file=file, width=100))
    assert "no rollouts yet" in file.getvalue()


def test_the_command(record):
    shown = CliRunner().invoke(app, ["view", str(record.parents[1])])
    assert shown.exit_code == 0, shown.output
    assert "reward" in shown.output
