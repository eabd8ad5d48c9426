"""Loading: what a library raises is one line, code that comes with a model is not executed, nothing is random."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BloomConfig,
    GPT2Config,
    MambaConfig,
    WhisperConfig,
    XLMRobertaConfig,
)

from treadle.errors import ModelError
from treadle.recipe.models import load_model, load_tokenizer, read_config, read_generation_config, skeleton


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_whole_model_is_loaded_as_it_was_saved(tiny_folder):
    expected = AutoModelForCausalLM.from_pretrained(tiny_folder).state_dict()
    found = load_model(str(tiny_folder)).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_missing_weights_are_not_made_up(tiny_folder):
    file = tiny_folder / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.norm.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no weights for 1 tensors of the model \(the first is model.norm.weight\)"):
        load_model(str(tiny_folder))


@pytest.mark.parametrize("dtype", ["float8", "int8", "bf16", ""])
def test_other_dtypes_are_refused(tiny_folder, dtype):
    with pytest.raises(ModelError, match=f"dtype '{dtype}': expected one of auto, float32, bfloat16, float16, float64"):
        load_model(str(tiny_folder), dtype)


def test_pickled_code_is_not_executed(tiny_folder, tmp_path):
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self):
            return mark.write_text, ("x",)

    (tiny_folder / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Bomb()}, tiny_folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="hold more than tensors, and what they hold else is not executed"):
        load_model(str(tiny_folder))
    assert not mark.exists()


def test_code_that_comes_with_a_model_is_never_executed(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on standard input"))
    mark = tmp_path / "executed"
    (tiny_folder / "own.py").write_text(f"open({str(mark)!r}, 'w')\nclass C: pass\n")
    edit(
        tiny_folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.C"}
    )
    for load in (read_config, load_model):
        with pytest.raises(ModelError, match="it asks for Python code that comes with it, which is not executed"):
            load(str(tiny_folder))
    assert not mark.exists()


def test_a_known_model_with_code_beside_it_is_read_without_it(tiny_folder, tmp_path):
    mark = tmp_path / "executed"
    (tiny_folder / "own.py").write_text(f"open({str(mark)!r}, 'w')\nclass C: pass\n")
    edit(tiny_folder / "config.json", auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.C"})
    assert type(load_model(str(tiny_folder))).__name__ == "Qwen2ForCausalLM"
    assert not mark.exists()


CONFIGS = {
    "unknown": ({"model_type": "no_such"}, "its config cannot be read .*no_such"),
    "words": ({"hidden_size": "thirty"}, "its config cannot be read .*hidden_size.*expected int"),
    "negative": ({"hidden_size": -4}, "hidden_size is -4, expected 0 to 1,048,576"),
    "activation": ({"hidden_act": "nope"}, "no model can be built of its config .KeyError: 'nope'"),
    "encoder": ({"model_type": "t5"}, "t5: transformers has no causal language model of this kind"),
    "dtype": ({"dtype": "floaty"}, "its config cannot be read"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_cannot_be_is_one_line(tiny_folder, kind):
    change, message = CONFIGS[kind]
    edit(tiny_folder / "config.json", **change)
    with pytest.raises(ModelError, match=message) as failed:
        skeleton(read_config(str(tiny_folder)))
    assert "\n" not in str(failed.value)


TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 20}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (BertConfig(**TINY), "bert: an encoder, in which each token sees those after it"),
        (XLMRobertaConfig(**TINY), "xlm-roberta: an encoder"),
        (
            WhisperConfig(vocab_size=20, d_model=12, pad_token_id=0),
            "whisper: it has an encoder",
        ),
        (BertConfig(**TINY, is_decoder=True), None),
        (GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=20), None),
        (BloomConfig(hidden_size=16, n_layer=1, n_head=2, vocab_size=20), None),
        (MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=20), None),
    ],
    ids=lambda value: getattr(value, "model_type", None),
)
def test_a_model_that_does_not_write_on_is_refused(config, message):
    if message is None:
        skeleton(config)
        return
    with pytest.raises(ModelError, match=f"{message}.*; expected a causal language model such as qwen2 or llama"):
        skeleton(config)


def test_a_skeleton_leaves_the_config_alone(tiny_folder):
    edit(tiny_folder / "config.json", dtype="bfloat16")
    config = read_config(str(tiny_folder))
    assert skeleton(config, torch.float32).dtype == torch.float32
    assert config.dtype == torch.bfloat16


def with_merges(text, merges):
    content = json.loads(text)
    return json.dumps({**content, "model": {**content["model"], "merges": merges}})


TOKENIZERS = {
    "cut": ("tokenizer.json", lambda text: text[:200]),
    "other content": ("tokenizer.json", lambda text: '{"a": 1}'),
    "a list": ("tokenizer.json", lambda text: "[]"),
    "merges of unknown tokens": ("tokenizer.json", lambda text: with_merges(text, [["§", "§"]])),
    "config cut": ("tokenizer_config.json", lambda text: text[:20]),
    "end that is no token": ("tokenizer_config.json", lambda text: json.dumps(json.loads(text) | {"eos_token": 7})),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_damaged_tokenizer_is_one_line(tiny_folder, kind):
    name, damage = TOKENIZERS[kind]
    file = tiny_folder / name
    file.write_text(damage(file.read_text()))
    with pytest.raises(
        ModelError,
        match=r"(cannot be loaded|config\.json: no JSON) .*; copy or download it",
    ) as failed:
        load_tokenizer(str(tiny_folder))
    assert "\n" not in str(failed.value)


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_of_sentencepiece_alone_names_the_package(tiny_folder):
    (tiny_folder / "tokenizer.json").rename(tiny_folder / "tokenizer.model")
    edit(tiny_folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizer")
    with pytest.raises(ModelError, match=r"only file is tokenizer.model, .* pip install sentencepiece"):
        load_tokenizer(str(tiny_folder))


def test_a_damaged_generation_config_is_one_line_and_none_is_none(tiny_folder):
    file = tiny_folder / "generation_config.json"
    for text, message in (('{"a', "no JSON"), ("[]", "found a list"), ('{"max_new_tokens": -4}', "must be greater")):
        file.write_text(text)
        with pytest.raises(ModelError, match=message):
            read_generation_config(str(tiny_folder))
    file.unlink()
    assert read_generation_config(str(tiny_folder)) is None
