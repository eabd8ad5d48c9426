from __future__ import annotations

import json

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.agent.prompts import call_text, system_text, task_text
from treadle.evaluate.swe.experts import read_experts


def row(name, command="ls", **more):
    messages = [
        {"role": "system", "content": system_text()},
        {"role": "user", "content": task_text("f() is wrong")},
        {"role": "assistant", "content": f"I look.\n\n{call_text('bash', command=command)}"},
        {"role": "user", "content": "m.py"},
        {"role": "assistant", "content": f"Done.\n\n{call_text('submit')}"},
    ]
    return {"instance_id": name, "messages": messages, "resolved": True, "patch": "x", **more}


def write(path, *rows):
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def test_an_expert_is_found_by_the_task_that_it_is_of(tmp_path):
    file = write(tmp_path / "e.jsonl", row("lib-1"), row("lib-1.2"), row("other"))
    found = read_experts(file, ["lib-1", "lib-1.2", "lib-3"])
    assert sorted(found) == ["lib-1", "lib-1.2"]
    assert found["lib-1"].steps[0].action == call_text("bash", command="ls")
    assert found["lib-1"].steps[0].thought.strip() == "I look."


def test_one_that_is_right_comes_before_one_that_is_not(tmp_path):
    file = write(tmp_path / "e.jsonl", row("a", "rm x", resolved=False), row("a", "cat x"), row("a", "pwd"))
    assert "cat x" in read_experts(file, ["a"])["a"].steps[0].action


def test_experts_of_other_tasks_are_an_error(tmp_path):
    file = write(tmp_path / "e.jsonl", row("other-1"))
    with pytest.raises(DataError, match=r"e\.jsonl: 1 trajectories of 1 rows, the first 'other-1.*none of the 2 tasks"):
        read_experts(file, ["a", "b"])
