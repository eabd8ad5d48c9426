"""Checkpoints whose files were replaced, with a manifest that says they are whole: nothing in them is executed."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil

import pytest
import torch

from tests.hostile.folders import MARK, Evil
from treadle.training.resume.checkpoints import problem_of

RECIPE = {
    "model": "miniature",
    "data": "prepared",
    "output": "run",
    "stages": [
        {
            "kind": "srl",
            "max_steps": 2,
            "prompts_per_step": 2,
            "rollouts": 2,
            "micro_batch": 2,
            "save_every": 1,
            "max_completion_length": 8,
            "dynamic_sampling": False,
            "allow_no_change": True,
        }
    ],
}
FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "shared_state.pt", "process_state_0.pt")


def saved(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that stopped after the first of two steps."""
    from tests.hostile.driver import drive

    scratch = tmp_path_factory.mktemp("stopped") / "scratch"
    scratch.mkdir()
    row = {"id": "p", "domain": "math", "problem": "What is 1 + 1 + 1?"}
    steps = [{"title": "Add", "action": "1 + 1 = 2."}, {"title": "Add one", "action": "2 + 1 = 3."}]
    (scratch / "s.jsonl").write_text(
        "".join(
            json.dumps({**row, "id": f"p{n}", "problem": f"{row['problem']} {n}", "steps": steps}) + "\n"
            for n in "abcd"
        )
    )
    assert drive(scratch, "prepare", "s.jsonl", "-o", "prepared", "--held-out", "0").code == 0
    (scratch / "r.yaml").write_text(json.dumps(RECIPE))
    outcome = drive(scratch, "train", "r.yaml", "max_hours=0.00001", seconds=120)
    assert outcome.code == 130, outcome
    return scratch


@pytest.fixture
def checkpoint(stopped, scratch):
    """The checkpoint of a copy of that run in the scratch folder."""
    shutil.copytree(stopped, scratch, dirs_exist_ok=True)
    return scratch / "run" / "1-srl" / "checkpoint-1"


def replace(checkpoint, name, content):
    """A file of a checkpoint, and what the manifest says of it."""
    (checkpoint / name).write_bytes(content)
    manifest = json.loads((checkpoint / "checkpoint.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (checkpoint / "checkpoint.json").write_text(json.dumps(manifest))


def test_a_whole_checkpoint_has_no_problem(checkpoint):
    assert problem_of(checkpoint) is None


@pytest.mark.parametrize("kind", ["archive", "bare pickle", "empty", "list", "cut"])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_state_is_named(name, kind, checkpoint, scratch):
    mark = scratch / MARK
    whole = (checkpoint / name).read_bytes()
    content = {
        "archive": saved({"x": Evil(mark)}),
        "bare pickle": pickle.dumps(Evil(mark)),
        "empty": b"",
        "list": saved([1, 2]),
        "cut": whole[: len(whole) // 2],
    }[kind]
    replace(checkpoint, name, content)
    assert name in problem_of(checkpoint)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trainer_state.json", b"[]"),
        ("trainer_state.json", b'{"global_step": '),
        ("trainer_state.json", b'{"other": 1}'),
        ("model.safetensors", (2**60).to_bytes(8, "little") + b"{}"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
        ("model.safetensors", b""),
        ("rng_state.pth", saved({"x": 1})),
    ],
)
def test_other_files_that_lie(name, content, checkpoint):
    replace(checkpoint, name, content)
    assert name in problem_of(checkpoint)


@pytest.mark.parametrize("content", [b"[]", b'{"files": 3}', b'{"files": {"a": 3}}', b'{"files": {"a": {}}}'])
def test_a_manifest_of_another_form(content, checkpoint):
    (checkpoint / "checkpoint.json").write_bytes(content)
    assert "checkpoint.json" in problem_of(checkpoint)


@pytest.mark.parametrize("name", ["optimizer.pt", "shared_state.pt"])
def test_train_executes_nothing_and_says_what_to_remove(name, checkpoint, treadle, scratch):
    replace(checkpoint, name, saved({"x": Evil(scratch / MARK)}))
    outcome = treadle("train", "r.yaml", seconds=120)
    assert outcome.code == 2, outcome
    outcome.is_clean()
    error = outcome.err.splitlines()[-1]
    assert name in error
    assert "rm -r run/1-srl" in error
    assert not (scratch / MARK).exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "process_state_0.pt"])
def test_train_refuses_a_state_of_another_shape(name, checkpoint, treadle):
    replace(checkpoint, name, saved({"x": torch.ones(2)}))
    outcome = treadle("train", "r.yaml", seconds=120)
    assert outcome.code == 2, outcome
    assert name in outcome.err.splitlines()[-1]
    assert "rm -r run/1-srl/checkpoint-1" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_shared_state_of_other_keys_says_which(checkpoint, treadle):
    replace(checkpoint, "shared_state.pt", saved({"layout": [1, 2], "x": torch.ones(2)}))
    treadle("train", "r.yaml", seconds=120).refused(
        "shared_state.pt", "has no seconds, total_loss", "found layout, x", "rm -r run/1-srl/checkpoint-1"
    )
