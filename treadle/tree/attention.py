"""Attention over a packed tree, in any Hugging Face model, without a mask and without gathering keys.

Each node attends causally to its own chain and, as part of one dense block, to each chain above it; the results are
merged by log-sum-exp ("cascade attention", Ye et al. 2024). The work is that of the scores that the rows need and no
more.

The function is registered once with transformers under `NAME`, and set on a model for good. A forward with the keyword
`tree=` takes the tree; without it, it is transformers' own `sdpa`, masks included. Nothing is switched around a
forward: gradient checkpointing runs the attention again during the backward pass, when no context manager is open, and
gets the same keyword.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from treadle.errors import ModelError
from treadle.tree.kernels import HALF, kernel_for
from treadle.tree.trie import Tails, Tree

NAME = "treadle_tree"
WIDE = {"cpu"}
"""Devices that compute in float32: their kernels are slower in half precision, which is converted part by part."""
Tensor = torch.Tensor


def packed_mask(tree: Tree) -> Tensor:
    """What to pass as `attention_mask` beside `tree=`: transformers hands on a 4-D mask as it is and makes none itself.

    It broadcasts to no scores, so a model that loses the keyword `tree` on the way fails instead of going on without.
    """
    return torch.empty(1, 1, 2, 0, dtype=torch.bool, device=tree.input_ids_1T.device)


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    tree: Tree | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: (1, heads, T, D) to (1, T, heads, D); see `AttentionInterface`.

    Raises:
        ModelError: With a tree, the layer asks for something that the tree's attention lacks.
    """
    if tree is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    return _attend_tree(query, key, value, query.shape[-1] ** -0.5 if scaling is None else scaling, tree, kwargs), None


@torch.compiler.disable
def _attend_tree(query: Tensor, key: Tensor, value: Tensor, scale: float, tree: Tree, asked: dict[str, Any]) -> Tensor:
    for name in ("dropout", "sliding_window", "softcap", "s_aux", "position_bias", "output_attentions"):
        wish = asked.get(name)
        if not (wish is None or (isinstance(wish, (int, float)) and wish == 0)):
            found = type(wish).__name__ if torch.is_tensor(wish) else wish
            raise ModelError(
                f"the model's attention asks for {name} ({found}), which the prefix tree does not compute; expected "
                "plain full attention without dropout. Forward without `tree=`."
            )
    if query.shape[2] != tree.size or key.shape[2] != tree.size:
        raise ModelError(
            f"the attention got {query.shape[2]} queries and {key.shape[2]} keys for a tree of {tree.size} tokens; "
            "expected the tree's own tokens and no cache. Forward `tree.input_ids_1T` with `use_cache=False`."
        )
    device = query.device.type
    if torch.is_autocast_enabled(device) and query.dtype != torch.float64:
        query, key, value = (x.to(torch.get_autocast_dtype(device)) for x in (query, key, value))
    return TreeAttention.apply(query, key, value, tree, scale).transpose(1, 2)


