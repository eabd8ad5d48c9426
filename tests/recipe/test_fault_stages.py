"""Faults in stages: the run stops with a code of its own, the checkpoint stays, and the same command goes on."""

from __future__ import annotations

import sys

import pytest
import torch
import yaml

from tests.recipe.test_stages import RLVR, SFT, SRL, lines, prepared, recipe  # noqa: F401
from treadle.cli import main as cli
from treadle.errors import RecipeError, TrainingFault
from treadle.recipe import stages
from treadle.recipe.arguments import OWNED, trainer_config
from treadle.recipe.identity import identity
from treadle.recipe.parts import FAULT_LIMITS
from treadle.recipe.schema import RLStage
from treadle.training.srl_config import SRLConfig


@pytest.mark.parametrize("stage", [{**SRL, "when_short": "fill"}, SFT])
def test_the_same_command_continues_after_a_fault(stage, recipe, tmp_path, monkeypatch):  # noqa: F811
    made = recipe({**stage, "max_steps": 5, "save_every": 1, "max_skipped_steps": 2})
    build = stages.build_trainer

    def damaged(*args):
        trainer = build(*args)
        compute_loss = trainer.compute_loss

        def spoilt(*args, **kwargs):
            loss = compute_loss(*args, **kwargs)
            return loss * torch.nan if trainer.state.global_step >= 2 else loss

        trainer.compute_loss = spoilt
        return trainer

    folder = tmp_path / "run" / f"1-{stage['kind']}"
    with monkeypatch.context() as patch:
        patch.setattr(stages, "build_trainer", damaged)
        with pytest.raises(TrainingFault, match=r"step 4 is not applied"):
            stages.run(made, quiet=True)
    assert (folder / "fault-step-4.pt").is_file()
    assert (folder / "checkpoint-2").is_dir() or (folder / "checkpoint-3").is_dir()
    assert not (folder / "model").exists()
    stages.run(made, quiet=True)
    assert (folder / "model").is_dir()
    logs = [log for log in lines(folder / "metrics.jsonl") if "loss" in log]
    assert [log["step"] for log in logs] == [1, 2, 3, 4, 5]


def test_a_smaller_micro_batch_continues_where_memory_did_not_suffice(recipe, tmp_path, monkeypatch, capfd):  # noqa: F811
    """As the message advises. In the middle of a generation that serves two steps, so the rest of it is dropped."""
    settings = {**SRL, "max_steps": 4, "save_every": 1, "updates_per_rollout": 2, "when_short": "fill"}
    settings["trl"] = {"loss_type": "grpo"}
    made = recipe(settings)
    build = stages.build_trainer

    def exhausted(*args):
        trainer = build(*args)
        compute_loss = trainer.compute_loss

        def limited(*more, **kwargs):
            if trainer.state.global_step == 3:
                raise torch.OutOfMemoryError("out of memory")
            return compute_loss(*more, **kwargs)

        trainer.compute_loss = limited
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(stages, "build_trainer", exhausted)
        with pytest.raises(TrainingFault, match=r"out of memory in the update .* Set a smaller `m"):
            stages.run(made, quiet=True)
    assert (tmp_path / "run" / "1-srl" / "checkpoint-3").is_dir()
    stages.run(recipe({**settings, "micro_batch": 2}), quiet=True)
    assert "2 of 4 micro-batches) is dropped and sampled anew" in capfd.readouterr().err
    logs = [log for log in lines(tmp_path / "run" / "1-srl" / "metrics.jsonl") if "loss" in log]
    assert [log["step"] for log in logs] == [1, 2, 3, 4]


