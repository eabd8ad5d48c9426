"""Parts of the memory against real tensors: states of a real optimizer, the cache of a real rollout."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from tests.plan.test_counting import allocated_peak
from treadle import rollout
from treadle.errors import RecipeError
from treadle.plan.hardware import GIB, Hardware
from treadle.plan.memory import memory_of, states_of
from treadle.plan.model import shape_of
from treadle.plan.parts import peak
from treadle.plan.tokens import load_of, measure
from treadle.recipe.reading import parse_recipe
from treadle.rollout import attention

CPU = Hardware(device="cpu")


def recipe(folder, lora=None, **stage):
    content = {"kind": "rlvr", "prompts_per_step": 4, "rollouts": 8, "max_completion_length": 128, "micro_batch": 8}
    return parse_recipe(
        {"model": folder, "data": "none", "output": "none", "lora": lora, "stages": [content | stage]}, "test"
    )


def sizes(parts):
    return {part.name: part.bytes for part in parts}


def planned(folder, hardware=CPU, prompt=200, lora=None, **stage):
    found = recipe(folder, lora, **stage)
    shape, prompts = shape_of(folder, found.lora), measure([[n] * prompt for n in range(4)], "")
    load = load_of(found.stages[0], prompts, hardware.gpus, tree=True)
    return memory_of(found.stages[0], found, hardware, shape, prompts, load)


@pytest.mark.parametrize("name", ["adamw_torch", "sgd"])
def test_states_against_a_real_optimizer(config_folder, name):
    folder = config_folder()
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    network(input_ids=torch.zeros(1, 4, dtype=torch.long)).logits.sum().backward()
    optimizer = {"adamw_torch": torch.optim.AdamW, "sgd": torch.optim.SGD}[name](network.parameters(), lr=1e-3)
    optimizer.step()
    states = [v for state in optimizer.state.values() for v in state.values() if torch.is_tensor(v)]
    found = recipe(folder, trl={"optim": name})
    parts = sizes(states_of(found.stages[0], found, CPU, shape_of(folder)))
    assert parts["weights"] == sum(p.nbytes for p in network.parameters())
    assert parts["gradients"] == sum(p.grad.nbytes for p in network.parameters())
    assert parts["optimizer"] == pytest.approx(sum(v.nbytes for v in states), rel=0.001)


def test_the_cache_of_a_real_rollout(config_folder, monkeypatch):
    folder, kept, length = config_folder(), [], 200
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    advance = attention.Decode.advance

    def watched(self):
        tensors = [*self.prefill.keys.values(), *self.prefill.values.values()]
        tensors += [x for pair in self.own.values() for x in pair]
        kept.append(sum(x.untyped_storage().nbytes() for x in tensors))
        advance(self)

    monkeypatch.setattr(attention.Decode, "advance", watched)
    prompts = [[n + 5] * 200 for n in range(4) for _ in range(8)]
    config = GenerationConfig(max_new_tokens=length, do_sample=True, eos_token_id=None, pad_token_id=0)
    measured = allocated_peak(lambda: rollout.generate_completions(network, prompts, config))
    parts = planned(folder, max_completion_length=length)
    assert sizes(parts)["KV cache"] == pytest.approx(kept[-1], rel=0.02)
    generation = sum(part.bytes for part in parts if part.phases == ("rollout",))
    assert generation == pytest.approx(measured, rel=0.15)


def test_a_bound_of_the_cache(config_folder):
    folder = config_folder()
    free, bound = sizes(planned(folder)), sizes(planned(folder, trl={"max_kv_tokens": 1000}))
    assert bound["KV cache"] < free["KV cache"] / 3
    assert bound["rollout's temporaries"] < free["rollout's temporaries"]


def test_lora_reference_and_sharding(config_folder):
    folder = config_folder()
    shape, n = shape_of(folder), shape_of(folder).parameters
    adapter = shape_of(folder, recipe(folder, lora={"r": 4}).lora).adapter
    gpu = Hardware()
    full, lora = planned(folder, gpu, kl=0.1), planned(folder, gpu, lora={"r": 4}, kl=0.1)
    assert sizes(full)["weights"] == sizes(full)["reference model"] == 4 * n
    assert sizes(lora)["weights"] == 2 * n + 4 * adapter
    assert sizes(lora)["gradients"] == 4 * adapter
    assert sizes(lora)["optimizer"] == 8 * adapter
    assert "reference model" not in sizes(lora)
    assert sizes(planned(folder, Hardware(gpus=2)))["DDP buckets"] == 4 * n
    fsdp = sizes(planned(folder, Hardware(gpus=4, sharding="fsdp"), kl=0.1))
    assert fsdp["weights"] == fsdp["gradients"] == fsdp["reference model"] == n
    assert fsdp["optimizer"] == 2 * n
    assert "DDP buckets" not in fsdp
    assert fsdp["gathered by FSDP"] == 2 * (shape.embedding + shape.head + 2 * shape.layer)
    # ZeRO's paper, section 3.1: 2 + 2 + 12 bytes of a parameter in mixed precision.
    zero = sizes(planned(folder, Hardware(gpus=4, sharding="zero3")))
    assert zero["weights"] + zero["gradients"] + zero["optimizer"] + zero["master weights"] == 16 * n / 4
    assert zero["gathered for rollout"] == 2 * n


def test_vllm_takes_its_share(config_folder):
    folder, device = config_folder(), Hardware(memory=1.0)
    n, row = shape_of(folder).parameters, 2 * shape_of(folder).cache_width * (200 + 128)
    parts = planned(folder, device, trl={"use_vllm": True, "vllm_gpu_memory_utilization": 0.25})
    vllm = next(part for part in parts if part.name == "vLLM")
    assert vllm.bytes == 0.25 * GIB
    assert vllm.phases == ("rollout", "update")
    assert f"{int((0.25 * GIB - 2 * n) // row):,} of the longest rows" in vllm.rests_on
    asleep = planned(folder, device, trl={"use_vllm": True, "vllm_enable_sleep_mode": True})
    assert next(part for part in asleep if part.name == "vLLM").phases == ("rollout",)
    assert peak(asleep)[1] < peak(planned(folder, device, trl={"use_vllm": True}))[1]
    assert "vLLM" not in sizes(planned(folder, device, trl={"use_vllm": True, "vllm_mode": "server"}))
    small = planned(folder, Hardware(memory=0.001), trl={"use_vllm": True})
    assert "more than vllm_gpu_memory_utilization" in next(part for part in small if part.name == "vLLM").rests_on


def test_an_optimizer_of_unknown_size_is_refused(config_folder):
    folder = config_folder()
    found = recipe(folder, trl={"optim": "galore_adamw"})
    with pytest.raises(RecipeError, match=r"stages.rlvr.trl.optim: 'galore_adamw' has states of unknown size"):
        states_of(found.stages[0], found, CPU, shape_of(folder))
