"""Stages that end well and taught nothing: said at their end, with the cause, and not passed on to the next."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.recipe.test_stages import SFT, SRL, lines, prepared, recipe  # noqa: F401, fixtures
from treadle.cli import main as cli
from treadle.errors import Interrupted, TrainingFault
from treadle.recipe import stages
from treadle.recipe.learned import NOTHING_LEARNED, untrained

STRICT = {**SRL, "allow_no_change": False}
SOME = {**STRICT, "when_short": "fill"}


def rewarding(monkeypatch, value):
    """Every stage gets this reward."""

    def reward(completions, **kwargs):
        return [value(c[0]["content"]) for c in completions]

    monkeypatch.setattr("treadle.recipe.build.rewards_of", lambda stage, _: [reward])


def digits(text):
    return sum(ch.isdigit() for ch in text) / (len(text) + 1)


def equal_weights(one, other):
    a, b = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return all(torch.equal(a[name], b[name]) for name in a)


ALL_THE_SAME = "no group had a signal (dropped: low_spread 100%)"
CASES = {
    "one reward for all": (STRICT, lambda text: 0.5, ALL_THE_SAME),
    "one reward for all, kept": ({**STRICT, "when_short": "fill"}, lambda text: 0.5, "all rewards of each group were"),
    "one reward for all, by TRL": (
        {**STRICT, "dynamic_sampling": False},
        lambda text: 0.5,
        "all completions were cut off",
    ),
    "a threshold above all": ({**STRICT, "sampling_threshold": 9.0}, digits, ALL_THE_SAME),
    "a floor above all": (
        {**STRICT, "sampling_threshold": 0.0, "sampling_floor": 0.95},
        digits,
        "no group's best reward reached sampling_floor (dropped: all_poor",
    ),
    "a floor above all, filled up, and decay alone": (
        {**STRICT, "sampling_threshold": 0.0, "sampling_floor": 0.95, "when_short": "fill", "weight_decay": 0.5},
        digits,
        "no group's best reward reached sampling_floor (dropped: all_poor",
    ),
    "no step with a rate": (
        {**SOME, "max_steps": 1, "warmup_ratio": 1.0, "scheduler": "constant_with_warmup"},
        digits,
        "the learning rate was 0 in every step",
    ),
    "decay alone": (
        {**STRICT, "weight_decay": 0.5, "when_short": "fill"},
        lambda text: 0.5,
        "all rewards of each group",
    ),
    "a rate below float32": (
        {**SOME, "learning_rate": 1e-50},
        digits,
        "the steps were smaller than the weights can hold",
    ),
    "several micro-batches": ({**STRICT, "micro_batch": 2}, lambda text: 0.5, ALL_THE_SAME),
}


@pytest.mark.parametrize("name", CASES)
def test_a_stage_that_learned_nothing_stops_the_run(name, recipe, tiny_folder, tmp_path, monkeypatch):  # noqa: F811
    stage, value, cause = CASES[name]
    rewarding(monkeypatch, value)
    made = recipe(stage, {**stage, "name": "next"})
    with pytest.raises(TrainingFault, match=r"stage 'srl' learned nothing: .* Likely cause: ") as caught:
        stages.run(made, quiet=True)
    assert cause in str(caught.value)
    assert "set stages.srl.allow_no_change=true" in str(caught.value)
    folder = tmp_path / "run" / "1-srl"
    assert (folder / "metrics.jsonl").is_file()
    assert equal_weights(folder / "model", tiny_folder) == ("decay alone" not in name)
    assert not (tmp_path / "run" / "2-next" / "model").exists()
    # The same command says the same again, and computes nothing.
    stamp = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(TrainingFault) as again:
        stages.run(made, quiet=True)
    assert str(again.value) == str(caught.value)
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == stamp


def test_what_is_allowed_goes_on_without_training_again(recipe, tmp_path, monkeypatch):  # noqa: F811
    rewarding(monkeypatch, lambda text: 0.5)
    with pytest.raises(TrainingFault):
        stages.run(recipe(STRICT, {**SFT}), quiet=True)
    stamp = (tmp_path / "run/1-srl/model/model.safetensors").stat().st_mtime_ns
    allowed = recipe({**STRICT, "allow_no_change": True}, SFT)
    final = stages.run(allowed, quiet=True)
    assert final == tmp_path / "run" / "2-sft" / "model"
    assert (tmp_path / "run/1-srl/model/model.safetensors").stat().st_mtime_ns == stamp
    assert untrained(allowed).startswith("NOT TRAINED (allow_no_change): stage 'srl' learned nothing")


@pytest.mark.parametrize("stage", [{**SOME}, {**SOME, "micro_batch": 2}, {**SFT}])
def test_a_stage_that_learned_something_says_nothing(stage, recipe, tmp_path, monkeypatch):  # noqa: F811
    rewarding(monkeypatch, digits)
    made = recipe(stage)
    stages.run(made, quiet=True)
    assert untrained(made) is None
    assert not (tmp_path / "run" / f"1-{stage['kind']}" / NOTHING_LEARNED).exists()


def test_an_adapter_that_stays_zero_is_the_base(recipe, tiny_folder, tmp_path, monkeypatch):  # noqa: F811
    """Half of it begins with random numbers and is no learning."""
    rewarding(monkeypatch, lambda text: 0.5)
    with pytest.raises(TrainingFault, match="no trained weight changed"):
        stages.run(recipe(STRICT, lora={"r": 2, "alpha": 4}), quiet=True)
    rewarding(monkeypatch, digits)
    made = recipe(SOME, lora={"r": 2, "alpha": 4}, output=str(tmp_path / "other"))
    stages.run(made, quiet=True)
    assert untrained(made) is None


def test_sft_without_a_rate(recipe, tiny_folder, tmp_path):  # noqa: F811
    with pytest.raises(TrainingFault, match=r"stage 'sft' learned nothing: no trained weight .* learning rate was 0"):
        stages.run(recipe({**SFT, "max_steps": 1}), quiet=True)
    assert equal_weights(tmp_path / "run/1-sft/model", tiny_folder)


def test_a_model_that_never_writes_the_format(recipe, tmp_path):  # noqa: F811
    with pytest.raises(TrainingFault, match=r"learned nothing: .* every completion broke the format \(truncated 97%"):
        stages.run(recipe({**STRICT, "think_tags": "strict", "max_format_fault_steps": None}), quiet=True)


def test_the_command_ends_with_code_3_and_does_not_say_that_a_model_is_trained(
    recipe,  # noqa: F811
    tmp_path,
    monkeypatch,
    capsys,
):
    rewarding(monkeypatch, lambda text: 0.5)
    from treadle.recipe.reading import resolved

    def train(stage):
        (tmp_path / "r.yaml").write_text(resolved(recipe(stage)))
        monkeypatch.setattr("sys.argv", ["treadle", "train", str(tmp_path / "r.yaml")])
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code, capsys.readouterr()
        raise AssertionError

    code, (out, err) = train(STRICT)
    assert code == 3
    assert "the trained model is in" not in out
    last = [line for line in err.splitlines() if line.startswith("treadle:")][-1]
    assert last.startswith(
        "treadle: training stopped: stage 'srl' learned nothing: no trained weight changed in 2 steps"
    )
    code, (out, err) = train({**STRICT, "allow_no_change": True})
    assert code in (0, None)
    assert out.splitlines()[-1].startswith("NOT TRAINED (allow_no_change): stage 'srl' learned nothing")


def test_a_stage_that_goes_on_is_held_against_its_beginning(recipe, tmp_path, monkeypatch):  # noqa: F811
    """Interrupted after weights have changed, and going on with rewards that change nothing more: it has learned."""
    calls = []

    def reward(completions, **kwargs):
        calls.append(len(completions))
        return [digits(c[0]["content"]) if calls[0] else 0.5 for c in completions]

    monkeypatch.setattr("treadle.recipe.build.rewards_of", lambda stage, _: [reward])
    made = recipe({**SOME, "max_steps": 2, "save_every": 1, "max_sampling_rounds": 1})
    saved = stages.save
    monkeypatch.setattr(stages, "save", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(Interrupted):
        stages.run(made, quiet=True)
    monkeypatch.setattr(stages, "save", saved)
    calls[:] = [0]
    stages.run(made, quiet=True)
    assert calls == [0], "both steps were in the checkpoint"
    assert untrained(made) is None
    assert [log["step"] for log in lines(tmp_path / "run/1-srl/metrics.jsonl") if "loss" in log] == [1, 2]
