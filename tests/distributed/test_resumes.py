"""A checkpoint of four processes is taken up by two, and the like: the same prompts, the weights of an unbroken run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.distributed import forked
from tests.distributed.forked import run_cases
from tests.distributed.resumes import CASES, DULL, SAVED, STEPS, prompts_of_steps

RESUMED = [case for case, (_, _, taken_up) in CASES.items() if taken_up]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_tokenizer):
    return run_cases("resumes", tmp_path_factory.mktemp("resumes"), len(tiny_tokenizer))


def result(folder: Path, case: str):
    return forked.result(folder, case, CASES[case][0])


def groups(folder: Path, case: str) -> list[list[tuple]]:
    """Of each step the groups, without the order in which the processes stand."""
    lines = [json.loads(line) for line in (folder / case / "rollouts.jsonl").open()]
    steps = [[line for line in lines if line["global_step"] == step] for step in range(STEPS)]
    return [
        sorted((g["number"], g["kept"], tuple(g["rewards"]), tuple(g["completions"])) for g in step) for step in steps
    ]


def test_the_reference_draws_further_prompts_in_every_step(folder):
    """What the comparison below is worth."""
    assert result(folder, "straight")["step"] == STEPS
    for step, (dull, prompts) in enumerate(zip(DULL, prompts_of_steps(), strict=True)):
        found = groups(folder, "straight")[step]
        assert {number for number, kept, *_ in found if not kept} == dull
        assert len(found) == len(prompts) + len(dull)
        assert set(prompts) <= {number for number, *_ in found}


@pytest.mark.parametrize("case", RESUMED)
def test_another_number_of_processes_goes_on_as_if_the_run_had_not_stopped(folder, case):
    expected, saved, resumed = (result(folder, name) for name in ("straight", CASES[case][2], case))
    assert saved["step"] == SAVED
    assert resumed["step"] == STEPS
    assert groups(folder, CASES[case][2])[:SAVED] == groups(folder, "straight")[:SAVED]
    assert groups(folder, case)[:SAVED] == [[]] * SAVED
    assert groups(folder, case)[SAVED:] == groups(folder, "straight")[SAVED:]
    moved = 0.0
    for name, weight in expected["weights"].items():
        assert torch.allclose(resumed["weights"][name], weight, rtol=0, atol=1e-6), name
        moved = max(moved, float((weight - saved["weights"][name]).abs().max()))
    assert moved > 1e-3  # what was trained after the checkpoint


@pytest.mark.parametrize("case", [case for case in CASES if case != "straight"])
def test_validation_counts_each_row_once_in_any_number_of_processes(folder, case):
    """Batches of two for seven rows: one process has a last batch of one row, four fill theirs up with copies."""
    steps = [SAVED] if "saved" in case else [2, 4, 5]
    (mean,) = {value for _, value in result(folder, "straight")["validated"]}
    assert result(folder, case)["validated"] == [(step, pytest.approx(mean, abs=1e-6)) for step in steps]
