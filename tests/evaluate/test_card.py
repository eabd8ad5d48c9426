"""Results in a model's card: once each, with their intervals, and nothing of anybody else's text."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import ModelCard

from tests.evaluate.run_folders import write_run
from treadle.errors import OutputError
from treadle.evaluate.card import check_card, update_card

BEGIN, END = "<!-- treadle:evaluation -->", "<!-- /treadle:evaluation -->"
CARD = f"""---
license: mit
language: en
model-index:
- name: mine
  results:
  - task:
      type: text-generation
    dataset:
      name: Other
      type: someone/other
    metrics:
    - type: accuracy
      value: 0.5
---
# My model

Mine.

{BEGIN}
None.
{END}

Also mine.
"""
ARM = ("amc23", "whole", "greedy")


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    return folder


def run_of(folder, model, right, **changes):
    write_run(folder, right, model=str(model), **changes)
    return folder


def test_results_stand_once_and_all_else_stays(model, tmp_path):
    sampled = ("amc23", "whole", "sampled")
    run = run_of(tmp_path / "run", model, {ARM: [[1], [0], [1], [1]], sampled: [[1, 0], [0, 0], [1, 1], [1, 0]]})
    path = update_card(run)
    first = path.read_text()
    assert update_card(run) == path
    assert path.read_text() == first, "the same again changes nothing"
    card = ModelCard(first)
    other, *found = sorted(card.data.eval_results, key=lambda entry: entry.dataset_name != "Other")
    assert (other.dataset_name, other.metric_value, card.data.model_name) == ("Other", 0.5, "mine")
    assert (card.data.license, card.data.language) == ("mit", "en")
    by_name = {entry.metric_name: entry for entry in found}
    assert by_name.keys() == {"accuracy, whole solutions, greedy", "Avg@2, whole solutions, sampled"}
    greedy, average = by_name["accuracy, whole solutions, greedy"], by_name["Avg@2, whole solutions, sampled"]
    assert (greedy.metric_value, average.metric_value) == (0.75, 0.5)
    assert greedy.dataset_type == "math-ai/amc23"
    # Wilson, 3 in 4, by hand: (3 + 1.92073) / (4 + 3.84146) -+ 1.95996 / 7.84146 * sqrt(3 * 1 / 4 + 0.96036)
    assert greedy.metric_args["interval_95"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    digest = json.loads((run / "run.json").read_text())["benchmarks"][0]["sha256"]
    assert greedy.metric_args["sha256"] == digest
    assert "temperature" not in greedy.metric_args
    assert average.metric_args["temperature"] == 1.0
    assert "| amc23 | accuracy, whole solutions, greedy | 75.0% | 30.1% to 95.4% | 4 |" in card.text
    assert f"`{digest[:16]}`" in card.text
    before, after = CARD.partition(BEGIN)[0].partition("---\n# ")[2], CARD.partition(END)[2]
    assert before in first
    assert first.endswith(after)
    assert "None." not in card.text


def test_other_figures_are_added_and_newer_ones_replace(model, tmp_path):
    update_card(run_of(tmp_path / "a", model, {ARM: [[1], [0]]}))
    update_card(run_of(tmp_path / "b", model, {ARM: [[1], [1]]}, grader="rules 2"))
    update_card(run_of(tmp_path / "c", model, {ARM: [[0], [0]]}, settings={"max_new_tokens": 64}))
    path = update_card(run_of(tmp_path / "d", model, {("aime24", "loop", "greedy"): [[1], [1], [0]]}))
    found = [e for e in ModelCard(path.read_text()).data.eval_results if e.dataset_name != "Other"]
    by_set = [(e.dataset_name, e.metric_value, e.metric_args.get("max_new_tokens")) for e in found]
    assert sorted(by_set, key=str) == [("aime24", 0.6667, None), ("amc23", 0.0, 64), ("amc23", 1.0, 4096)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such card; write one and add these two lines"),
        ("# Somebody's own\n", "was not written by treadle"),
        (CARD + CARD, "was not written by treadle"),
        (CARD.replace("license: mit", "license: ["), "front matter is not what the hub reads"),
        (CARD.replace("  results:", "  outcome:"), "front matter is not what the hub reads"),
    ],
)
def test_a_foreign_card_is_refused_and_stays(model, tmp_path, content, message):
    path = model / "README.md"
    path.unlink() if content is None else path.write_text(content)
    run = run_of(tmp_path / "run", model, {ARM: [[1], [0]]})
    with pytest.raises(OutputError, match=message):
        check_card(str(model))
    with pytest.raises(OutputError, match=message):
        update_card(run)
    assert (path.read_text() if path.exists() else None) == content


def test_no_folder_and_another_model_than_was_evaluated_are_refused(model, tmp_path):
    with pytest.raises(OutputError, match="org/model is no folder of this computer"):
        check_card("org/model")
    run = run_of(tmp_path / "run", model, {ARM: [[1], [0]]})
    info = json.loads((run / "run.json").read_text())
    info["identity"] = {**info.get("identity", {}), "model content": "0123"}
    (run / "run.json").write_text(json.dumps(info))
    with pytest.raises(OutputError, match="is not the model that was evaluated"):
        update_card(run)
    assert (model / "README.md").read_text() == CARD
