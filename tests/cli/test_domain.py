"""`--domain` on the command line, from rows of one's own to a recipe and an evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.domains.folders import YAML, walks, write_domain, write_rows
from treadle.domains.registry import VARIABLE
from treadle.files.yaml_reading import read_yaml

pytestmark = pytest.mark.usefixtures("no_domains")
SHORT = ("--limit", "1", "--max-step-tokens", "2")
HEAD = YAML + "reward: exact\nshown: code\nproblems: {test: test.jsonl}\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in, with a domain and rows of it."""
    monkeypatch.chdir(tmp_path)
    folder = write_domain(tmp_path / "field", HEAD + "verdict: math\n")
    write_rows(folder / "test.jsonl", [{"id": "a", "problem": "Walk to 1.", "answer": "1"}])
    write_rows(tmp_path / "walks.jsonl", walks(12))
    return tmp_path


@pytest.fixture
def prepared(treadle, here, monkeypatch):
    """Data of the domain, which is not known any more."""
    code, _, err = treadle("prepare", "walks.jsonl", "-o", "data", "--domain", "./field", "--targets", "all")
    assert code == 0, err
    monkeypatch.setenv(VARIABLE, "")
    return here / "data"


def test_from_rows_to_a_recipe_that_trains(treadle, prepared, tiny_folder, monkeypatch):
    code, _, err = treadle("init", "--model", tiny_folder, "--data", "data", "--domain", "./field")
    assert code == 0, err
    recipe = read_yaml(Path("recipe.yaml"))
    assert recipe["domain"] == "./field"
    assert recipe["stages"][0]["reward"] == "exact"
    monkeypatch.setenv(VARIABLE, "")
    assert treadle("train", "recipe.yaml", "--dry-run")[0] == 0
    monkeypatch.setenv(VARIABLE, "")
    assert treadle("plan", "recipe.yaml")[0] == 0


def test_a_folder_in_the_variable_stands_in_the_recipe_too(treadle, prepared, tiny_folder, here, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(here / "field"))
    assert treadle("init", "--model", tiny_folder, "--data", "data")[0] == 0
    assert read_yaml(Path("recipe.yaml"))["domain"] == str(here / "field")


@pytest.mark.parametrize(
    "command",
    [
        ("init", "--model", "MODEL", "--data", "data"),
        ("check", "MODEL", "--data", "data"),
        ("evaluate", "MODEL", "-o", "run", "--data", "data", "--mode", "steps", "--split", "train", *SHORT),
        ("merge", "shard", "-o", "merged"),
        ("prepare", "data", "-o", "again"),
    ],
)
def test_data_of_a_domain_that_is_not_here_is_one_line(treadle, prepared, tiny_folder, monkeypatch, command):
    if command[0] == "merge":
        treadle("prepare", "walks.jsonl", "-o", "shard", "--domain", "./field", "--shard", "1/1")
        monkeypatch.setenv(VARIABLE, "")
    code, out, err = treadle(*(str(tiny_folder) if word == "MODEL" else word for word in command))
    assert code == 2
    said = out if command[0] == "check" else err
    (line,) = (line for line in said.splitlines() if "no domain 'field'" in line)
    assert "--domain FOLDER" in line
    assert "Traceback" not in out + err
    code, out, err = treadle(*(str(tiny_folder) if w == "MODEL" else w for w in command), "--domain", "./field")
    assert code == (2 if command[0] == "check" else 0), "the paper's sizes are beyond this model's positions"
    assert "no domain" not in out + err


def test_looking_at_it_needs_no_domain(treadle, prepared):
    code, out, err = treadle("inspect", "data", "--id", "walk-3")
    assert (code, err) == (0, "")
    assert "domain      field" in out
    write_rows(prepared.parent / "own.jsonl", [{**row, "domain": "elsewhere"} for row in walks(2)])
    code, out, err = treadle("inspect", "own.jsonl")
    assert (code, err) == (0, "")
    assert "domain      elsewhere" in out


def test_rows_are_looked_at_with_it(treadle, here):
    assert treadle("inspect", "walks.jsonl")[0] == 2
    code, out, _ = treadle("inspect", "walks.jsonl", "--domain", "./field")
    assert code == 0
    assert "go 1 of 0" in out


def test_evaluation_of_a_set_by_name(treadle, here, tiny_folder, monkeypatch):
    arguments = ("--mode", "whole", "--max-new-tokens", "4")
    given = ("--domain", "./field", "--benchmark", "field/test")
    code, out, err = treadle("evaluate", tiny_folder, "-o", "run", *given, *arguments)
    assert code == 0, err
    assert "| field/test | 1 | whole |" in out
    (problem,) = map(json.loads, Path("run/problems.jsonl").read_text().splitlines())
    assert (problem["domain"], problem["benchmark"]) == ("field", "field/test")
    monkeypatch.setenv(VARIABLE, "")
    assert treadle("view", "run")[0] == 0, "without what the domain would add"
    assert treadle("view", "run", "--domain", "./field")[0] == 0


def test_a_domain_is_not_executed_where_it_is_not_named(prepared, here):
    (here / "field" / "code.py").write_text("open('executed', 'w')")
    (here / "field" / "domain.yaml").write_text(HEAD + "verdict: code.py:judge\nsame: code.py:same\n")
    subprocess.run([sys.executable, "-m", "treadle.cli", "inspect", "data"], check=True, capture_output=True, cwd=here)
    assert not (here / "executed").exists()
