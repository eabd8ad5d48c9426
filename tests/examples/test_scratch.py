"""The tokenizer loses nothing and comes back as it was saved; a model is trained and saved as any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from examples.scratch import Size, build_tokenizer, pretrain

TEXTS = ["ship 12 from A to X", "Plants have A 8 B 15. Lines: period T make N.", "<think>need 7</think>period 1 make 7"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(TEXTS * 20, 400)


@given(st.text(max_size=60))
def test_no_character_is_lost(tokenizer, text):
    for whole in (text, f"ship {text} from A"):
        assert tokenizer.decode(tokenizer(whole)["input_ids"]) == whole


def test_a_digit_is_a_token_and_so_are_words_and_tags(tokenizer):
    assert tokenizer.tokenize("ship 125 from A") == ["ship", "Ġ1", "2", "5", "Ġfrom", "ĠA"]
    assert build_tokenizer(TEXTS * 20, 400, whole_numbers=True).tokenize("ship 12 from A") == [
        "ship",
        "Ġ12",
        "Ġfrom",
        "ĠA",
    ]
    assert tokenizer.tokenize("<think>need 7</think>")[0::3] == ["<think>", "</think>"]


def test_a_model_is_loaded_as_it_was_saved(tokenizer, tmp_path):
    said = []
    size = Size(hidden=16, layers=1, heads=2, steps=100, batch=2, micro_batches=1, learning_rate=1e-2)
    pretrain(tmp_path, lambda rng: ("go", "", rng.choice(TEXTS)), tokenizer, size, said=lambda *now: said.append(now))
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert [loaded.tokenize(text) for text in TEXTS] == [tokenizer.tokenize(text) for text in TEXTS]
    assert loaded.chat_template == tokenizer.chat_template
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config.vocab_size == len(loaded)
    ((step, loss),) = said
    assert step == 100
    assert loss < 5.9  # that of guessing among 390 tokens is log(390) = 5.97


def test_a_seed_gives_one_model(tokenizer, tmp_path):
    size = Size(hidden=16, layers=1, heads=2, steps=3, batch=2, micro_batches=1)

    def weights(name: str, seed: int) -> bytes:
        pretrain(tmp_path / name, lambda rng: ("go", "", rng.choice(TEXTS)), tokenizer, size, seed)
        return (tmp_path / name / "model.safetensors").read_bytes()

    assert weights("a", 1) == weights("b", 1) != weights("c", 2)
