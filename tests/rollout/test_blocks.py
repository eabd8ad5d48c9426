"""`treadle.rollout.blocks` against one softmax over all keys."""

from __future__ import annotations

import pytest
import torch

from treadle.rollout.blocks import FLASH_QUERIES, merge_into, partial_attention

SCALE = 0.3


@pytest.mark.parametrize("extra", [0, 1], ids=["same sizes", "wider values"])
@pytest.mark.parametrize("queries", [4, FLASH_QUERIES], ids=["few queries", "many queries"])
def test_log_sum_exp_of_a_part(extra, queries):
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, size, 8, generator=g, dtype=torch.float64) for size in (queries, 4, 4))
    bias = torch.zeros(1, 1, queries, 4, dtype=torch.float64)
    bias[..., 1, 2] = torch.finfo(torch.float64).min / 2
    scores = q @ k.transpose(2, 3) * SCALE + bias
    out, lse = partial_attention(q, k, torch.cat([v, v[..., :extra]], dim=3), bias, SCALE)
    assert (lse - scores.logsumexp(-1)).abs().max() < 1e-12
    assert (out[..., :8] - scores.softmax(-1) @ v).abs().max() < 1e-12
    assert out.isfinite().all()


@pytest.mark.parametrize("rows", [slice(1, 3), torch.tensor([2, 1])], ids=["slice", "index"])
def test_parts_merged_are_attention_over_all(rows):
    g = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(4, 2, size, 8, generator=g, dtype=torch.float64) for size in (3, 9, 9))
    out, lse = partial_attention(q, k[:, :, :5], v[:, :, :5], None, SCALE)
    merge_into(out, lse, rows, partial_attention(q[rows], k[rows, :, 5:], v[rows, :, 5:], None, SCALE))
    for row in range(4):
        keys = slice(0, 9 if row in (1, 2) else 5)
        expected = (q[row] @ k[row, :, keys].transpose(1, 2) * SCALE).softmax(-1) @ v[row, :, keys]
        assert (out[row] - expected).abs().max() < 1e-12
