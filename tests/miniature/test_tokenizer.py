from __future__ import annotations

import random

import pytest
from transformers import AutoTokenizer

from treadle.miniature import world
from treadle.miniature.tokenizer import MARKS, build_tokenizer


def test_it_survives_saving_and_loading_beside_a_qwen2_model(tiny_folder):
    """AutoTokenizer rebuilds a Qwen2 model's tokenizer by its own rules; the ids must not change."""
    built, loaded = build_tokenizer(), AutoTokenizer.from_pretrained(tiny_folder)
    for i in range(50):
        steps = world.expert_trajectory(world.make_problem(random.Random(i)), "x").steps
        text = "\n".join(f"<think>{s.thought}</think>{s.action}" for s in steps)
        assert loaded(text)["input_ids"] == built(text)["input_ids"]
        assert loaded.decode(loaded(text)["input_ids"], skip_special_tokens=True) == text
    assert loaded.chat_template == built.chat_template


@pytest.mark.parametrize("mark", MARKS)
def test_marks_are_single_tokens_that_decoding_keeps(tiny_tokenizer, mark):
    ids = tiny_tokenizer(mark)["input_ids"]
    assert len(ids) == 1
    assert tiny_tokenizer.decode(ids, skip_special_tokens=True) == mark


def test_chat_template(tiny_tokenizer):
    messages = [{"role": "user", "content": "next 1"}]
    text = tiny_tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == "<|user|>next 1<|end|><|assistant|>"
    messages.append({"role": "assistant", "content": "2"})
    assert tiny_tokenizer.apply_chat_template(messages, tokenize=False) == "<|user|>next 1<|end|><|assistant|>2<|end|>"
