"""Which models the tree takes, on tiny random models of each kind."""

import pytest
import torch
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

from tests.models import FAMILIES
from tests.tree.naive import tiny_model
from treadle.errors import ModelError
from treadle.tree import use_tree_attention, why_not
from treadle.tree.support import causal_lm

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 29,
    "head_dim": 8,
    "max_position_embeddings": 64,
}


def model_of(kind, factory=AutoModelForCausalLM, **changes):
    return factory.from_config(AutoConfig.for_model(kind, **{**SMALL, "pad_token_id": 0, **changes}))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_plain_full_attention_is_taken(family):
    assert why_not(tiny_model(family)) is None


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}}),
        ("qwen3_moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}),
        ("olmo2", {}),
        ("gemma", {}),
        ("phi3", {"sliding_window": None}),
        ("qwen2", {"use_sliding_window": False, "sliding_window": 8}),
    ],
)
def test_so_are_its_relatives(kind, changes):
    assert why_not(model_of(kind, **changes)) is None


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("mistral", {"sliding_window": 8}, "sliding window of 8 tokens"),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}, "sliding_attention"),
        ("gemma2", {"sliding_window": 8}, "sliding_attention"),
        ("gemma2", {"layer_types": ["full_attention"] * 2, "sliding_window": None}, "attn_logit_softcapping=50"),
        ("gpt_oss", {"num_local_experts": 2, "sliding_window": 8}, "sliding_attention"),
        (
            "gpt_oss",
            {"num_local_experts": 2, "layer_types": ["full_attention"] * 2, "sliding_window": None},
            "attention sinks",
        ),
        ("mamba", {}, "recurrent"),
        ("gpt2", {"n_embd": 32, "n_layer": 1, "n_head": 2}, "no rotary positions"),
        ("bloom", {"n_head": 4}, "AttentionInterface"),
        ("llama", {"attention_dropout": 0.1}, "attention_dropout=0.1"),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "dynamic"),
        ("cohere", {"logit_scale": 0.25}, "logit_scale=0.25"),
        ("granite", {"logits_scaling": 8.0}, "logits_scaling=8.0"),
        ("llama", {"is_causal": False}, "is_causal=False"),
    ],
)
def test_other_models_are_refused_with_the_reason(kind, changes, reason):
    model = model_of(kind, **changes)
    with pytest.raises(ModelError, match=reason) as caught:
        use_tree_attention(model)
    assert type(model).__name__ in why_not(model)
    assert why_not(model) in str(caught.value)
    assert model.config._attn_implementation != "treadle_tree"


def test_multimodal_models_and_encoders_are_refused():
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 8, "patch_size": 4}
    text = {"model_type": "llama", **SMALL}
    config = AutoConfig.for_model(
        "llava", vision_config={"model_type": "clip_vision_model", **vision}, text_config=text
    )
    assert "multimodal (vision_config)" in why_not(AutoModelForImageTextToText.from_config(config))
    t5 = model_of("t5", AutoModelForSeq2SeqLM, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    assert "has an encoder" in why_not(t5)


def test_models_without_a_head_for_tokens_are_refused():
    assert "no head" in why_not(model_of("llama", AutoModelForSequenceClassification))
    assert "no head" in why_not(tiny_model("llama").model)
    assert why_not(torch.nn.Linear(2, 2)) == "Linear is not a Hugging Face model"


def test_peft_and_wrappers():
    lora = get_peft_model(tiny_model(), LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    assert why_not(lora) is None
    assert why_not(torch.nn.DataParallel(lora)) is None
    assert causal_lm(torch.nn.DataParallel(lora)) is lora.get_base_model()
    for config in (PromptTuningConfig, PrefixTuningConfig):
        learned = get_peft_model(tiny_model(), config(task_type="CAUSAL_LM", num_virtual_tokens=3))
        assert "TUNING puts learned tokens" in why_not(learned)
        assert "TUNING puts learned tokens" in why_not(torch.nn.DataParallel(learned))
