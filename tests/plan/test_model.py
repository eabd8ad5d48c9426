"""Numbers of parameters against published ones and against real networks."""

import json

import peft
import pytest
from transformers import AutoConfig, AutoModelForCausalLM, MixtralConfig, T5Config

from treadle.errors import ModelError
from treadle.plan.model import shape_of
from treadle.recipe.parts import Lora

QWEN_7B = {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}


def test_a_published_model(config_folder):
    shape = shape_of(config_folder(**QWEN_7B))
    # Qwen2.5-7B's model card: 7.61B parameters, 6.53B without embeddings; its safetensors hold 15,231,233,024 bytes.
    assert shape.parameters == 15_231_233_024 // 2
    assert round(shape.inner / 1e9, 2) == 6.53
    assert shape.cache_width == 28 * 2 * 4 * 128
    assert shape.no_tree is None


@pytest.mark.parametrize("tied", [True, False])
def test_a_real_network(config_folder, tied):
    folder = config_folder(tie_word_embeddings=tied)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    shape = shape_of(folder)
    assert shape.tied == tied
    assert shape.parameters == sum(p.numel() for p in network.parameters())
    assert shape.layer == sum(p.numel() for p in network.model.layers[0].parameters())
    rest = sum(p.numel() for p in network.model.layers.parameters()) + network.model.norm.weight.numel()
    assert shape.inner == rest


def test_an_adapter(config_folder):
    folder = config_folder()
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    adapted = peft.get_peft_model(network, peft.LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert shape_of(folder, Lora(r=8)).adapter == adapted.get_nb_trainable_parameters()[0]
    # By hand: r (in + out) of q, k, v, o, gate, up, down, four layers.
    assert shape_of(folder, Lora(r=8)).adapter == 4 * 8 * (128 + 96 + 96 + 128 + 3 * 256)


def test_what_cannot_be_planned_is_named(tmp_path, config_folder):
    with pytest.raises(ModelError, match="no-such/model: its config cannot be read"):
        shape_of("no-such/model")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard_of"}))
    with pytest.raises(ModelError, match=r"its config cannot be read .*unheard_of"):
        shape_of(str(tmp_path))
    MixtralConfig(num_local_experts=4).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="4 experts a layer; expected a dense model"):
        shape_of(str(tmp_path))
    T5Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="found a t5 model, expected a causal language model"):
        shape_of(str(tmp_path))
    with pytest.raises(ModelError, match=r"lora.target_modules=\['nothing'\]"):
        shape_of(config_folder(), Lora(target_modules=["nothing"]))
