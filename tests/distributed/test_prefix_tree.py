"""DDP and FSDP2 on two and four gloo processes against stock TRL in one process that forwards every row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.distributed import forked
from tests.distributed.forked import run_cases
from tests.distributed.ranks import CASES, DRAWN, DULL, STEPS

SEVERAL = [
    case
    for case, (world, _) in CASES.items()
    if world > 1 and not case.endswith(("sampling", "rows", "lora", "prefix"))
]
SAMPLING = [case for case, (world, _) in CASES.items() if world > 1 and "sampling" in case]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_tokenizer):
    """All cases, run by one process that forks the ranks of each; importing torch and TRL takes longer than they do."""
    return run_cases("ranks", tmp_path_factory.mktemp("ranks"), len(tiny_tokenizer))


def result(folder: Path, case: str):
    return forked.result(folder, case, CASES[case][0])


@pytest.mark.parametrize("case", SEVERAL)
def test_weights_and_gradient_norms_are_those_of_one_process(folder, case):
    found = result(folder, case)
    expected = result(folder, "stock-kl" if case.endswith("kl") else "stock")
    assert found["tree_is_used"]
    assert not expected["tree_is_used"]
    assert found["sharded"] == (CASES[case][1] == "fsdp")
    assert len(found["logs"]) == len(expected["logs"]) == STEPS
    for ours, stock in zip(found["logs"], expected["logs"], strict=True):
        assert ours.get("reward") == pytest.approx(stock.get("reward"), abs=1e-6)  # absent where rollouts are reused
        assert ours["grad_norm"] == pytest.approx(stock["grad_norm"], rel=1e-6)
        # Entropies are means over micro-batches, whose sizes differ.
        assert ours["entropy"] == pytest.approx(stock["entropy"], rel=1e-3)
    assert found["weights"].keys() == expected["weights"].keys()
    for name, weight in expected["weights"].items():
        assert torch.allclose(found["weights"][name], weight, rtol=0, atol=1e-6), name


@pytest.mark.parametrize("case", SEVERAL)
def test_ranks_had_trees_of_their_own_and_some_none(folder, case):
    """What the comparison above is worth: without idle and unequal ranks it would show nothing."""
    unmasked = result(folder, case)["unmasked"]
    assert len({len(rank) for rank in unmasked}) == 1
    for together in zip(*unmasked, strict=True):
        assert len({tokens is None for tokens in together}) == 1  # all skip, or none
    assert any(0 in together and any(together) for together in zip(*unmasked, strict=True))
    assert len({tuple(rank) for rank in unmasked}) == len(unmasked)


@pytest.mark.parametrize("case", SAMPLING)
def test_dynamic_sampling_keeps_the_same_groups_and_ends_in_the_same_weights(folder, case):
    alone = "single-surplus-sampling" if "surplus" in case else "single-sampling"
    found, expected = result(folder, case), result(folder, alone)
    assert found["tree_is_used"] == (CASES[case][1] != "rows")
    for ours, single in zip(found["logs"], expected["logs"], strict=True):
        for key in ("kept_groups", "kept_share", "rounds", "dropped/all_wrong", "dropped/low_spread", "waited_groups"):
            assert ours[f"sampling/{key}"] == pytest.approx(single[f"sampling/{key}"])
        assert ours["grad_norm"] == pytest.approx(single["grad_norm"], rel=1e-6)
    assert expected["logs"][0]["sampling/dropped/all_wrong"] == pytest.approx(4 / (16 if "surplus" in case else 12))
    assert any(log["sampling/waited_groups"] for log in expected["logs"]) == ("surplus" in case)
    for name, weight in expected["weights"].items():
        assert torch.allclose(found["weights"][name], weight, rtol=0, atol=1e-6), name
    kept = [
        {(r["global_step"], r["number"], r["kept"]) for r in map(json.loads, (folder / run / "rollouts.jsonl").open())}
        for run in (case, alone)
    ]
    assert kept[0] == kept[1]
    assert {(0, number, False) for number in DULL} <= kept[0]
    assert {(0, number, True) for number in DRAWN} <= kept[0]


def test_a_sharded_adapter_is_merged_as_that_of_one_process(folder):
    alone, sharded = result(folder, "single-lora"), result(folder, "fsdp2-lora")
    assert sharded["sharded"]
    before = load_file(folder / "model" / "model.safetensors")
    assert alone["weights"].keys() == sharded["weights"].keys() == before.keys()
    for name, weight in alone["weights"].items():
        assert torch.allclose(sharded["weights"][name], weight, rtol=0, atol=1e-9), name
    assert any((weight - before[name]).abs().max() > 1e-3 for name, weight in alone["weights"].items())
    assert (folder / "fsdp2-lora" / "adapter" / "adapter_model.safetensors").is_file()


def test_prefixes_and_their_likelihood_are_those_of_one_process(folder):
    found, expected = result(folder, "ddp2-prefix"), result(folder, "single-prefix")
    assert found["tree_is_used"] > expected["tree_is_used"]
    for ours, single in zip(found["logs"], expected["logs"], strict=True):
        assert {name: ours[name] for name in ours if name.startswith("prefix/s")} == {
            name: pytest.approx(single[name]) for name in single if name.startswith("prefix/s")
        }
        assert ours["grad_norm"] == pytest.approx(single["grad_norm"], rel=1e-6)
    for name, weight in expected["weights"].items():
        assert torch.allclose(found["weights"][name], weight, rtol=0, atol=1e-6), name
    given = [
        {(r["global_step"], r["number"], r["prefix_length"]) for r in map(json.loads, file.open())}
        for file in (folder / run / "rollouts.jsonl" for run in ("ddp2-prefix", "single-prefix"))
    ]
    assert given[0] == given[1]
    assert len({length for *_, length in given[0]}) > 1
