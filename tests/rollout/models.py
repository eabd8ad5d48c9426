"""Tiny random models and the generation they are held against: `generate` on left-padded prompts."""

from __future__ import annotations

import torch
from transformers import GenerationConfig, PreTrainedModel

from tests import models

VOCAB = 48
PAD = 0
SHAPE = models.SHAPE | {
    "vocab_size": VOCAB,
    # Large weights: with small ones a random model says the same token for ever.
    "initializer_range": 0.4,
}
HEADS = {"llama": {"num_key_value_heads": 1}, "qwen3": {"num_key_value_heads": 4, "head_dim": 16}}


def tiny_model(family: str = "qwen2", dtype: torch.dtype = torch.float32, seed: int = 0, **changes) -> PreTrainedModel:
    model = models.random_model(family, seed=seed, **(SHAPE | HEADS.get(family, {}) | changes))
    return model.to(dtype).eval()


def config_of(max_new_tokens: int, **settings) -> GenerationConfig:
    """The configuration that TRL 1.16 builds in `GRPOTrainer.__init__`, with changes."""
    defaults = {
        "max_new_tokens": max_new_tokens,
        "do_sample": True,
        "pad_token_id": PAD,
        "bos_token_id": None,
        "eos_token_id": [1],
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "cache_implementation": None,
    }
    return GenerationConfig(**(defaults | settings), disable_compile=True)


def stock_completions(model, prompts: list[list[int]], config: GenerationConfig) -> list[list[int]]:
    """What TRL 1.16 gets from `generate`: left-padded prompts, everything after the first end token cut off."""
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with torch.no_grad():
        rows = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, width:].tolist()
    ends = set(config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id])
    cut = [next((i + 1 for i, t in enumerate(row) if t in ends), len(row)) for row in rows]
    return [row[:n] for row, n in zip(rows, cut, strict=True)]


def trajectory_prompts(seed: int, steps: int, step_length: int, suffix: int = 2) -> list[list[int]]:
    """Prompts of a trajectory: a growing trunk, each followed by the same few tokens."""
    g = torch.Generator().manual_seed(seed)
    trunk = torch.randint(2, VOCAB, (steps * step_length,), generator=g).tolist()
    end = torch.randint(2, VOCAB, (suffix,), generator=g).tolist()
    return [trunk[: (i + 1) * step_length] + end for i in range(steps)]
