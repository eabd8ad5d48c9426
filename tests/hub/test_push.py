"""What is sent of a model, to whom, and what is said where it cannot be, against a stand-in of the hub."""

from __future__ import annotations

import json
import os
import re
import sys
from io import TextIOWrapper
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load

from tests.cli.conftest import treadle
from tests.hub.stand_in import TOKEN, standing_in
from treadle.cli.questions import confirmed, nothing_asked
from treadle.errors import ModelError
from treadle.hub.finished import Finished, finished
from treadle.hub.push import LARGEST, PushError, Target, check_target

__all__ = ["treadle"]  # a fixture

CARD = "---\nlicense: mit\n---\n# A model\n"
OWN = {
    "README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json", "treadle_chat.json",
}  # fmt: skip
SECRET = "sk-proj-" + "Ab1" * 16


@pytest.fixture
def hub(monkeypatch):
    with standing_in() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


@pytest.fixture
def model(tiny_folder, tmp_path):
    """A stage as a run leaves it, and things that somebody has put into its model's folder."""
    stage = tmp_path / "run" / "1-srl"
    stage.mkdir(parents=True)
    for name in ("metrics.jsonl", "rollouts.jsonl", "stage.json"):
        (stage / name).write_text("{}\n")
    folder = tiny_folder.rename(stage / "model")
    (folder / "README.md").write_text(CARD)
    (folder / "treadle_chat.json").write_text("{}")
    planted = {
        "rollouts.jsonl": "{}", ".env": f"KEY={SECRET}", "optimizer.bin": "x", "training_args.bin": "x", "id_rsa": "x",
        "runs/events.out.tfevents.1": "x", "notes.md": SECRET, ".treadle.lock": "1",
    }  # fmt: skip
    for name, content in planted.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return folder


def test_a_models_own_files_go_to_a_private_repository(treadle, hub, model):
    code, out, err = treadle("push", model, "me/mine", "--yes")
    assert code == 0, err
    assert hub.repositories == {"me/mine": True}
    assert hub.files.keys() == OWN
    assert all(hub.files[name] == (model / name).read_bytes() for name in OWN)
    assert load(hub.files["model.safetensors"]).keys()
    assert not any(SECRET.encode() in body or TOKEN.encode() in body for body in hub.sent)
    of_the_library = {"/api/agent-harnesses"}  # huggingface_hub asks that for itself
    assert {token for token, path in hub.tokens if path not in of_the_library} == {f"Bearer {TOKEN}"}
    assert TOKEN not in out + err
    assert "8 files" in out
    assert "to me/mine (private)" in out
    for name in ("rollouts.jsonl", ".env", "runs/events.out.tfevents.1", "id_rsa"):
        assert name in out.partition("left out, as they are no files of a model: ")[2]
    assert f"the model is at {hub.url}/me/mine (private)" in out
    assert "warning" not in out


def test_public_is_asked_for_and_a_public_repository_gets_nothing_by_mistake(treadle, hub, model):
    code, out, _ = treadle("push", model, "me/open", "--public", "--yes")
    assert (code, hub.repositories) == (0, {"me/open": False})
    assert "public: everybody may see it" in out
    hub.files.clear()
    code, _, err = treadle("push", model, "me/open", "--yes")
    assert code == 2
    assert "me/open: is there already, and public; nothing was sent" in err
    assert hub.files == {}


def test_without_a_terminal_nothing_is_sent_without_yes(treadle, hub, model):
    code, out, err = treadle("push", model, "me/mine")
    assert code == 2
    assert "model.safetensors" in out, "the list is shown"
    assert "add --yes to send it" in err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("answer", "sent"), [("yes\n", True), ("Y\n", True), ("no\n", False), ("\n", False), ("", False)]
)
def test_only_yes_confirms(monkeypatch, capfd, answer, sent):
    ours, theirs = os.openpty()
    os.write(ours, answer.encode() or b"\x04")
    with os.fdopen(theirs, "rb", buffering=0) as stream:
        terminal = TextIOWrapper(stream)
        monkeypatch.setattr(sys, "__stdin__", terminal)
        monkeypatch.setattr(sys, "stdin", terminal)
        with nothing_asked():
            assert confirmed("send?", "") is sent
    os.close(ours)


def test_an_interrupted_upload_goes_on(treadle, hub, model):
    hub.lost = 1
    code, _, err = treadle("push", model, "me/mine", "--yes")
    assert (code, hub.files) == (2, {})
    assert "treadle: error: me/mine: the hub refuses, status 404: gone" in err
    assert treadle("push", model, "me/mine", "--yes")[0] == 0
    (model / "README.md").write_text(CARD + "more\n")
    assert treadle("push", model, "me/mine", "--yes")[0] == 0
    assert hub.files["README.md"].endswith(b"more\n")
    assert sum(method == "PUT" for method, _ in hub.requests) == 2, "weights that have arrived are not sent again"