def said_by_a_run_that_stops(made, folder, monkeypatch, capsys):
    """What `treadle train` says of a recipe's run that ends with the code of a fault."""
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(made.model_dump(mode="json")))
    monkeypatch.setattr(sys, "argv", ["treadle", "train", str(file)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 3
    return capsys.readouterr().err


def test_a_fault_ends_the_command_with_code_3(recipe, tmp_path, monkeypatch, capsys):  # noqa: F811
    """A random model keeps no format."""
    made = recipe({**SRL, "think_tags": "strict", "max_format_fault_steps": 1})
    said = said_by_a_run_that_stops(made, tmp_path, monkeypatch, capsys)
    assert "treadle: training stopped: every completion broke the format in 1 steps in a row" in said
    assert "Traceback" not in said


def test_limits_of_faults_reach_the_trainer_and_may_change_between_runs(recipe):  # noqa: F811
    changed = {
        "max_skipped_steps": 7,
        "quiet_steps": 8,
        "reward_seconds": 9.0,
        "max_unscorable": 0.1,
        "max_format_fault_steps": None,
        "max_collapsed_steps": None,
        "max_logp_difference": 0.3,
        "stop_on_logp_difference": True,
    }
    assert set(changed) == set(FAULT_LIMITS)
    for name in FAULT_LIMITS:
        assert OWNED[name] == name
        assert RLStage.model_fields[name].default == getattr(SRLConfig, name)
    plain, other = recipe(SRL), recipe({**SRL, **changed})
    assert identity(plain, 0, "digest") == identity(other, 0, "digest")
    sizes = stages.check(other)
    config = trainer_config(other.stages[0], other, other.output, sizes[0])
    assert {name: getattr(config, name) for name in FAULT_LIMITS} == changed
    supervised = recipe({**SFT, "max_skipped_steps": 7, "quiet_steps": 0})
    config = trainer_config(supervised.stages[0], supervised, supervised.output, stages.check(supervised)[0])
    assert (config.max_skipped_steps, config.quiet_steps) == (7, 0)
    with pytest.raises(RecipeError, match=r"unknown key .*reward_seconds"):
        recipe({**SFT, "reward_seconds": 3})
    with pytest.raises(RecipeError, match=r"trl.quiet_steps: set it by the recipe's own key quiet_steps"):
        recipe({**SRL, "trl": {"quiet_steps": 3}})


MINIATURE = {"prompts_per_step": 8, "rollouts": 8, "micro_batch": 32, "learning_rate": 2e-4, "max_collapsed_steps": 1}


def test_a_model_that_learns_raises_no_alarm_of_collapse(recipe, tmp_path):  # noqa: F811
    """The miniature's base, whose actions are short and share their form: they become like the experts', no more."""
    settings = {"think_tags": "strict", "max_completion_length": 52, "max_steps": 12}
    stages.run(recipe({**SRL, **MINIATURE, **settings}, model="miniature"), quiet=True)
    logs = [log for log in lines(tmp_path / "run" / "1-srl" / "metrics.jsonl") if "loss" in log]
    assert len(logs) == 12
    assert sum(log["reward"] for log in logs[-4:]) / 4 > logs[0]["reward"] + 0.02
    for log in logs:
        assert log["collapse/equal"] <= log["collapse/equal/experts"] + 0.01
        assert log["collapse/similarity"] == pytest.approx(log["collapse/similarity/experts"], abs=0.05)


def test_answers_that_may_be_equal_raise_no_alarm_of_collapse(recipe, tmp_path):  # noqa: F811
    """RLVR mixed with steps: whole solutions are held against the answers."""
    settings = {"step_share": 0.25, "max_completion_length": 120, "max_steps": 2}
    stages.run(recipe({**RLVR, **MINIATURE, **settings}, model="miniature"), quiet=True)
    logs = [log for log in lines(tmp_path / "run" / "1-rlvr" / "metrics.jsonl") if "loss" in log]
    assert len(logs) == 2
    assert all(log["collapse/equal"] < 0.1 and log["collapse/equal/experts"] < 0.1 for log in logs)


def test_a_collapse_ends_the_command_with_code_3_and_the_best_checkpoint_is_kept(
    recipe,  # noqa: F811
    tmp_path,
    monkeypatch,
    capsys,
):
    """A reward that a constant text earns, a learning rate that finds it, and a validation that sees through it."""
    trainers, build = [], stages.build_trainer

    def sevens(completions, **kwargs):
        sign = 1 if trainers[0].model.training else -1
        return [sign * c[0]["content"].count("7") / 6 for c in completions]

    def built(*args):
        trainers.append(build(*args))
        return trainers[-1]

    monkeypatch.setattr("treadle.recipe.build.rewards_of", lambda stage, recipe: [sevens])
    monkeypatch.setattr(stages, "build_trainer", built)
    settings = {**MINIATURE, "learning_rate": 1e-2, "max_collapsed_steps": 4, "max_steps": 60, "save_every": 2}
    made = recipe({**SRL, **settings, "validate_every": 2, "validation_rows": 8})
    said = said_by_a_run_that_stops(made, tmp_path, monkeypatch, capsys)
    assert "treadle: training stopped: completions do not depend on the prompt, in 4 steps in a row" in said
    assert "'777777'" in said
    folder, state = tmp_path / "run" / "1-srl", trainers[0].state
    equal = {log["step"]: log["collapse/equal"] for log in lines(folder / "metrics.jsonl") if "loss" in log}
    assert equal[state.best_global_step] < 0.1 < max(equal.values())
    assert (folder / f"checkpoint-{state.best_global_step}").is_dir()
    assert (folder / f"checkpoint-{state.global_step // 2 * 2}").is_dir()
