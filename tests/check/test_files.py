"""Tensors in the files against those of the model."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from treadle.check.files import all_tensors, config, tokenizer, weights
from treadle.check.numbers import dtype
from treadle.check.results import Status


def messages(found):
    return {check.id: (check.status, check.message) for check in found}


def test_a_whole_folder_is_ok(subject):
    it = subject(data=False)
    found = messages([*weights(it), *config(it), *tokenizer(it), *all_tensors(it)])
    assert {status for status, _ in found.values()} == {Status.OK}
    assert found["config"][1].startswith("Qwen2ForCausalLM, 0.0")
    assert set(found) == {"weights", "config", "tokenizer", "tensors"}


@pytest.mark.parametrize("tied", [False, True])
def test_names_without_the_models_prefix_and_tied_heads_are_whole(subject, tiny_folder, edit, tied):
    file = tiny_folder / "model.safetensors"
    tensors = load_file(file)
    edit(tiny_folder / "config.json", tie_word_embeddings=tied)
    bare = {n.removeprefix("model."): v for n, v in tensors.items() if n != "lm_head.weight" or not tied}
    bare |= {} if tied else {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    save_file(bare, file, metadata={"format": "pt"})
    assert messages(all_tensors(subject(data=False)))["tensors"][0] is Status.OK


def test_tensors_that_lack_are_counted(subject, tiny_folder):
    file = tiny_folder / "model.safetensors"
    tensors = {name: value for name, value in load_file(file).items() if ".layers.1." not in name}
    save_file(tensors, file, metadata={"format": "pt"})
    status, message = messages(all_tensors(subject(data=False)))["tensors"]
    assert status is Status.ERROR
    assert "no weights for 12 tensors of the model (the first is model.layers.1." in message


def test_tensors_of_no_part_of_the_model_are_said(subject, tiny_folder):
    """As of a classifier, whose body would pass for a language model where head and embedding are one."""
    file = tiny_folder / "model.safetensors"
    tensors = load_file(file)
    more = {"score.weight": torch.zeros(1, 32), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4)}
    save_file({**tensors, **more}, file, metadata={"format": "pt"})
    status, message = messages(all_tensors(subject(data=False)))["tensors"]
    assert status is Status.WARNING
    assert "1 tensors of its files belong to no part of Qwen2ForCausalLM" in message
    assert "(the first is score.weight)" in message


def test_names_that_transformers_converts_are_not_missed(subject, tiny_folder, tiny_tokenizer):
    """GPT-NeoX's head has another name in files than in the model."""
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=len(tiny_tokenizer), **shape)).save_pretrained(tiny_folder)
    assert "embed_out.weight" in load_file(tiny_folder / "model.safetensors")
    assert messages(all_tensors(subject(data=False))) == {}


def test_quantised_weights_are_said_once(subject, tiny_folder, edit):
    edit(tiny_folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    file = tiny_folder / "model.safetensors"
    tensors = {name.replace("proj.weight", "proj.qweight"): value for name, value in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    it = subject(data=False)
    found = messages([*all_tensors(it), *dtype(it)])
    assert set(found) == {"dtype"}
    assert "its weights are quantised (gptq), which are not trained here" in found["dtype"][1]


def test_a_config_of_other_sizes_is_not_that_of_the_weights(subject, tiny_folder, edit):
    edit(tiny_folder / "config.json", intermediate_size=48)
    status, message = messages(all_tensors(subject(data=False)))["tensors"]
    assert status is Status.ERROR
    assert "has the shape (64, 32) in its file, expected (48, 32) by config.json" in message
