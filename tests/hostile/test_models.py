"""Folders of models and tokenizers: nothing in them is executed unless one flag or one key of a recipe says so."""

from __future__ import annotations

import json
import re

import pytest

from tests.hostile import folders
from tests.hostile.driver import TRACEBACK
from tests.hostile.folders import MARK
from treadle.chat import template as chat_template
from treadle.chat.chat import Chat
from treadle.errors import ModelError
from treadle.recipe.models import load_tokenizer

YES = b"y\n" * 50
NOT_RUN = "not executed"
FLAG = "--trust-remote-code"
RECIPE = {"kind": "srl", "max_steps": 1, "prompts_per_step": 2, "rollouts": 2, "micro_batch": 2, "kl": 0.01}
RECIPE |= {"allow_no_change": True}


@pytest.fixture
def mark(scratch):
    return scratch / MARK


@pytest.fixture
def run(treadle, solutions, scratch):
    """A command by its name, with a model; each is asked whether it runs code, by a `y` that is piped in."""
    assert treadle("prepare", solutions, "-o", "prepared", "--held-out", "0").code == 0
    (scratch / "q.jsonl").write_text(json.dumps({"problem": "1 + 1?", "answer": "2"}) + "\n")

    def call(command, model, *more, stage=None):
        stage = {**RECIPE, "max_completion_length": 8, "dynamic_sampling": False, **(stage or {})}
        content = {"model": str(model), "data": "prepared", "output": "run", "stages": [stage]}
        (scratch / "r.yaml").write_text(json.dumps(content))
        arguments = {
            "prepare": ("prepare", solutions, "-o", "again", "--tokenizer", model),
            "plan": ("plan", "r.yaml"),
            "check": ("check", model),
            "check recipe": ("check", "r.yaml"),
            "dry run": ("train", "r.yaml", "--dry-run"),
            "train": ("train", "r.yaml"),
            "evaluate": ("evaluate", model, "-o", "e", "--data", "q.jsonl", "--mode", "whole", "--max-new-tokens", "4"),
        }[command]
        return treadle(*arguments, *more, stdin=YES)

    return call


OPENING = ("plan", "check", "check recipe", "dry run", "train", "evaluate")


@pytest.mark.parametrize("command", OPENING)
def test_code_of_a_foreign_kind(command, run, scratch, mark):
    outcome = run(command, folders.foreign_type(scratch / "m", mark))
    assert outcome.code == 2
    assert not mark.exists()
    text = re.sub(r"\s+", " ", outcome.out if "check" in command else outcome.refused(NOT_RUN))
    assert FLAG in text
    assert "trust_remote_code: true" in text


@pytest.mark.parametrize("command", ["prepare", *OPENING])
@pytest.mark.parametrize("maker", [folders.known_type, folders.tokenizer_code])
def test_code_instead_of_what_transformers_has(maker, command, run, scratch, mark):
    """transformers' own classes stand for it, which is said where a model is used, and not in silence."""
    outcome = run(command, maker(scratch / "m", mark))
    assert outcome.code == 0, outcome
    assert not mark.exists()
    assert not TRACEBACK.search(outcome.err)
    if command in ("dry run", "train", "evaluate"):
        assert NOT_RUN in outcome.err
        assert FLAG in outcome.err


@pytest.mark.parametrize(
    ("maker", "command", "said"),
    [
        (folders.kernel, "plan", "somebody/attention"),
        (folders.kernel, "train", "somebody/attention"),
        (folders.kernel, "evaluate", "somebody/attention"),
        (folders.adapter, "train", "adapter_config.json"),
        (folders.adapter, "evaluate", "adapter_config.json"),
        (folders.pickled, "train", "pickled weights"),
        (folders.pickled, "evaluate", "pickled weights"),
        (folders.bare_pickle, "evaluate", "pickled weights"),
        (folders.escaping, "prepare", "__class__"),
        (folders.escaping, "evaluate", "__class__"),
        (folders.bloated, "prepare", "MiB of memory"),
        (folders.bloated, "plan", "MiB of memory"),
    ],
)
def test_what_else_a_folder_brings(maker, command, said, run, scratch, mark):
    outcome = run(command, maker(scratch / "m", mark))
    assert "/m" in outcome.refused(said)
    assert not mark.exists()
    assert outcome.mib < 1500


