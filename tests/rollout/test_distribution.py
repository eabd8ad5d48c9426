"""Sampled completions against exact probabilities from naive forwards, by chi-square at a fixed seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tests.rollout.models import config_of, tiny_model
from treadle.rollout import generate_completions


def next_probs(model, tokens: list[int], **warp) -> torch.Tensor:
    """Probabilities of the next token from one naive forward."""
    with torch.no_grad():
        return warped(model(input_ids=torch.tensor([tokens])).logits[0, -1].double(), tokens, **warp)


def warped(logits: torch.Tensor, tokens: list[int], **warp) -> torch.Tensor:
    """The sampling settings applied by hand, in the order of transformers."""
    logits = logits.clone()
    if penalty := warp.get("repetition_penalty"):
        for t in set(tokens):
            logits[t] = logits[t] / penalty if logits[t] > 0 else logits[t] * penalty
    probs = (logits / warp.get("temperature", 1.0)).softmax(0)
    order = probs.argsort(descending=True).tolist()
    keep = set(order)
    if top_k := warp.get("top_k"):
        keep &= set(order[:top_k])
        probs = torch.tensor([p if i in keep else 0.0 for i, p in enumerate(probs.tolist())], dtype=torch.float64)
        probs /= probs.sum()
    if top_p := warp.get("top_p"):
        before = 0.0
        for i in order:
            if before >= top_p:
                keep.discard(i)
            before += float(probs[i])
        probs = torch.tensor([p if i in keep else 0.0 for i, p in enumerate(probs.tolist())], dtype=torch.float64)
        probs /= probs.sum()
    if min_p := warp.get("min_p"):
        probs = torch.where(probs >= min_p * probs.max(), probs, 0.0)
    return probs / probs.sum()


def chi_square(counts: Counter, probs: dict[tuple[int, ...], float], n: int) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom, cells of less than 5 expected put together."""
    assert set(counts) <= {k for k, p in probs.items() if p > 0}, "drawn although its probability is 0"
    rare = [k for k, p in probs.items() if 0 < p * n < 5]
    cells = [(counts[k], p * n) for k, p in probs.items() if p * n >= 5]
    if sum(probs[k] for k in rare) * n >= 5:
        cells.append((sum(counts[k] for k in rare), sum(probs[k] for k in rare) * n))
    return sum((o - e) ** 2 / e for o, e in cells), len(cells) - 1


@pytest.mark.parametrize(
    "warp",
    [
        {},
        {"temperature": 0.6},
        {"top_k": 4},
        {"top_p": 0.8},
        {"min_p": 0.2},
        {"repetition_penalty": 1.5},
        {"temperature": 1.4, "top_k": 6, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.2},
    ],
    ids=lambda w: ",".join(w) or "plain",
)
def test_samples_have_the_exact_distribution(warp):
    vocab, n, end = 8, 6000, 7
    model = tiny_model(vocab_size=vocab, initializer_range=0.2)
    prompts = [[2, 3, 4], [2, 3, 4, 5, 6], [2, 3, 5]]
    generator = torch.Generator().manual_seed(1)
    completions = generate_completions(
        model, [p for p in prompts for _ in range(n)], config_of(3, eos_token_id=[end], **warp), generator=generator
    )
    for i, prompt in enumerate(prompts):
        probs: dict[tuple[int, ...], float] = {}
        for first in range(vocab):
            p1 = float(next_probs(model, prompt, **warp)[first])
            if first == end or p1 == 0:
                probs[(first,)] = p1
                continue
            p2 = next_probs(model, [*prompt, first], **warp)
            for second in range(vocab):
                if second == end or p2[second] == 0:
                    probs[(first, second)] = p1 * float(p2[second])
                    continue
                p3 = next_probs(model, [*prompt, first, second], **warp)
                for third in range(vocab):
                    probs[(first, second, third)] = p1 * float(p2[second]) * float(p3[third])
        assert abs(sum(probs.values()) - 1) < 1e-9
        statistic, freedom = chi_square(Counter(map(tuple, completions[i * n : (i + 1) * n])), probs, n)
        # Wilson and Hilferty: the cube root of a chi-square over its degrees of freedom is close to normal.
        z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)) ** 0.5
        assert freedom > 3
        assert z < 3.1, (prompt, statistic, freedom, z)


@pytest.mark.parametrize(
    ("warp", "expected"),
    [
        ({}, [0.6, 0.3, 0.1]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0]),
        ({"top_p": 0.7}, [2 / 3, 1 / 3, 0]),
        ({"min_p": 0.4}, [2 / 3, 1 / 3, 0]),
        ({"temperature": 0.5}, [0.36 / 0.46, 0.09 / 0.46, 0.01 / 0.46]),
        # Log-probabilities are negative, so the penalty multiplies them: 0.6 becomes 0.36.
        ({"repetition_penalty": 2.0}, [0.36 / 0.76, 0.3 / 0.76, 0.1 / 0.76]),
    ],
)
def test_the_reference_of_the_distribution_by_hand(warp, expected):
    logits = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log()
    assert torch.allclose(warped(logits, [0], **warp), torch.tensor(expected, dtype=torch.float64), atol=1e-12)
