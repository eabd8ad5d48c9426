"""Attention for generation over a shared prompt: every prefix token is cached once for all rows that read it.

`Prefill` forwards a `plan.Pack` as one row and keeps its keys and values. `Decode` forwards one new token for every
row of a batch: queries of all rows meet the shared tokens in a few dense products, those that few rows read in padded
ones (`cover`), then each row its own tokens; the parts are merged (`blocks`), which is exact attention over all.
A cache of transformers would hold the shared tokens once for every row and read them as often.

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
from treadle.rollout.blocks import Dense, Padded, merge_into, partial_attention
from treadle.rollout.cover import MOST_PADDED, cover
from treadle.rollout.plan import Pack

NAME = "treadle_rollout"
# New tokens of a row for which room is made at a time.
ROOM = 128
# What one more block of attention costs, in products of queries and keys: on a CPU core anything from 3e5 to 3e6 is
# within a tenth of the best; the value for CUDA is an estimate.
CALL_COST = {"cpu": 1e6, "cuda": 2e8}
# Where tokens that few rows read go into padded calls. In float32 the model's own products take several times longer,
# so that calls of attention matter less; there completions stay those of earlier versions to the bit.
PADDED = (torch.bfloat16, torch.float16)


def copied_beside(dtype: torch.dtype) -> float:
    """Tokens that `Decode` may hold beside each token of a prefill that few rows read: copies in padded calls."""
    return MOST_PADDED if dtype in PADDED else 0.0


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
        max_copied: Most tokens of the prefill that may be held a second time, where few rows read them; `None` for
            no bound.
    """

    def __init__(self, prefill: Prefill, rows: list[int], max_copied: int | None = None) -> None:
        self.prefill = prefill
        self.max_copied = max_copied
        self.rows = rows
        self.length = 0
        self.own: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._blocks: list[Dense | Padded] | None = None

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
        out_RKGE, lse_RKG = partial_attention(q_RKGD, own_k, own_v, None, scale)
        for block in self._parts(q_RKGD):
            part = block.attend(layer, q_RKGD, self.prefill.keys[layer], self.prefill.values[layer], scale)
            merge_into(out_RKGE, lse_RKG, block.rows, part)
        return out_RKGE.reshape(n_rows, heads, 1, -1)

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

    def _parts(self, q_RKGD: torch.Tensor) -> list[Dense | Padded]:
        if self._blocks is None:
            _, kv_heads, group, size = q_RKGD.shape
            call_cost = CALL_COST.get(q_RKGD.device.type, CALL_COST["cuda"]) / (kv_heads * group * size)
            max_copied = self.max_copied if q_RKGD.dtype in PADDED else 0
            rectangles, calls = cover(self.prefill.packed, self.rows, call_cost, max_copied)
            self._blocks = [Dense(rectangle, group, q_RKGD) for rectangle in rectangles]
            self._blocks += [Padded(calls, q_RKGD)] if calls else []
        return self._blocks


def _with_room(x: torch.Tensor, length: int, rows: torch.Tensor | None = None) -> torch.Tensor:
    """A copy of `[rows, K, :length, D]` with room for `ROOM` more tokens."""
    n_rows = x.shape[0] if rows is None else len(rows)
    buffer = x.new_empty(n_rows, x.shape[1], length + ROOM, x.shape[3])
    buffer[:, :, :length] = x[:, :, :length] if rows is None else x[rows, :, :length]
    return buffer


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