@pytest.mark.parametrize("command", ["plan", "check", "evaluate"])
def test_code_that_is_asked_for_runs(command, run, scratch, mark):
    outcome = run(command, folders.foreign_type(scratch / "m", mark), FLAG)
    assert outcome.code == 0, outcome
    assert mark.exists()
    if command == "evaluate":
        info = json.loads((scratch / "e" / "run.json").read_text())
        assert info["backend"]["trust_remote_code"] is True
        assert info["identity"]["trust_remote_code"] is True


def test_code_of_a_tokenizer_that_is_asked_for_runs(run, scratch, mark):
    assert run("prepare", folders.tokenizer_code(scratch / "m", mark), FLAG).code == 0
    assert mark.exists()
    assert json.loads((scratch / "again" / "report.json").read_text())["settings"]["trust_remote_code"] is True


def test_a_recipe_that_asks_for_code(run, scratch, mark):
    """It trains, with a reference model beside it, and is recorded; without the key it is another run."""
    model = folders.foreign_type(scratch / "m", mark)
    outcome = run("train", model, "trust_remote_code=true")
    assert outcome.code == 0, outcome
    assert mark.exists()
    assert "trust_remote_code: true" in (scratch / "run" / "recipe.yaml").read_text()
    assert json.loads((scratch / "run" / "1-srl" / "stage.json").read_text())["trust_remote_code"] is True
    mark.unlink()
    run("train", model).refused(NOT_RUN)
    assert not mark.exists()


def test_a_run_that_goes_on_with_another_answer(run, scratch, mark):
    """The same folder, with and without its code, is not the same model."""
    model = folders.known_type(scratch / "m", mark)
    assert run("train", model).code == 0
    outcome = run("train", model, "trust_remote_code=true")
    assert (outcome.code, "made by another recipe" in outcome.err) == (2, True), outcome
    assert run("evaluate", model).code == 0
    outcome = run("evaluate", model, FLAG)
    assert outcome.code == 2
    assert "trust_remote_code: None there, True now" in outcome.err


@pytest.mark.parametrize(
    ("trl", "said"),
    [
        ({"trust_remote_code": True}, "trust_remote_code (beside `model`)"),
        ({"model_init_kwargs": {"trust_remote_code": True}}, "model_init_kwargs"),
        ({"model_init_kwargs": '{"trust_remote_code": true}'}, "model_init_kwargs"),
    ],
)
def test_what_a_recipe_hands_through_does_not_ask_for_code(trl, said, run, scratch, mark):
    run("dry run", folders.foreign_type(scratch / "m", mark), stage={"trl": trl}).refused(said)
    assert not mark.exists()


def test_the_key_is_true_or_false(run, scratch, mark):
    run("dry run", folders.copy(scratch / "m"), "trust_remote_code='yes'").refused("trust_remote_code")


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 10**9), ("num_hidden_layers", 10**9), ("vocab_size", 10**12), ("num_attention_heads", -1)],
)
@pytest.mark.parametrize("command", ["plan", "evaluate"])
def test_sizes_that_no_model_has(command, name, value, run, scratch):
    model = folders.copy(scratch / "m")
    folders.change(model / "config.json", **{name: value})
    outcome = run(command, model)
    outcome.refused("m/config.json", f"{name} is {value:,}")
    assert outcome.seconds < 10
    assert outcome.mib < 200


def test_a_template_that_does_not_end(scratch, mark, monkeypatch):
    monkeypatch.setattr(chat_template, "SECONDS", 0.2)
    with pytest.raises(ModelError, match=r"does not end after 0\.2 seconds"):
        Chat(load_tokenizer(str(folders.endless(scratch / "m", mark))))
