"""Tiny random models with the miniature's tokenizer, and the prompts that the tests of back ends share."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from treadle.evaluate.records import Request

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    # Large weights: with small ones a random model says the same token for ever.
    "initializer_range": 0.4,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
TEXTS = ("next 1", "solve 123a45b67", "next 99\na1*2", "solve 5", "solve 5+5", "next 1")


def llama(tokenizer, dtype=torch.float64):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE)).to(dtype).eval()


def mistral(tokenizer, window=None, dtype=torch.float64):
    """The same weights with and without a window; one wider than all rows changes nothing but who computes it."""
    torch.manual_seed(0)
    config = MistralConfig(vocab_size=len(tokenizer), sliding_window=window, **SHAPE)
    return MistralForCausalLM(config).to(dtype).eval()


def ask(text, seed=0):
    return Request([{"role": "user", "content": text}], seed)


def samples(per_prompt, texts=TEXTS):
    """Requests for several samples of each text, each with a seed of its own."""
    return [ask(text, 100 * t + k) for t, text in enumerate(texts) for k in range(per_prompt)]


def collected(backend, requests, sampling):
    """Generations in the order of the requests; each index must come exactly once."""
    pairs = list(backend.generate(requests, sampling))
    assert sorted(i for i, _ in pairs) == list(range(len(requests)))
    return [generation for _, generation in sorted(pairs, key=lambda pair: pair[0])]


def greedy_by_generate(model, tokenizer, text, limit, ends=(1,)):
    """Text, tokens and whether it ended, from transformers' own `generate` on one prompt without padding."""
    message = [{"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(message, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    with torch.inference_mode():
        output = model.generate(ids, max_new_tokens=limit, do_sample=False, pad_token_id=0, eos_token_id=list(ends))
    new = output[0, ids.shape[1] :].tolist()
    return tokenizer.decode(new, skip_special_tokens=True), len(new), new[-1] in ends
