"""`treadle teach bootstrap` on the command line; `teach select` is run through it in tests/teacher/test_select.py."""

from __future__ import annotations

import json

import pytest
import yaml

from treadle.teacher.bootstrap.schema import load_bootstrap


@pytest.fixture
def recipe(tmp_path):
    for name, count, first in (("problems", 3, 1), ("held-out", 2, 10)):
        rows = [{"problem": f"What is {n}+{n}?", "answer": str(2 * n)} for n in range(first, first + count)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sets = {"problems": str(tmp_path / "problems.jsonl"), "held_out": str(tmp_path / "held-out.jsonl")}
    path = tmp_path / "recipe.yaml"
    content = {"model": "org/model", "output": str(tmp_path / "out"), "stages": [{"kind": "sft"}], "bootstrap": sets}
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(treadle, recipe, tmp_path):
    code, printed, _ = treadle("teach", "bootstrap", recipe, "bootstrap.samples=2", "--dry-run")
    assert code == 0
    again = tmp_path / "again.yaml"
    again.write_text(printed)
    assert load_bootstrap(again).rounds.samples == 2
    assert f"# problems: 3 of {tmp_path / 'problems.jsonl'}" in printed
    assert f"# held_out: 2 of {tmp_path / 'held-out.jsonl'}" in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("bootstrap.round=2", "did you mean 'rounds'?"),
        ("bootstrap.problems=gone.jsonl", "gone.jsonl"),
        ("stages.sft.epoch=1", "did you mean 'epochs'?"),
    ],
)
def test_what_is_wrong_is_one_line(treadle, recipe, change, message):
    code, _, error = treadle("teach", "bootstrap", recipe, change, "--dry-run")
    assert (code, error.count("\n")) == (2, 1), error
    assert message in error
