"""Generation against transformers' own `generate`, one prompt at a time and without padding."""

from __future__ import annotations

import pytest
import torch

from treadle.evaluate.generation import generate

PROMPTS = [[{"role": "user", "content": text}] for text in ("next 1", "solve 123a45b67", "next 99\na1*2", "solve 5")]


def one_by_one(model, tokenizer, limit):
    texts = []
    for prompt in PROMPTS:
        ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_tensors="pt", return_dict=False)
        with torch.inference_mode():
            output = model.generate(ids, max_new_tokens=limit, do_sample=False, pad_token_id=0, eos_token_id=1)
        texts.append(tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True))
    return texts


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_greedy_text_is_that_of_unbatched_generate(tiny_model, tiny_tokenizer, batch_size):
    found = generate(tiny_model, tiny_tokenizer, PROMPTS, 12, batch_size=batch_size)
    assert [g.text for g in found] == one_by_one(tiny_model, tiny_tokenizer, 12)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_models_own_generation_settings_do_not_change_the_distribution(tiny_model, tiny_tokenizer, temperature):
    runs = []
    for settings in (
        {},
        {"repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "top_p": 0.1, "top_k": 1, "min_p": 0.9},
    ):
        for name, value in settings.items():
            setattr(tiny_model.generation_config, name, value)
        torch.manual_seed(0)
        runs.append([g.text for g in generate(tiny_model, tiny_tokenizer, PROMPTS, 12, temperature=temperature)])
    assert runs[0] == runs[1]


def test_lengths_and_truncation(tiny_model, tiny_tokenizer):
    found = generate(tiny_model, tiny_tokenizer, PROMPTS * 20, 12, temperature=3.0)
    for g in found:
        assert 1 <= g.n_tokens <= 12
        if g.truncated:
            assert g.n_tokens == 12
    ended = [g for g in found if not g.truncated]
    assert ended
    assert all(len(tiny_tokenizer(g.text)["input_ids"]) <= g.n_tokens for g in found)


def test_sampling_repeats_with_the_seed(tiny_model, tiny_tokenizer):
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append([g.text for g in generate(tiny_model, tiny_tokenizer, PROMPTS, 12, temperature=1.0)])
    assert runs[0] == runs[1] != runs[2]


def test_no_prompts_give_nothing(tiny_model, tiny_tokenizer):
    assert generate(tiny_model, tiny_tokenizer, [], 4) == []
