"""Commands of the documents that need nothing but a model and rows, as they stand there."""

from __future__ import annotations

import json
import shlex

import yaml

from tests.docs.commands import RUN
from treadle.data.sources.native import to_row

SOLUTION = "1. **Half:** Half of 48 is 24.\n2. **Sum:** 48 + 24 = 72.\n3. **Answer:** \\boxed{72}"


def test_they_run(no_domains, treadle, expert_trajectories, prepared_world, tiny_folder, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    files = {
        "trajectories.jsonl": [to_row(trajectory) for trajectory in expert_trajectories],
        "traces.jsonl": [{"question": "How many clips?", "response": SOLUTION, "gold": "72"}],
        "outputs.jsonl": [{"response": r"So \boxed{72}.", "gold": "72"}, {"response": "So 71.", "gold": "72"}],
    }
    for name, rows in files.items():
        (here / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    stage = {"kind": "srl", "max_steps": 1, "prompts_per_step": 4, "rollouts": 4, "max_completion_length": 5}
    stage |= {"allow_no_change": True, "gradient_checkpointing": False}
    recipe = {"model": str(tiny_folder), "data": str(prepared_world), "output": "run", "stages": [stage]}
    (here / "recipe.yaml").write_text(yaml.safe_dump(recipe))

    said = {}
    for command in RUN:
        code, said[command], errors = treadle(*shlex.split(command))
        assert code == 0, f"{command}: {errors}"

    assert "accuracy of 2: 50.0%" in said["grade outputs.jsonl --column response --answer gold"]
    assert len((here / "graded.jsonl").read_text().splitlines()) == 2
    assert "learning_rate: 1.0e-06" in (here / "run" / "recipe.yaml").read_text()
    assert json.loads((here / "check.json").read_text())
    assert (here / "look.html").is_file()
    assert (here / "data" / "own" / "trajectories_train.parquet").is_file()
