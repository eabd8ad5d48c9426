"""Attention for generation over a shared prompt: every prefix token is cached once for all rows that read it.

`Prefill` forwards a `plan.Pack` as one row and keeps its keys and values. `Decode` forwards one new token for every
row of a batch: queries of all rows meet the shared tokens in a few dense products (`plan.cover`), then each row its
own tokens, and the parts are merged by their log-sum-exps, which is exact attention over both. A cache of
transformers would hold the shared tokens once for every row and read them as often.

Both travel to the attention layers as the forward's keyword `rollout`; `attention_of` sets the implementation that
reads it for the time of a `with` block. Nothing is recomputed from a forward under it (no gradients), so that
switching is safe here.

The split of attention over a shared prefix is that of Juravsky et al., "Hydragen" (2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, PreTrainedModel

from treadle.errors import ModelError
from treadle.rollout.plan import Pack, Rectangle, cover

NAME = "treadle_rollout"
# New tokens of a row for which room is made at a time.
ROOM = 128
# What one more block of attention costs, in products of queries and keys: on a CPU core anything from 3e5 to 3e6 is
# within a tenth of the best; the value for CUDA is an estimate.
CALL_COST = {"cpu": 1e6, "cuda": 2e8}
# For many rows the CPU's flash kernel is slower than plain products below so many queries a head: with 3, as rows' own
# tokens have in a small model with grouped keys, by 1.8 to 3 times. For one row it takes fewer calls, and is faster.
FLASH_QUERIES = 16


class Prefill:
    """Keys and values of a pack, filled by one forward of its tokens.

    Attributes:
        keys, values: By layer, `[1, kv heads, T, head size]`.
    """

    def __init__(self, packed: Pack, device: torch.device) -> None:
        self.packed = packed
        self.device = device
        self.keys: dict[int, torch.Tensor] = {}
        self.values: dict[int, torch.Tensor] = {}

    def attend(
        self, layer: int, q_1HTD: torch.Tensor, k_1KTD: torch.Tensor, v_1KTD: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of the whole pack, `[1, H, T, D]`: each segment reads its path and itself."""
        self.keys[layer], self.values[layer] = k_1KTD, v_1KTD
        repeat = q_1HTD.shape[1] // k_1KTD.shape[1]
        out_1HTD = q_1HTD.new_empty(*q_1HTD.shape[:-1], v_1KTD.shape[-1])
        for segment in self.packed.segments:
            pieces = [*segment.path, (segment.start, segment.stop)]
            k = torch.cat([k_1KTD[:, :, a:b] for a, b in pieces], dim=2).repeat_interleave(repeat, dim=1)
            v = torch.cat([v_1KTD[:, :, a:b] for a, b in pieces], dim=2).repeat_interleave(repeat, dim=1)
            own, before = segment.stop - segment.start, k.shape[2] - (segment.stop - segment.start)
            seen = None
            if segment.path:
                seen = torch.ones(own, before + own, dtype=torch.bool, device=q_1HTD.device).tril(before)
            out_1HTD[:, :, segment.start : segment.stop] = F.scaled_dot_product_attention(
                q_1HTD[:, :, segment.start : segment.stop], k, v, attn_mask=seen, is_causal=seen is None, scale=scale
            )
        return out_1HTD


