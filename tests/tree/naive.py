"""Tiny models, padded batches, and the independent path: one row at a time, no padding, transformers' own attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from tests.models import random_model

VOCABULARY = 29
Rows = Sequence[tuple[Sequence[int], Sequence[int]]]


def tiny_model(family: str = "qwen2", *, seed: int = 0, **changes) -> PreTrainedModel:
    """A random causal language model with plain attention, in training mode."""
    settings = {"vocab_size": VOCABULARY, "initializer_range": 0.15, "attn_implementation": "sdpa"}
    return random_model(family, seed=seed, **(settings | changes)).train()


def in_float64(model: PreTrainedModel) -> PreTrainedModel:
    """The model in float64 throughout: transformers' norms go through float32, PyTorch's do not."""
    model = model.double()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__.endswith("RMSNorm"):
                norm = nn.RMSNorm(child.weight.shape[0], eps=child.variance_epsilon, dtype=torch.float64)
                norm.weight = child.weight
                setattr(module, name, norm)
    return model


def padded(rows: Rows) -> tuple[torch.Tensor, torch.Tensor, int]:
    """TRL's layout of (prompt, completion) rows: input_ids_BL, attention_mask_BL, logits_to_keep.

    The padding is a token that rows hold too.
    """
    before = max((len(prompt) for prompt, _ in rows), default=0)
    after = max((len(completion) for _, completion in rows), default=0)
    ids = torch.ones(len(rows), before + after, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, (prompt, completion) in enumerate(rows):
        tokens = torch.tensor([*prompt, *completion])
        span = slice(before - len(prompt), before + len(completion))
        ids[i, span], mask[i, span] = tokens, 1
    return ids, mask, after


def naive_logps(model: PreTrainedModel, rows: Rows, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities and entropies (B, C), 0 where a row has no token."""
    after = max((len(completion) for _, completion in rows), default=0)
    logps, entropies = [], []
    for prompt, completion in rows:
        tokens = torch.tensor([[*prompt, *completion]])
        logits = model(input_ids=tokens, use_cache=False).logits[0, len(prompt) - 1 : -1]
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        table = torch.log_softmax(logits / temperature, dim=-1)
        missing = (0, after - len(completion))
        chosen = table[torch.arange(len(completion)), tokens[0, len(prompt) :]]
        logps.append(nn.functional.pad(chosen, missing))
        entropies.append(nn.functional.pad(-(table.exp() * table).sum(-1), missing))
    return torch.stack(logps), torch.stack(entropies)


def gradient(model: nn.Module) -> torch.Tensor:
    """All gradients of trainable parameters, flat, in float64."""
    return torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten().double()
            for p in model.parameters()
            if p.requires_grad
        ]
    )


def step_rows(steps: int = 3, rollouts: int = 3, seed: int = 0, length: int = 14) -> Rows:
    """Rollouts of one trajectory: prompts are a growing trunk with a common ending, some rollouts alike."""
    generator = torch.Generator().manual_seed(seed)

    def draw(size: int) -> list[int]:
        return torch.randint(2, VOCABULARY, (size,), generator=generator).tolist()

    trunk, ending, opening, rows = [], draw(2), draw(2), []
    for step in range(steps):
        trunk += draw(length)
        same = draw(5)
        rows += [(trunk + ending, opening + draw(3 + (step + k) % 5)) for k in range(rollouts)]
        rows += [(trunk + ending, same), (trunk + ending, same), (trunk + ending, [])]
    return rows
