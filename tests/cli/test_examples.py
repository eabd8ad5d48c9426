"""The examples in the help run, as they stand, in the order in which a user comes to them."""

from __future__ import annotations

import json
import shlex

from tests.cli.test_help import ROOT, example_of
from treadle.data.sources.native import to_row


def test_from_a_file_to_a_recipe_and_its_checks(treadle, expert_trajectories, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [json.dumps(to_row(one)) + "\n" for one in expert_trajectories]
    (tmp_path / "solutions.jsonl").write_text("".join(rows))
    (tmp_path / "outputs.jsonl").write_text('{"response": "\\\\boxed{4}", "gold": "4"}\n')
    for number in "12":
        assert treadle("prepare", "solutions.jsonl", "-o", f"shards/{number}", "--shard", f"{number}/2")[0] == 0
    for name in ("inspect", "prepare", "merge", "init", "check", "plan", "train", "grade"):
        words = shlex.split(example_of(ROOT.commands[name]))[1:]
        # There is no network; the model is a small one.
        code, _, err = treadle(*[str(tiny_folder) if word.startswith("Qwen/") else word for word in words])
        assert code == 0, f"{name}: {err}"
    assert (tmp_path / "recipe.yaml").is_file()