class Decode:
    """Cache of a decoding batch: the shared tokens of a `Prefill`, and every row's own.

    Args:
        prefill: A prefill whose forward is done.
        rows: Prompt of each row, in the order of the pack.
    """

    def __init__(self, prefill: Prefill, rows: list[int]) -> None:
        self.prefill = prefill
        self.rows = rows
        self.length = 0
        self.own: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._blocks: list[tuple[Rectangle, torch.Tensor | None]] | None = None

    def select(self, keep: list[int]) -> None:
        """Keep some rows, given in order; their own cache is copied, the shared one stays."""
        index = torch.tensor(keep, device=self.prefill.device)
        self.rows = [self.rows[i] for i in keep]
        self._blocks = None
        for layer, pair in self.own.items():
            self.own[layer] = tuple(_with_room(x, self.length, index) for x in pair)

    def advance(self) -> None:
        """The token of every row is in the cache of every layer: the next forward brings the next one."""
        self.length += 1

    def attend(
        self, layer: int, q_RH1D: torch.Tensor, k_RK1D: torch.Tensor, v_RK1D: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of one new token for each row, `[R, H, 1, D]`; the token's key and value are cached."""
        n_rows, heads, _, _ = q_RH1D.shape
        kv_heads = k_RK1D.shape[1]
        group = heads // kv_heads
        # Query heads that share a key head become queries of that head, so that keys are never repeated.
        q_RKGD = q_RH1D.reshape(n_rows, kv_heads, group, -1)
        own_k, own_v = self._append(layer, k_RK1D, v_RK1D)
        own_out, own_lse = partial_attention(q_RKGD, own_k, own_v, None, scale)
        # Rows side by side: [1, K, R * G, D].
        q = q_RKGD.transpose(0, 1).reshape(1, kv_heads, n_rows * group, -1)
        out = own_out.transpose(0, 1).reshape(1, kv_heads, n_rows * group, -1)
        lse = own_lse.transpose(0, 1).reshape(1, kv_heads, n_rows * group)
        shared_k, shared_v = self.prefill.keys[layer], self.prefill.values[layer]
        for block, bias in self._cover(q, group):
            where = slice(block.row_start * group, block.row_stop * group)
            tokens = slice(block.start, block.stop)
            part_out, part_lse = partial_attention(
                q[:, :, where], shared_k[:, :, tokens], shared_v[:, :, tokens], bias, scale
            )
            weight = torch.sigmoid(part_lse - lse[:, :, where]).unsqueeze(-1)
            out[:, :, where] = torch.lerp(out[:, :, where], part_out, weight.to(out.dtype))
            lse[:, :, where] = torch.logaddexp(lse[:, :, where], part_lse)
        return out.reshape(kv_heads, n_rows, group, -1).transpose(0, 1).reshape(n_rows, heads, 1, -1)

    def _append(self, layer: int, *new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if layer not in self.own:
            self.own[layer] = tuple(x.new_empty(*x.shape[:2], ROOM, x.shape[3]) for x in new)
        elif self.own[layer][0].shape[2] == self.length:
            self.own[layer] = tuple(_with_room(x, self.length) for x in self.own[layer])
        stop = self.length + 1
        for buffer, x in zip(self.own[layer], new, strict=True):
            buffer[:, :, self.length : stop] = x
        keys, values = self.own[layer]
        return keys[:, :, :stop], values[:, :, :stop]

    def _cover(self, q: torch.Tensor, group: int) -> list[tuple[Rectangle, torch.Tensor | None]]:
        if self._blocks is None:
            pair_cost = q.shape[1] * group * q.shape[3]
            call_cost = CALL_COST.get(q.device.type, CALL_COST["cuda"]) / pair_cost
            self._blocks = []
            for block in cover(self.prefill.packed, self.rows, call_cost):
                bias = None
                if block.seen is not None:
                    # Half of the smallest number: far below any score, and sums with scores stay finite, so that a
                    # row without any token in a block gets weight 0 in the merge and not "not a number".
                    hidden = torch.from_numpy(~block.seen).to(q.device).repeat_interleave(group, dim=0)
                    bias = torch.zeros(hidden.shape, dtype=q.dtype, device=q.device)
                    bias = bias.masked_fill_(hidden, torch.finfo(q.dtype).min / 2)[None, None]
                self._blocks.append((block, bias))
        return self._blocks


def _with_room(x: torch.Tensor, length: int, rows: torch.Tensor | None = None) -> torch.Tensor:
    """A copy of `[rows, K, :length, D]` with room for `ROOM` more tokens."""
    n_rows = x.shape[0] if rows is None else len(rows)
    buffer = x.new_empty(n_rows, x.shape[1], length + ROOM, x.shape[3])
    buffer[:, :, :length] = x[:, :, :length] if rows is None else x[rows, :, :length]
    return buffer


def partial_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over a part of the keys, and the log-sum-exp of its scores, by which parts are merged.

    Args:
        q, k, v: `[B, K, Q, D]`, `[B, K, T, D]`, `[B, K, T, E]`.
        bias: Added to the scores, `[1, 1, Q, T]` or `None`.
        scale: Factor of the scores.

    Returns:
        `[B, K, Q, E]` in the dtype of `v`, and `[B, K, Q]` in float32 or float64.
    """
    few = q.shape[0] > 1 and q.shape[2] < FLASH_QUERIES
    if q.device.type == "cpu" and q.shape[3] == v.shape[3] and not few:
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


def rollout_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    rollout: Prefill | Decode | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls; see `transformers.AttentionInterface`.

    Raises:
        ModelError: The layer asks for more than plain causal attention.
    """
    more = [k for k in ("sliding_window", "softcap", "s_aux", "position_bias") if kwargs.get(k) is not None]
    if rollout is None or attention_mask is not None or more:
        what = ", ".join(more) if more else "a mask" if attention_mask is not None else "no rollout state"
        raise ModelError(
            f"{type(module).__name__} called treadle's rollout attention with {what}; plain causal attention was "
            "expected. Generate with the model's own `generate` instead."
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # Autocast leaves queries and keys in float32 (rotary embedding) and values in the lower dtype.
    out = rollout.attend(module.layer_idx, query.to(value.dtype), key.to(value.dtype), value, scale)
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, rollout_attention)


@contextmanager
def attention_of(model: PreTrainedModel) -> Iterator[None]:
    """Let a model use the attention of this module for the time of a `with` block, in eval mode."""
    before = model.config._attn_implementation
    in_training = [module for module in model.modules() if module.training]
    model.set_attn_implementation(NAME)
    model.eval()
    try:
        yield
    finally:
        model.set_attn_implementation(before)
        for module in in_training:
            module.training = True
