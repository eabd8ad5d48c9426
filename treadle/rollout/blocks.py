"""Attention over one part of the keys at a time, and how parts are put together.

Each part gives its output and the log-sum-exp of its scores; parts are merged by these, which is exact attention over
all of them.
"""

from __future__ import annotations

import torch

from treadle.rollout.cover import Private, Rectangle

# For many rows the CPU's flash kernel is slower than plain products below so many queries a head: with 3, as rows' own
# tokens have in a small model with grouped keys, by 1.8 to 3 times. For one row it takes fewer calls, and is faster.
FLASH_QUERIES = 16


class Dense:
    """A rectangle of rows and shared tokens.

    Args:
        rectangle: Which rows read which tokens.
        group: Query heads that share a key head.
        q: For dtype and device.
    """

    def __init__(self, rectangle: Rectangle, group: int, q: torch.Tensor) -> None:
        self.tokens = slice(rectangle.start, rectangle.stop)
        self.rows = slice(rectangle.row_start, rectangle.row_stop)
        self.bias = None
        if rectangle.seen is not None:
            hidden = torch.from_numpy(~rectangle.seen).to(q.device).repeat_interleave(group, dim=0)
            self.bias = _bias(hidden, q)[None, None]

    def attend(
        self, layer: int, q_RKGD: torch.Tensor, k_1KTD: torch.Tensor, v_1KTE: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output `[rows, K, G, E]` and log-sum-exp `[rows, K, G]` of the rows of the rectangle."""
        q_rKGD = q_RKGD[self.rows]
        n_rows, kv_heads, group, size = q_rKGD.shape
        q = q_rKGD.transpose(0, 1).reshape(1, kv_heads, n_rows * group, size)
        out, lse = partial_attention(q, k_1KTD[:, :, self.tokens], v_1KTE[:, :, self.tokens], self.bias, scale)
        return out.view(kv_heads, n_rows, group, -1).transpose(0, 1), lse.view(kv_heads, n_rows, group).transpose(0, 1)


class Padded:
    """Tokens that few rows read, of many prompts at a time; their keys are copied side by side once for each layer.

    Args:
        calls: Prompts with the slices of the pack that only their rows read, by call.
        q: For dtype and device.

    Attributes:
        rows: The rows in the order of the result, `[rows]` int64.
    """

    def __init__(self, calls: list[list[Private]], q: torch.Tensor) -> None:
        self._calls = [_layout(call, q) for call in calls]
        self._cache: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        slots, rows, before = [], [], 0
        for call, (_, _, row_NW) in zip(calls, self._calls, strict=True):
            width = row_NW.shape[1]
            for n, one in enumerate(call):
                rows.extend(range(one.row_start, one.row_stop))
                first = before + n * width
                slots.extend(range(first, first + one.row_stop - one.row_start))
            before += row_NW.numel()
        # In the order of the batch; a prompt with fewer rows than its call is wide leaves slots that nothing reads.
        order = sorted(range(len(rows)), key=rows.__getitem__)
        self.rows = torch.tensor([rows[i] for i in order], device=q.device)
        self._slots = torch.tensor([slots[i] for i in order], device=q.device)

    def attend(
        self, layer: int, q_RKGD: torch.Tensor, k_1KTD: torch.Tensor, v_1KTE: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output `[rows, K, G, E]` and log-sum-exp `[rows, K, G]`, in the order of `rows`."""
        if layer not in self._cache:
            self._cache[layer] = [
                tuple(x[0][:, token_NT].transpose(0, 1).contiguous() for x in (k_1KTD, v_1KTE))
                for token_NT, _, _ in self._calls
            ]
        _, kv_heads, group, size = q_RKGD.shape
        outs, lses = [], []
        for (_, bias_N11T, row_NW), (k_NKTD, v_NKTE) in zip(self._calls, self._cache[layer], strict=True):
            prompts, width = row_NW.shape
            q = q_RKGD[row_NW].transpose(1, 2).reshape(prompts, kv_heads, width * group, size)
            out, lse = partial_attention(q, k_NKTD, v_NKTE, bias_N11T, scale)
            outs.append(out.view(prompts, kv_heads, width, group, -1).transpose(1, 2).flatten(0, 1))
            lses.append(lse.view(prompts, kv_heads, width, group).transpose(1, 2).flatten(0, 1))
        return torch.cat(outs)[self._slots], torch.cat(lses)[self._slots]


def _layout(call: list[Private], q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Of one padded call: tokens `[N, T]`, bias `[N, 1, 1, T]` where some are filling, rows `[N, W]`."""
    longest, width = call[0].size, max(one.row_stop - one.row_start for one in call)
    token_NT = torch.zeros(len(call), longest, dtype=torch.long)
    hidden_NT = torch.ones(len(call), longest, dtype=torch.bool)
    row_NW = torch.empty(len(call), width, dtype=torch.long)
    for n, one in enumerate(call):
        token_NT[n, : one.size] = torch.cat([torch.arange(a, b) for a, b in one.slices])
        hidden_NT[n, : one.size] = False
        # A prompt with fewer rows repeats its first.
        row_NW[n] = one.row_start
        row_NW[n, : one.row_stop - one.row_start] = torch.arange(one.row_start, one.row_stop)
    bias_N11T = _bias(hidden_NT, q)[:, None, None] if hidden_NT.any() else None
    return token_NT.to(q.device), bias_N11T, row_NW.to(q.device)


def merge_into(
    out_RKGE: torch.Tensor,
    lse_RKG: torch.Tensor,
    rows: slice | torch.Tensor,
    part: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Add a part of the keys to the output of some rows, in place.

    Args:
        out_RKGE, lse_RKG: Over the keys so far.
        rows: Which of them the part has been computed for.
        part: Output and log-sum-exp over other keys.
    """
    part_out, part_lse = part
    weight = torch.sigmoid(part_lse - lse_RKG[rows]).unsqueeze(-1)
    out_RKGE[rows] = torch.lerp(out_RKGE[rows], part_out, weight.to(out_RKGE.dtype))
    lse_RKG[rows] = torch.logaddexp(lse_RKG[rows], part_lse)


def partial_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over a part of the keys, and the log-sum-exp of its scores, by which parts are merged.

    Args:
        q, k, v: `[B, K, Q, D]`, `[B, K, T, D]`, `[B, K, T, E]`.
        bias: Added to the scores, `[1, 1, Q, T]`, `[B, 1, 1, T]` or `None`.
        scale: Factor of the scores.

    Returns:
        `[B, K, Q, E]` in the dtype of `v`, and `[B, K, Q]` in float32 or float64.
    """
    few = q.shape[0] > 1 and q.shape[2] < FLASH_QUERIES
    if q.device.type == "cpu" and q.shape[3] == v.shape[3] and not few:
        if bias is not None:
            bias = bias.expand(-1, -1, q.shape[2], -1)
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q, k, v, 0.0, False, attn_mask=bias, scale=scale
        )
        return out, lse
    # Elsewhere as transformers' "eager" does it: scores in the model's dtype, softmax in float32.
    scores = torch.matmul(q, k.transpose(2, 3)) * scale
    if bias is not None:
        scores = scores + bias
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    lse = torch.logsumexp(scores, dim=-1)
    return torch.matmul(torch.exp(scores - lse.unsqueeze(-1)).to(v.dtype), v), lse


def _bias(hidden: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Half of the smallest number where hidden: far below any score, and sums with scores stay finite, so that a row
    without any token in a part gets weight 0 in the merge and not "not a number"."""
    bias = torch.zeros(hidden.shape, dtype=q.dtype, device=q.device)
    return bias.masked_fill_(hidden.to(q.device), torch.finfo(q.dtype).min / 2)
