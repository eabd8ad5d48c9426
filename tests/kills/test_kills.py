"""A pipeline killed at every moment there is ends in the same bytes as one never killed; more by `make kill-test`."""

from __future__ import annotations

import json

import pytest

from tests.kills.harness import CHAIN
from tests.kills.moments import MOMENTS
from tests.kills.runs import differences
from tests.processes import forked


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    with forked("tests.kills.harness", folder, out=folder / "said") as process:
        process.wait(400)
        assert (folder / "kills.json").is_file(), process.output[-3000:]
    return folder, json.loads((folder / "kills.json").read_text())


def test_a_run_killed_at_every_moment_ends_in_the_same_bytes(ended):
    _, found = ended
    assert {moment for moment, _ in CHAIN} == MOMENTS.keys()
    assert found["differing"] == []
    assert found["bytes_lost"] == 0
    assert found["kills_survived"] == len(CHAIN)


def test_the_run_was_worth_killing(ended):
    """Groups were dropped and others drawn, some were kept, some waited, prompts rested, a validation chose the model,
    prefixes were sampled again; and a difference would have been seen."""
    folder, _ = ended
    kinds = set()
    for stage in ("2-srl", "3-rlvr"):
        logs = [json.loads(line) for line in (folder / "straight" / stage / "metrics.jsonl").open()]
        assert any(log.get("sampling/rounds", 0) > 1 for log in logs)
        assert any(log.get("sampling/kept_groups", 0) > 0 for log in logs)
        assert (folder / "straight" / stage / "best.json").is_file() == (stage == "2-srl")
        kinds |= {
            name for log in logs for name, value in log.items() if name.startswith(("sampling/", "prefix/")) and value
        }
    assert {"sampling/waited_groups", "sampling/surplus_groups", "sampling/resting/silent", "prefix/again"} <= kinds
    copied = folder / "killed" / "2-srl" / "rollouts.jsonl"
    last = copied.read_text().splitlines(keepends=True)[-1]
    with copied.open("a") as file:
        file.write(last)
    (folder / "killed" / "1-sft" / "model" / "model.safetensors").write_bytes(b"")
    seen = differences(folder / "killed", folder / "straight")
    assert seen["differing"] == ["1-sft/model/model.safetensors", "2-srl/rollouts.jsonl"]
    assert abs(seen["bytes_lost"] - len(last)) <= 10  # as written here, and as read and written again


def test_of_two_processes_none_waits_for_one_that_was_killed(ended):
    _, found = ended
    assert found["pair"]["bytes_lost"] == 0
    assert found["pair"]["other_process_ended_with"] not in (0, None, -9)
    assert found["pair"]["seconds_until_it_ended"] < 30