@pytest.mark.parametrize(
    ("place", "status", "said", "message"),
    [
        ("/api/repos/create", 401, "Invalid username or password.", "does not know the token .*hf auth login"),
        ("/api/repos/create", 403, "You don't have the rights", "the token may not write there .*right to write"),
        ("/api/models/me/mine/commit", 403, "Forbidden", "the token may not write there"),
        ("/storage", 413, "too large", "a file is too big for the hub .*smaller parts"),
        ("/api/repos/create", 400, f"bad name {TOKEN}", r"the hub refuses, status 400: .*bad name \*\*\*"),
    ],
)
def test_what_the_hub_refuses_is_one_line_without_the_token(treadle, hub, model, place, status, said, message):
    hub.refuse[place] = (status, said)
    code, out, err = treadle("push", model, "me/mine", "--yes")
    lines = [line for line in err.splitlines() if "treadle: error:" in line]
    assert (code, len(lines)) == (2, 1)
    assert "Traceback" not in err
    assert re.search(message, lines[0]), lines
    assert TOKEN not in out + err


def test_no_connection_no_login_and_a_wrong_name_are_one_line(treadle, hub, model, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, _, err = treadle("push", model, "me/mine", "--yes")
    assert code == 2
    assert "the hub cannot be reached" in err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in treadle("push", model, "me/mine", "--yes")[2]
    for name in ("a/b/c", "me/--x", "", "me/a b"):
        code, _, err = treadle("push", model, name, "--yes")
        assert code == 2
        assert "is no name of a repository" in err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(model / "no-token"))
    code, _, err = treadle("push", model, "me/mine", "--yes")
    assert "nobody is logged in to the hub: there is no token; log in with `hf auth login`" in err
    assert hub.requests == []


def test_a_file_that_is_too_big_is_refused_before_anything_is_sent():
    with pytest.raises(PushError, match="has 500,000,000,001 bytes, and the hub takes at most 500,000,000,000 a file"):
        check_target(Target("me/mine"), Finished(Path("m"), {"model.safetensors": LARGEST + 1}))


def test_folders_that_are_no_finished_model_are_refused(model, tmp_path):
    stage = model.parent
    with pytest.raises(ModelError, match=rf"is a stage's folder.*treadle push {model} REPO"):
        finished(stage)
    with pytest.raises(ModelError, match=rf"is a run's folder.*treadle push {model} REPO"):
        finished(stage.parent)
    with pytest.raises(ModelError, match="no such folder"):
        finished(tmp_path / "nothing")
    adapter = stage / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=rf"is an adapter and no whole model; push .* treadle push {model} REPO"):
        finished(adapter)
    checkpoint = stage / "checkpoint-2"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text("{}")
    with pytest.raises(ModelError, match="is a checkpoint of a stage that has not ended"):
        finished(checkpoint)
    (model / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json, so this is not a model folder"):
        finished(model)


@pytest.mark.parametrize("name", ["README.md", "treadle_chat.json", "chat_template.jinja"])
def test_a_secret_in_a_file_that_would_be_sent_is_refused(treadle, hub, model, name):
    with (model / name).open("a") as file:
        file.write(f"\n{SECRET}\n")
    code, out, err = treadle("push", model, "me/mine", "--yes")
    assert code == 2
    assert f"{name}: holds an OpenAI key" in err
    assert SECRET not in out + err
    assert hub.requests == []


def test_links_and_pickled_weights_are_refused(model, tmp_path):
    weights = model / "model.safetensors"
    real = weights.rename(tmp_path / "elsewhere.safetensors")
    weights.symlink_to(real)
    with pytest.raises(ModelError, match=r"model\.safetensors: is a link"):
        finished(model)
    weights.unlink()
    torch.save({"x": torch.zeros(1)}, model / "pytorch_model.bin")
    with pytest.raises(ModelError, match="its weights are pickled"):
        finished(model)


@pytest.mark.parametrize(("card", "said"), [(None, "no README.md"), ("# A model\n", "names no licence")])
def test_a_card_that_lacks_something_is_warned_of_and_sent(treadle, hub, model, card, said):
    path = model / "README.md"
    path.unlink() if card is None else path.write_text(card)
    (model.parent / "nothing_learned.json").write_text(json.dumps({"what": "x", "cause": "y", "steps": 1}))
    code, out, _ = treadle("push", model, "me/mine", "--yes")
    assert code == 0
    assert f"warning: {said}" in out.replace("README.md names", "names")
    assert "warning: this model has learned nothing" in out
