"""`treadle evaluate --update-card` from the command line: refused early, written once, and after a regrading."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import ModelCard

CARD = "---\nlicense: mit\n---\n# Mine\n\n<!-- treadle:evaluation -->\n<!-- /treadle:evaluation -->\n"


@pytest.fixture
def command(tiny_folder, tmp_path):
    problems = tmp_path / "mini.jsonl"
    problems.write_text("".join(json.dumps({"problem": f"What is {n}?", "answer": str(n)}) + "\n" for n in range(2)))
    run = ("evaluate", tiny_folder, "-o", tmp_path / "out", "--data", problems, "--mode", "whole")
    return (*run, "--max-new-tokens", "4", "--update-card")


def test_a_foreign_card_ends_the_command_before_anything_is_generated(treadle, command, tiny_folder, tmp_path):
    (tiny_folder / "README.md").write_text("# Somebody's\n")
    code, _, err = treadle(*command)
    assert code == 2
    assert "README.md: was not written by treadle" in err
    assert not (tmp_path / "out").exists()


def test_figures_are_written_once(treadle, command, tiny_folder, tmp_path):
    path = tiny_folder / "README.md"
    path.write_text(CARD)
    code, out, err = treadle(*command)
    assert code == 0, err
    assert f"the results are in the model's card, {path}" in out
    first = path.read_text()
    (entry,) = ModelCard(first).data.eval_results
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    accuracy = results["benchmarks"]["mini"]["modes"]["whole"]["greedy"]["accuracy"]
    assert entry.metric_value == accuracy["value"]
    assert entry.metric_args["interval_95"] == [round(accuracy["low"], 4), round(accuracy["high"], 4)]
    assert entry.metric_args["sha256"] == results["benchmarks"]["mini"]["sha256"]
    assert treadle("evaluate", "--regrade", tmp_path / "out", "--update-card")[0] == 0
    assert path.read_text() == first
