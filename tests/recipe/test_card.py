"""The card of a real tiny stage: what it says, what it keeps to itself, and that a continued run writes the same."""

from __future__ import annotations

import json

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.recipe.test_resuming_stages import LONG, stop_at, stopped_run
from tests.recipe.test_stages import SFT, SRL, lines, prepared, recipe
from treadle.data.prepared import Prepared
from treadle.recipe import stages
from treadle.recipe.card.base import base_of, shown_path
from treadle.recipe.card.recipe_text import recipe_text
from treadle.recipe.folders import check_finished
from treadle.recipe.reading import parse_recipe

__all__ = ["prepared", "recipe", "stop_at"]  # fixtures

LICENSED = "---\nlicense: mit\nlicense_link: https://example.org/mit\nbase_model: someone/else\n---\n# A base\n"


def test_a_stage_leaves_one_card_and_it_is_right(recipe, prepared, tiny_folder, tmp_path):
    (tiny_folder / "README.md").write_text(LICENSED)
    srl = {**SRL, "validate_every": 1, "max_completion_length": 300, "validation_rows": 4}
    model = stages.run(recipe(SFT, srl), quiet=True)
    assert {path.parent for path in (tmp_path / "run").rglob("README.md")} == {model, tmp_path / "run/1-sft/model"}
    card = ModelCard.load(model / "README.md")
    front = card.data.to_dict()
    assert front == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["treadle", "trl", "srl", "grpo"],
        "license": "mit",
        "license_link": "https://example.org/mit",
    }, "a folder that is no model of the hub is no `base_model`, and neither is what its own card names"
    text = card.text
    assert str(tmp_path) not in str(card), "no path of the machine"
    assert "`tiny`, trained with treadle by Supervised Reinforcement Learning" in text
    assert "1. `sft`" in text
    assert "2. `srl`" in text
    data = Prepared(prepared)
    for split in ("train", "heldout"):
        counts = f"{data.count('trajectories', split)} | {data.count('instances', split)}"
        assert f"| {split} | {counts} | `{data.digest(split)}` |" in text
    shown = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert (shown["model"], shown["data"], shown["output"]) == ("tiny", "data", "run")
    assert [stage["kind"] for stage in shown["stages"]] == ["sft", "srl"]
    assert shown["stages"][1]["clip_low"] == 0.2, "with the defaults"
    steps = [log for log in lines(tmp_path / "run/2-srl/metrics.jsonl") if "loss" in log]
    reward = sum(log["reward"] for log in steps) / len(steps)
    assert f"| `reward` | reward of a completion | {reward:.4g} |  |" in text
    similarity = [log["similarity"] for log in steps if log.get("similarity") is not None]
    mean, floor = sum(similarity) / len(similarity), round(data.floor, 4)
    assert f"expert's action | {mean:.4g} | {floor:.4g} |" in text
    best = json.loads((tmp_path / "run/2-srl/best.json").read_text())
    assert f"those of step {best['step']}, the best by `eval_reward` on held-out rows: {best['value']:.4g}" in text
    for word in ("treadle 0", "trl 1.", "torch ", "licence of the model that it was trained from is named as mit"):
        assert word in text
    assert "similarity" not in ModelCard.load(tmp_path / "run/1-sft/model/README.md").text.partition("## Recipe")[0]


def test_a_continued_run_writes_the_same_card_and_editing_it_harms_nothing(recipe, stop_at, tmp_path):
    straight = stages.run(recipe(LONG, output=str(tmp_path / "straight" / "run")), quiet=True)
    folder = stopped_run(recipe, stop_at, tmp_path)
    assert not (folder / "README.md").exists(), "TRL writes one with each checkpoint"
    continued = stages.run(recipe(LONG), quiet=True)
    assert (continued / "README.md").read_text() == (straight / "README.md").read_text()
    (continued / "README.md").write_text("edited")
    check_finished(folder)
    stages.run(recipe(LONG), quiet=True)
    assert (continued / "README.md").read_text() == "edited"


def test_an_adapter_has_a_card_of_its_own_instead_of_pefts(recipe, tmp_path):
    stages.run(recipe({**SRL, "max_steps": 1}, lora={"r": 2, "alpha": 4}), quiet=True)
    alone, merged = (ModelCard.load(tmp_path / "run/1-srl" / name / "README.md") for name in ("adapter", "model"))
    assert (alone.data.library_name, merged.data.library_name) == ("peft", "transformers")
    assert "LoRA adapter alone" in alone.text
    assert "More Information Needed" not in alone.text


@pytest.fixture
def content(prepared):
    of_the_machine = {"vllm_server_host": "10.0.0.7", "accelerator_config": "/scratch/a.json"}
    stages = [{"kind": "srl", "trl": of_the_machine}, {"kind": "rlvr"}]
    return {"model": "owner/model", "data": str(prepared), "output": "/home/somebody/runs/mine", "stages": stages}


def test_a_recipe_is_shown_without_places(content):
    shown = yaml.safe_load(recipe_text(parse_recipe(content), 0))
    assert (shown["model"], shown["output"], len(shown["stages"])) == ("owner/model", "mine", 1)
    assert shown["stages"][0]["trl"] == {"accelerator_config": "a.json"}


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/a/b/run/1-srl/model", "run/1-srl/model"), ("/a/models/qwen", "qwen"), ("rows.jsonl", "rows.jsonl")],
)
def test_paths_are_shown_by_their_names(path, shown):
    assert shown_path(path) == shown


def test_what_is_known_of_a_base(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert base_of("miniature").licence == {"license": "apache-2.0"}
    hub = base_of("nobody/nothing-of-this-name")
    assert (hub.hub_id, hub.licence) == ("nobody/nothing-of-this-name", {})
    snapshot = tmp_path / "models--Owner--A-1b" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "README.md").write_text("---\nlicense: other\nlicense_name: own\n---\n")
    found = base_of(str(snapshot))
    assert (found.hub_id, found.licence) == ("Owner/A-1b", {"license": "other", "license_name": "own"})
    trained = tmp_path / "run" / "1-srl" / "model"
    trained.mkdir(parents=True)
    (trained / "README.md").write_text("---\nbase_model: Owner/A-1b\nlicense: mit\ntags: [treadle, srl]\n---\n")
    found = base_of(str(trained))
    assert (found.name, found.hub_id, found.trained) == ("`run/1-srl/model`", "Owner/A-1b", True)
    for broken in ("---\nlicense: [\n---\n", "---\n- a\n---\n", "---\nlicense: 3\n---\n", "no front matter", "\0\xff"):
        (snapshot / "README.md").write_text(broken, encoding="latin-1")
        assert base_of(str(snapshot)).licence == {}
