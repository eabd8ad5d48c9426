"""What `benchmarks/tree.py` measures on: rows of one trajectory, and models with random weights."""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

KINDS = ("math", "agent")
_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
MODELS = {
    name: dict(zip((*_SIZES, "vocab_size"), sizes, strict=True))
    for name, sizes in {
        "small": (256, 704, 6, 8, 2, 8192),  # for a CPU; the others are Qwen2.5's
        "0.5b": (896, 4864, 24, 14, 2, 151936),
        "1.5b": (1536, 8960, 28, 12, 2, 151936),
    }.items()
}


class Rows(NamedTuple):
    """B rows in TRL's padding: prompts on the left, completions on the right.

    Args:
        input_ids, mask: `[B, P + C]`.
        weights: `[B, C]`, what each completion token's log-prob counts.
        completion: C.
    """

    input_ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor
    completion: int

    def take(self, rows: np.ndarray | slice, trim: bool = False) -> Rows:
        ids, mask, weights = self.input_ids[rows], self.mask[rows], self.weights[rows]
        if not trim:
            return Rows(ids, mask, weights, self.completion)
        used = mask.any(0).nonzero()[:, 0]
        first, last = int(used[0]), int(used[-1]) + 1
        cut = ids.shape[1] - last
        return Rows(
            ids[:, first:last], mask[:, first:last], weights[:, : weights.shape[1] - cut], self.completion - cut
        )

    def prompts(self) -> list[list[int]]:
        """Token ids of every row's prompt."""
        columns = self.input_ids.shape[1] - self.completion
        pairs = zip(self.input_ids[:, :columns], self.mask[:, :columns], strict=True)
        return [ids[mask.bool()].tolist() for ids, mask in pairs]


def workload(kind: str, scale: float, vocab: int, seed: int = 0, device: str = "cpu") -> Rows:
    """One trajectory with all its rollouts, lengths times `scale`; lengths as the design's table has them."""
    draw = np.random.default_rng(seed)
    text = lambda length: draw.integers(10, vocab, max(int(length), 1))  # noqa: E731
    steps, rollouts, first, further = (8, 8, 150, 120) if kind == "math" else (20, 4, 1500, 480)
    trunk = [text(first * scale)] + [text(further * scale) for _ in range(steps - 1)]
    ending = text(5)  # what the chat template puts after every prompt
    prompts, completions = [], []
    for k in range(steps):
        for _ in range(rollouts):
            length = draw.integers(200, 301) if kind == "math" else 150
            prompts.append(np.concatenate([*trunk[: k + 1], ending]))
            completions.append(text(length * scale))
    prompt, completion = max(map(len, prompts)), max(map(len, completions))
    ids = np.zeros((len(prompts), prompt + completion), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, (p, c) in enumerate(zip(prompts, completions, strict=True)):
        ids[row, prompt - len(p) : prompt + len(c)] = np.concatenate([p, c])
        mask[row, prompt - len(p) : prompt + len(c)] = 1
    weights = torch.tensor(draw.standard_normal((len(prompts), completion)), dtype=torch.float32)
    tensors = torch.tensor(ids), torch.tensor(mask), weights * torch.tensor(mask[:, -completion:])
    return Rows(*(x.to(device) for x in tensors), completion)


def siblings(kind: str) -> int:
    """Rollouts of one prompt."""
    return 8 if kind == "math" else 4


def model_of(arguments: argparse.Namespace) -> Qwen2ForCausalLM:
    """A Qwen2 with random weights of the asked size, dtype and device."""
    torch.manual_seed(0)
    config = Qwen2Config(**MODELS[arguments.model], max_position_embeddings=65536, tie_word_embeddings=True)
    return Qwen2ForCausalLM(config).to(arguments.device, getattr(torch, arguments.dtype))


def clock() -> float:
    """Seconds, once the GPU, where there is one, has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
