"""What a stage goes on from, what it refuses, what it cleans up, and how it stops before its time is over."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from tests.recipe.test_stages import SFT, SRL, lines, prepared, recipe
from treadle.errors import Interrupted, OutputError
from treadle.recipe import stages
from treadle.training.resume.checkpoints import checkpoints_in

__all__ = ["prepared", "recipe"]  # fixtures

LONG = {**SRL, "max_steps": 6, "save_every": 2}


class Stopped(Exception):
    """Ends a run in the middle, as a kill would."""


@pytest.fixture
def stop_at(monkeypatch):
    """Ends runs, the first after a given step."""
    build = stages.build_trainer

    def arrange(step, callback=None):
        class Stop(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                if state.global_step == step:
                    raise Stopped

        def with_stop(stage, made, model, rows, folder, callbacks, held_out):
            return build(stage, made, model, rows, folder, [*callbacks, callback or Stop()], held_out)

        monkeypatch.setattr(stages, "build_trainer", with_stop)

    yield arrange
    monkeypatch.setattr(stages, "build_trainer", build)


def stopped_run(recipe, stop_at, tmp_path, step=5):
    """A run with checkpoints after steps 2 and 4, and the lines of a fifth step."""
    stop_at(step)
    with pytest.raises(Stopped):
        stages.run(recipe(LONG), quiet=True)
    stop_at(None)
    folder = tmp_path / "run" / "1-srl"
    assert [path.name for path in checkpoints_in(folder)] == ["checkpoint-4", "checkpoint-2"]
    return folder


def test_a_damaged_checkpoint_is_passed_over_and_the_end_is_the_same(recipe, stop_at, tmp_path, capfd):
    stages.run(recipe(LONG, output=str(tmp_path / "straight")), quiet=True)
    folder = stopped_run(recipe, stop_at, tmp_path)
    weights = folder / "checkpoint-4" / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        with (folder / name).open("a") as file:
            file.write('{"step": 5, "glo')
    stages.run(recipe(LONG), quiet=True)
    assert f"skipping a damaged checkpoint, {folder / 'checkpoint-4'}: model.safetensors has" in capfd.readouterr().err
    straight = tmp_path / "straight" / "1-srl"
    assert (folder / "rollouts.jsonl").read_bytes() == (straight / "rollouts.jsonl").read_bytes()
    assert [log["step"] for log in lines(folder / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6, 6]  # the last is the summary
    expected = load_file(straight / "model" / "model.safetensors")
    found = load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_where_all_checkpoints_are_damaged_nothing_is_thrown_away(recipe, stop_at, tmp_path):
    folder = stopped_run(recipe, stop_at, tmp_path)
    for path in checkpoints_in(folder):
        (path / "optimizer.pt").write_bytes(b"")
    with pytest.raises(OutputError, match=rf"checkpoint-4: optimizer.pt has 0 bytes, .* rm -r {folder}"):
        stages.run(recipe(LONG), quiet=True)
    assert len(checkpoints_in(folder)) == 2


def test_a_run_killed_before_its_first_checkpoint_begins_anew(recipe, stop_at, tmp_path):
    stop_at(1)
    with pytest.raises(Stopped):
        stages.run(recipe(LONG), quiet=True)
    stop_at(None)
    stages.run(recipe(LONG), quiet=True)
    folder = tmp_path / "run" / "1-srl"
    assert [log["step"] for log in lines(folder / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6, 6]
    rollouts = lines(folder / "rollouts.jsonl")
    assert len({(r["global_step"], r["trajectory_id"], r["step"], str(r["completions"])) for r in rollouts}) == len(
        rollouts
    )


def test_leftovers_go_and_fewer_checkpoints_may_be_kept(recipe, stop_at, tmp_path):
    folder = stopped_run(recipe, stop_at, tmp_path)
    for name in (".checkpoint.partial", ".checkpoint-1.removed", ".model.partial", ".adapter.partial"):
        (folder / name).mkdir()
    seen = []

    class Look(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            seen.extend(sorted(path.name for path in folder.iterdir() if path.is_dir()))

    stop_at(None, Look())
    stages.run(recipe({**LONG, "trl": {"save_total_limit": 1}}), quiet=True)  # not another recipe for that
    assert seen == ["checkpoint-4"]
    (folder / "checkpoint-6").mkdir()  # as if killed between naming the model and removing checkpoints
    stages.run(recipe({**LONG, "trl": {"save_total_limit": 1}}), quiet=True)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["model"]


def test_a_folder_without_a_readable_mark_is_not_taken_for_ones_own(recipe, stop_at, tmp_path):
    folder = stopped_run(recipe, stop_at, tmp_path)
    mark = folder / "stage.json"
    mark.write_text(mark.read_text()[:50])
    with pytest.raises(
        OutputError, match=r"stage\.json: no JSON .*choose another `output`, or replace it with --overwrite"
    ):
        stages.run(recipe(LONG), quiet=True)
    mark.unlink()
    with pytest.raises(OutputError, match="1-srl: made by another recipe or with other data"):
        stages.run(recipe(LONG), quiet=True)
    stages.run(recipe({**SFT, "name": "srl"}), overwrite=True, quiet=True)
    assert not (folder / "rollouts.jsonl").exists()


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
def test_the_best_weights_are_the_stages_model(lora, recipe, tmp_path, monkeypatch):
    """Validation is told to like step 3 best; the model is that of a run of three steps."""
    told = {1: 0.1, 2: 0.2, 3: 0.9, 4: 0.3, 5: 0.4, 6: 0.5}
    stages.run(recipe({**LONG, "max_steps": 3}, output=str(tmp_path / "short"), lora=lora), quiet=True)
    build = stages.build_trainer

    class Validate(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_evaluate = True

    def validated(stage, made, model, rows, folder, callbacks, held_out):
        trainer = build(stage, made, model, rows, folder, [*callbacks, Validate()], held_out)
        trainer.args.metric_for_best_model, trainer.args.greater_is_better = "eval_told", True

        def evaluate(*more, **kwargs):
            trainer.control.should_evaluate = False
            return {"eval_told": told[trainer.state.global_step]}

        monkeypatch.setattr(trainer, "_evaluate", evaluate)
        return trainer

    monkeypatch.setattr(stages, "build_trainer", validated)
    stages.run(recipe(LONG, lora=lora), quiet=True)
    folder = tmp_path / "run" / "1-srl"
    assert json.loads((folder / "best.json").read_text()) == {"step": 3, "metric": "eval_told", "value": 0.9}
    expected, found = (load_file(f / "model" / "model.safetensors") for f in (tmp_path / "short" / "1-srl", folder))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_run_stops_before_its_hours_are_over(recipe, tmp_path):
    made = recipe(LONG, SFT, max_hours=1e-6)
    with pytest.raises(Interrupted, match=r"stage 'srl' stopped after step 1 of 6 by max_hours: .* Continue with"):
        stages.run(made, quiet=True)
    for step in range(2, 6):  # each start makes at least one step
        with pytest.raises(Interrupted, match=f"stopped after step {step} of 6 by max_hours"):
            stages.run(made, quiet=True)
    with pytest.raises(Interrupted, match=r"stopped by max_hours: .*; stage 'srl' is finished. Continue with"):
        stages.run(made, quiet=True)
    assert (tmp_path / "run" / "1-srl" / "model").is_dir()
    began = time.monotonic()
    stages.run(recipe(LONG, SFT, max_hours=1), quiet=True)  # the limit is no part of what a stage is
    assert time.monotonic() - began < 60
    metrics = lines(Path(tmp_path / "run" / "1-srl" / "metrics.jsonl"))
    assert [log["step"] for log in metrics] == [1, 2, 3, 4, 5, 6, 6]
    assert metrics[-1].keys() >= {"train_runtime", "train_loss"}
