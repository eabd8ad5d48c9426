"""Operations against PyTorch's own count of a real forward and backward, and seconds by hand."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM

from treadle.plan.hardware import Hardware
from treadle.plan.model import shape_of
from treadle.plan.times import FORWARD, operations, times_of, update_passes
from treadle.plan.tokens import load_of, measure
from treadle.recipe.reading import parse_recipe
from treadle.recipe.schema import RLVRStage

TOKENS = 256


@pytest.mark.parametrize("checkpointing", [False, True])
def test_operations_against_pytorch(config_folder, checkpointing):
    folder = config_folder()
    shape = shape_of(folder)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager")
    ids_1T = torch.randint(0, 2000, (1, TOKENS))
    pairs = TOKENS * (TOKENS + 1) / 2
    with torch.no_grad(), FlopCounterMode(display=False) as forward:
        network(input_ids=ids_1T, use_cache=False)
    # PyTorch counts all pairs of an attention, the plan those that are looked at, half of them.
    found = operations(shape, TOKENS, TOKENS**2, TOKENS, FORWARD)
    assert found == pytest.approx(forward.get_total_flops(), rel=0.03)
    assert operations(shape, TOKENS, pairs, TOKENS, FORWARD) < found
    network.train()
    if checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    with FlopCounterMode(display=False) as step:
        network(input_ids=ids_1T, use_cache=False).logits.sum().backward()
    stage = RLVRStage(kind="rlvr", gradient_checkpointing=checkpointing)
    passes = update_passes(stage, lora=False)
    # Here logits and scores are held; the plan's head and attention compute them a second time. PyTorch's recomputation
    # stops before a layer's last product, which nothing needs; the plan counts it.
    once = passes.__class__(passes.linear, passes.attention - 0.5, passes.head - 1)
    assert operations(shape, TOKENS, TOKENS**2, TOKENS, once) == pytest.approx(step.get_total_flops(), rel=0.04)


def recipe(folder, **stage):
    content = {"kind": "rlvr", "prompts_per_step": 4, "rollouts": 2, "max_completion_length": 50, "micro_batch": 2}
    return parse_recipe(
        {"model": folder, "data": "none", "output": str(Path("none")), "dtype": "bfloat16", "stages": [content | stage]}
    )


def test_seconds_follow_from_rates(config_folder):
    folder = config_folder()
    planned = recipe(folder, updates_per_rollout=2, kl=0.1)
    stage, shape, prompts = planned.stages[0], shape_of(folder), measure([[1] * 100], "")
    load = load_of(stage, prompts, 1, tree=True)
    hardware = Hardware(tflops=2.0, utilisation=0.5, tokens_per_second=100.0, bandwidth=1.0)
    parts = {part.name: part for part in times_of(stage, planned, hardware, shape, prompts, load)}
    assert list(parts) == ["rollout", "old log-probs", "reference log-probs", "update", "optimizer"]
    assert parts["rollout"].seconds == 4 * 2 * 50 / 100
    assert parts["update"].seconds == pytest.approx(parts["update"].operations / 1e12)
    assert parts["update"].without_tree > parts["update"].operations
    assert parts["optimizer"].seconds == pytest.approx(28 * shape.parameters / 1e9)
    # Decoding reads float32 weights, writes and reads their bfloat16 casts: 8 bytes each, once a token; and the cache:
    # 8 prompts of 100 tokens, 16 completions of 25 on average. One generation serves two steps.
    rollout = times_of(stage, planned, Hardware(bandwidth=1.0), shape, prompts, load)[0]
    cache = 2 * 4 * 2 * 2 * 16 * (8 * 100 + 16 * 25)
    assert rollout.seconds == pytest.approx(50 * (8 * shape.parameters + cache) / 1e9 / 2)
    unknown = times_of(stage, planned, Hardware(), shape, prompts, load)
    assert [part.seconds for part in unknown] == [None] * 5
