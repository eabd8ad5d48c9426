"""`treadle init`: what it writes is taken by training, says its reasons, and nothing is replaced or asked in vain."""

from __future__ import annotations

import io
import json
import sys

import pytest

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.recipe.reading import load_recipe
from treadle.trajectory import Step, Trajectory


@pytest.fixture
def agents(tmp_path):
    """Prepared trajectories of agents, without answers."""
    steps = tuple(Step(f"ls {n}", observation=f"{n} files") for n in range(3))
    found = [Trajectory(f"a{n}", f"fix {n}", steps, domain="agent", system="act") for n in range(6)]
    source = tmp_path / "agents.jsonl"
    source.write_text("".join(json.dumps(to_row(one)) + "\n" for one in found))
    prepare(source, tmp_path / "agents", PrepareSettings(held_out=2))
    return tmp_path / "agents"


def test_a_recipe_for_solutions_is_one_that_trains(treadle, tiny_folder, prepared_world, tmp_path):
    file = tmp_path / "recipe.yaml"
    command = ("init", "--model", tiny_folder, "--data", prepared_world, "-o", file, "--output", tmp_path / "run")
    code, out, err = treadle(*command)
    assert code == 0, err
    assert f"written to {file}: srl then rlvr; memory: " in out
    recipe = load_recipe(file)
    assert [stage.kind for stage in recipe.stages] == ["srl", "rlvr"]
    text = file.read_text()
    assert f"#   treadle init --model {tiny_folder} --data {prepared_world}" in text
    said = " ".join(text.replace("\n#  ", "").split())
    assert "data: 16 trajectories to train on (16 with a final answer), 4 held out, 144 steps to learn" in said
    assert "srl: 16 prompts x 8 rollouts = 128 completions, of at most 256 tokens: up to 32,768 tokens" in said
    assert "512 prompts x 8 rollouts = 4,096 completions, of at most 2,048 tokens: up to 8,388,608 tokens" in said
    settings = [line for line in text.splitlines() if line.startswith("    ")]
    assert settings
    assert all("#" in line for line in settings)  # each with its reason
    assert max(map(len, settings)) <= 150

    code, out, err = treadle("train", file, "--dry-run")
    assert code == 0, err
    assert "# srl: 144 rows, 16 a step x rollouts = 128 completions, 16 micro-batches accumulated, 20 opt" in out

    code, _, err = treadle(*command)
    assert code == 2
    assert f"{file} exists already; choose another file with -o, or replace it with --overwrite" in err
    assert file.read_text() == text


def test_a_recipe_for_agents_is_srl_alone(treadle, tiny_folder, agents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = treadle("init", "--model", tiny_folder, "--data", agents, "--gpu-memory", "16")
    assert code == 0, err
    assert "of a GPU of 16 GiB" in out
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert [stage.kind for stage in recipe.stages] == ["srl"]
    assert str(recipe.output) == "runs/agents"
    assert recipe.stages[0].prompts_per_step == 8  # four trajectories of two steps to predict
    text = (tmp_path / "recipe.yaml").read_text()
    assert "Agents' data has no final answers, which RLVR would reward: SRL alone." in text
    code, out, err = treadle("train", "recipe.yaml", "--dry-run")
    assert code == 0, err


def test_stages_of_ones_own(treadle, tiny_folder, prepared_world, tmp_path):
    file = tmp_path / "recipe.yaml"
    command = ("init", "--model", tiny_folder, "--data", prepared_world, "-o", file, "--stages", "sft,warmup,srl")
    code, _, err = treadle(*command)
    assert code == 0, err
    assert [stage.kind for stage in load_recipe(file).stages] == ["sft", "warmup", "srl"]
    assert treadle("train", file, "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "m"], "--data is missing; expected `treadle init --model MODEL --data FOLDER`"),
        (["--data", "d"], "--model is missing; expected `treadle init"),
        (["--model", "m", "--data", "d", "--stages", "srl,slr"], "--stages 'slr': expected sft or warmup or srl"),
        (["--model", "m", "--data", "d", "--size", "big"], "--size 'big': expected first or paper"),
        (["--model", "m", "--data", "d", "-o", "."], ".: a folder, expected a file to write"),
        (["--model", "./none", "--data", "d"], "./none: no such model folder"),
        (["--model", "{tiny}", "--data", "none"], "none: no such folder; expected a folder made by `treadle prepare"),
    ],
)
def test_mistakes_are_said_and_nothing_is_written(treadle, tiny_folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = treadle("init", *[one.format(tiny=tiny_folder) for one in arguments])
    assert code == 2
    assert message in err
    assert not (tmp_path / "recipe.yaml").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_is_missing_is_asked_for_on_a_terminal(treadle, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "__stdin__", Terminal("./none\nnowhere\n"))
    code, _, err = treadle("init")
    assert code == 2
    assert err.startswith("Model folder or Hugging Face id (--model): Folder that `treadle prepare` wrote (--data): ")
    assert "./none: no such model folder" in err