class TreeAttention(torch.autograd.Function):
    """(query (1, H, T, D), key and value (1, K, T, D), tree, scale) -> (1, H, T, D), where K divides H.

    Half precision is merged and summed in float32, since a trunk's keys gather gradients from many blocks.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, tree: Tree, scale: float) -> Tensor:
        held = query, key, value
        query, key, value = map(_computed, held)
        kernel = kernel_for(query, value)
        heads, groups, copies = query.shape[1], key.shape[1], query.shape[1] // key.shape[1]
        out = _wide_empty(query, value.shape[-1])
        lse = out.new_empty(out.shape[:-1])
        with torch.autocast(query.device.type, enabled=False):
            for tails in tree.tails:
                q, k, v = _own(query, tails), _copied(_own(key, tails), copies), _copied(_own(value, tails), copies)
                block_out, block_lse = kernel.forward(q, k, v, True, scale)
                _put(out, tails, block_out)
                _put(lse, tails, block_lse)
            for first, last, key_first, key_last in tree.blocks:
                # Heads that share keys stand one after the other, so a group of them is one head with more queries.
                q = query[:, :, first:last].reshape(1, groups, -1, query.shape[-1])
                k, v = key[:, :, key_first:key_last], value[:, :, key_first:key_last]
                block_out, block_lse = kernel.forward(q, k, v, False, scale)
                block_out = block_out.reshape(1, heads, last - first, -1).to(out.dtype)
                block_lse = block_lse.reshape(1, heads, last - first)
                merged = lse[:, :, first:last]
                out[:, :, first:last].lerp_(block_out, torch.sigmoid(block_lse - merged)[..., None])
                merged.copy_(torch.logaddexp(merged, block_lse))
        out = out.to(held[0].dtype)
        ctx.save_for_backward(*held, out, lse)
        ctx.tree, ctx.scale = tree, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Read once: activation checkpointing lets saved tensors be unpacked one time.
        saved = ctx.saved_tensors
        query, key, value, out, lse, grad = map(_computed, (*saved, grad))
        tree, scale, kernel = ctx.tree, ctx.scale, kernel_for(query, value)
        heads, groups, copies = query.shape[1], key.shape[1], query.shape[1] // key.shape[1]
        grads = [_wide_empty(x, x.shape[-1]) for x in (query, key, value)]
        with torch.autocast(query.device.type, enabled=False):
            for tails in tree.tails:
                q, k, v = _own(query, tails), _copied(_own(key, tails), copies), _copied(_own(value, tails), copies)
                above = _own(grad, tails)
                if tails.real_NL is not None:
                    above = above * tails.real_NL[:, None, :, None]
                dq, dk, dv = kernel.backward(above, q, k, v, _own(out, tails), _own(lse, tails), True, scale)
                for target, part in zip(grads, (dq, _summed(dk, groups), _summed(dv, groups)), strict=True):
                    _put(target, tails, part)
            for first, last, key_first, key_last in tree.blocks:

                def folded(x: Tensor, span: slice = slice(first, last)) -> Tensor:
                    return x[:, :, span].reshape(1, groups, -1, *x.shape[3:])

                k, v = key[:, :, key_first:key_last], value[:, :, key_first:key_last]
                dq, dk, dv = kernel.backward(folded(grad), folded(query), k, v, folded(out), folded(lse), False, scale)
                grads[0][:, :, first:last] += dq.reshape(1, heads, last - first, -1)
                grads[1][:, :, key_first:key_last] += dk
                grads[2][:, :, key_first:key_last] += dv
        return (*(g.to(x.dtype) for g, x in zip(grads, saved[:3], strict=True)), None, None)


def _wide_empty(x: Tensor, size: int) -> Tensor:
    return x.new_empty(*x.shape[:-1], size, dtype=torch.float32 if x.dtype in HALF else x.dtype)


def _computed(x: Tensor) -> Tensor:
    """As it is computed with, see `WIDE`."""
    return x.float() if x.device.type in WIDE and x.dtype in HALF else x


def _own(x: Tensor, tails: Tails) -> Tensor:
    """(1, H, T, ...) to the tails' (N, H, L, ...)."""
    if tails.index_NL is None:
        return x[:, :, tails.start : tails.end]
    return x[0][:, tails.index_NL].transpose(0, 1)


def _put(target: Tensor, tails: Tails, part: Tensor) -> None:
    """Write the tails' (N, H, L, ...) where they belong in (1, H, T, ...)."""
    if tails.index_NL is None:
        target[:, :, tails.start : tails.end] = part
    else:
        real = part.transpose(0, 1).flatten(1, 2).index_select(1, tails.real_M)
        target[0].index_copy_(1, tails.index_NL.flatten()[tails.real_M], real.to(target.dtype))


def _copied(x: Tensor, copies: int) -> Tensor:
    return x if copies == 1 else x.repeat_interleave(copies, dim=1)


def _summed(x: Tensor, groups: int) -> Tensor:
    return x if x.shape[1] == groups else x.unflatten(1, (groups, -1)).sum(2, dtype=_wide_empty(x, 0).dtype)


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
