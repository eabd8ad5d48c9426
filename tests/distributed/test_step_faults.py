"""A fault in one of two gloo processes is a matter of both."""

from __future__ import annotations

import json

import pytest
import torch

from tests.distributed.forked import run_cases


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_tokenizer):
    return run_cases("step_faults", tmp_path_factory.mktemp("step_faults"), len(tiny_tokenizer))


def both(folder, case):
    return [json.loads((folder / f"{case}-{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("case", ["skip", "skip-fsdp"])
def test_both_skip_the_step(folder, case):
    ranks = both(folder, case)
    assert [r["skipped"] for r in ranks] == [1, 1]
    assert [r["step"] for r in ranks] == [3, 3]
    first, second, third = ranks[0]["history"]
    assert first != second
    assert second == third
    if case == "skip":
        assert ranks[0]["history"] == ranks[1]["history"]


def test_both_stop_and_each_saves_its_batch(folder):
    for rank, found in enumerate(both(folder, "stop")):
        name = f"fault-step-2-rank-{rank}.pt"
        assert name in found["fault"]
        saved = torch.load(folder / "stop" / name, weights_only=True)
        losses = torch.tensor(saved["losses"])
        assert bool(losses.isnan().any()) == (rank == 1)
        assert len(saved["texts"]) == len(saved["micro_batches"])


def test_both_stop_for_rewards_that_one_cannot_give(folder):
    for found in both(folder, "rewards"):
        assert "50% of the 32 completions of step 2 have no reward (raised 16)" in found["fault"]
        assert "KeyError: 'answer'" in found["fault"]


def test_out_of_memory_says_that_several_processes_cannot_repeat(folder):
    found = json.loads((folder / "memory-1.json").read_text())
    assert "out of memory in the update" in found["fault"]
    assert "with several processes" in found["fault"]
