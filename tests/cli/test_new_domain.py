"""`treadle new-domain`: the folder that it writes runs, by its own test and by the commands of its README."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("no_domains")
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=[False, True], ids=["text", "environment"])
def made(request, treadle, tmp_path, monkeypatch):
    """A new domain `coins` in the working folder; whether it has an environment."""
    monkeypatch.chdir(tmp_path)
    code, out, err = treadle("new-domain", "coins", *["--environment"] * request.param)
    assert code == 0, err
    assert out.startswith("written to coins: domain.yaml, step.j2, solve.j2, verdict.py, ")
    assert "go on with `pytest coins`; coins/README.md has the commands in order" in out
    return request.param


def test_its_own_test_passes_from_any_folder(made, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "../coins"]
    ended = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert (
        f"{25 + 9 * made} passed" in ended.stdout
    )  # three of each of eight experts and one, with a world eight and one


def commands_of_readme():
    text = Path("coins/README.md").read_text(encoding="utf-8")
    return [shlex.split(line) for line in re.findall(r"^treadle (.+)$", text, re.MULTILINE)]


def test_the_commands_of_its_readme_run(made, treadle):
    """As they stand, with shorter answers."""
    commands = commands_of_readme()
    assert [command[0] for command in commands] == ["prepare", "check", "train", "evaluate"]
    shorter = {
        "train": ["stages.srl.max_steps=1", "stages.srl.max_completion_length=8", "stages.srl.allow_no_change=true"],
        "evaluate": ["--max-new-tokens", "8", "--max-step-tokens", "8"],
    }
    for command in commands:
        code, _, err = treadle(*command, *shorter.get(command[0], ()))
        assert code == 0, f"{command}: {err}"
    results = json.loads(Path("runs/coins/scores/results.json").read_text(encoding="utf-8"))
    assert json.dumps(results).count("coins/test")
