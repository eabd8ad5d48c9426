"""`why_not` on real model classes: what is served generates, what is not is named."""

from __future__ import annotations

import pytest
import torch
from peft import PromptTuningConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GptOssConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3MoeConfig,
    Qwen3NextConfig,
    StableLmConfig,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.models import FAMILIES, HEADS
from tests.rollout.models import SHAPE, config_of, stock_completions, tiny_model, trajectory_prompts
from treadle.rollout import generate_completions, why_not
from treadle.tree import support
from treadle.tree import why_not as why_no_tree


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_models_are_served(family):
    assert why_not(tiny_model(family)) is None
    assert why_not(tiny_model(family), config_of(5)) is None


def test_experts_are_served():
    torch.manual_seed(0)
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8}
    model = AutoModelForCausalLM.from_config(Qwen3MoeConfig(**HEADS, **experts, **SHAPE)).eval()
    assert why_not(model) is None
    prompts, config = trajectory_prompts(0, 4, 6), config_of(12, do_sample=False)
    assert generate_completions(model, prompts, config) == stock_completions(model, prompts, config)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (MistralConfig(sliding_window=8, **HEADS, **SHAPE), "sliding"),
        (
            Qwen2Config(use_sliding_window=True, sliding_window=8, max_window_layers=1, **HEADS, **SHAPE),
            "qwen2 has layers of type sliding_attention",
        ),
        (Gemma2Config(head_dim=8, **HEADS, **SHAPE), "sliding_attention"),
        (Gemma3TextConfig(head_dim=8, **HEADS, **SHAPE), "sliding_attention"),
        (
            GptOssConfig(head_dim=8, num_local_experts=2, layer_types=["full_attention"] * 2, **HEADS, **SHAPE),
            "attention sinks",
        ),
        (Qwen3NextConfig(head_dim=8, num_experts=2, num_experts_per_tok=1, **HEADS, **SHAPE), "linear_attention"),
        (MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=20), "mamba"),
        (BloomConfig(hidden_size=16, n_layer=1, n_head=2, vocab_size=20), "AttentionInterface"),
        (StableLmConfig(**HEADS, **SHAPE), "does not hand on to its attention"),
        (
            LlamaConfig(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}, **HEADS, **SHAPE),
            "type dynamic, which depend on the length",
        ),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, str) else x.split()[0],
)
def test_other_models_are_named_with_the_reason(config, reason):
    model = AutoModelForCausalLM.from_config(config)
    assert reason in (why_not(model) or "served")


def test_encoder_decoders_prompt_learning_and_strangers():
    t5 = T5ForConditionalGeneration(T5Config(d_model=16, d_ff=16, d_kv=4, num_layers=1, num_heads=2, vocab_size=20))
    assert why_not(t5) == "t5 is an encoder-decoder"
    prompt_tuned = get_peft_model(tiny_model(), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    assert "learned tokens before the prompt" in why_not(prompt_tuned)
    assert why_not(torch.nn.Linear(2, 2)) == "Linear is not a model of transformers"


def test_models_without_a_head_are_named():
    """Both rooms say so, where one asked a base model for a method that only generating models have."""
    without_head = tiny_model().model
    assert why_not(without_head) == "qwen2 has no head for next tokens"
    assert why_no_tree(without_head) == "Qwen2Model has no head for next tokens"


@pytest.mark.parametrize(
    "change",
    [
        {"num_beams": 3},
        {"stop_strings": ["."]},
        {"max_time": 1.0},
        {"guidance_scale": 1.5},
        {"prompt_lookup_num_tokens": 3},
        {"token_healing": True},
        {"cache_implementation": "quantized"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_that_are_not_followed_are_named(change):
    name, value = next(iter(change.items()))
    assert why_not(tiny_model(), config_of(5, **change)) == f"{name}={value!r} is not followed"


def test_a_limit_of_new_tokens_is_needed():
    config = config_of(5)
    config.max_new_tokens = None
    assert why_not(tiny_model(), config) == "max_new_tokens is not set"


def test_the_tree_refuses_what_the_rollout_serves():
    """Both judge by one function, each by its own rules and in its own words."""
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=20)
    model = AutoModelForCausalLM.from_config(config)
    assert why_not(model) is None
    assert support.why_not(model) == "GPT2LMHeadModel has no rotary positions"
    t5 = T5ForConditionalGeneration(T5Config(d_model=16, d_ff=16, d_kv=4, num_layers=1, num_heads=2, vocab_size=20))
    assert (why_not(t5), support.why_not(t5)) == (
        "t5 is an encoder-decoder",
        "T5ForConditionalGeneration has an encoder",
    )
