"""Log-probabilities and entropies from hidden states without ever holding all logits.

The vocabulary is large, so the logits of a batch weigh more than all other activations. They are computed for a piece
of the positions at a time, reduced to two numbers each, dropped, and computed again in the backward pass.

A head that is a plain linear layer goes through one autograd function, which works in place. Any other head (with LoRA,
quantised, sharded, with hooks) is called as a module under gradient checkpointing, a piece at a time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint

from treadle.tree.kernels import HALF

Tensor = torch.Tensor
LOGITS_HELD = {"cpu": 2**22, "cuda": 2**26}
"""Logits held at once, by device. On CPU, measured: small pieces stay in the cache; on CUDA a guess."""
ROWS_HELD = 256
"""Positions that a piece has at least: with fewer, the matrix products lose more than memory gains."""


@torch.compiler.disable
def score(
    head: torch.nn.Module, hidden_MH: Tensor, labels_M: Tensor, temperature: float, entropy: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Log-probability of each label, the entropy of its distribution if asked for, and whether no token is likelier.

    All (M,); the first two are differentiable, in float32, or float64 where the hidden states are. Logits are computed
    in the head's dtype, or autocast's.

    Args:
        head: Module from hidden states to logits.
        hidden_MH: Hidden states.
        labels_M: int64 tokens. M may be 0; the result is then still connected to the hidden states.
        temperature: The logits are divided by it.
        entropy: Whether to return entropies.
    """
    vocabulary = getattr(head, "out_features", None) or head.weight.shape[0]
    step = max(LOGITS_HELD.get(hidden_MH.device.type, 2**24) // vocabulary, ROWS_HELD)
    if _is_plain(head):
        weight, bias, device = head.weight, head.bias, hidden_MH.device.type
        if torch.is_autocast_enabled(device) and hidden_MH.dtype != torch.float64:
            dtype = torch.get_autocast_dtype(device)
            hidden_MH, weight, bias = (x if x is None else x.to(dtype) for x in (hidden_MH, weight, bias))
        log_probs_M, entropies_M, top_M = _Scores.apply(hidden_MH, weight, bias, labels_M, temperature, step, entropy)
    else:
        pieces = [
            checkpoint(_score_piece, head, hidden_M, label_M, temperature, entropy, use_reentrant=False)
            for hidden_M, label_M in zip(hidden_MH.split(step), labels_M.split(step), strict=True)
        ]
        log_probs_M, entropies_M, top_M = (torch.cat(parts) for parts in zip(*pieces, strict=True))
    return log_probs_M, entropies_M if entropy else None, top_M


def _is_plain(head: torch.nn.Module) -> bool:
    hooked = head._forward_hooks or head._forward_pre_hooks or head._backward_hooks or head._backward_pre_hooks
    sharded = any(isinstance(p, DTensor) or hasattr(p, "ds_id") for p in head.parameters(recurse=False))
    return type(head) is torch.nn.Linear and "forward" not in vars(head) and not hooked and not sharded


def _score_piece(
    head: torch.nn.Module, hidden_MH: Tensor, labels_M: Tensor, temperature: float, entropy: bool
) -> tuple[Tensor, Tensor, Tensor]:
    logits_MV = head(hidden_MH)
    log_probs_MV = ((logits_MV.float() if logits_MV.dtype in HALF else logits_MV) / temperature).log_softmax(-1)
    chosen_M = log_probs_MV.gather(1, labels_M[:, None])[:, 0]
    entropies_M = -(log_probs_MV.exp() * log_probs_MV).sum(-1) if entropy else chosen_M.detach()
    return chosen_M, entropies_M, chosen_M.detach() >= log_probs_MV.detach().amax(-1)


class _Scores(torch.autograd.Function):
    """`_score_piece` for a linear layer, over all pieces; the second output is empty without `entropy`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_MH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        labels_M: Tensor,
        temperature: float,
        step: int,
        entropy: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = len(labels_M)
        lse_M = hidden_MH.new_empty(rows, dtype=torch.float32 if hidden_MH.dtype in HALF else hidden_MH.dtype)
        chosen_M, entropies_M = torch.empty_like(lse_M), lse_M.new_empty(rows if entropy else 0)
        top_M = torch.empty_like(labels_M, dtype=torch.bool)
        with torch.autocast(hidden_MH.device.type, enabled=False):
            for at in range(0, rows, step):
                piece = slice(at, at + step)
                logits = _logits(hidden_MH[piece], weight_VH, bias_V, temperature)
                chosen_M[piece] = logits.gather(1, labels_M[piece, None])[:, 0]
                top_M[piece] = chosen_M[piece] >= logits.amax(1)
                lse_M[piece] = logits.logsumexp(1)
                if entropy:
                    entropies_M[piece] = lse_M[piece] - (logits.softmax(1) * logits).sum(1)
        ctx.save_for_backward(hidden_MH, weight_VH, bias_V, labels_M, lse_M, entropies_M)
        ctx.temperature, ctx.step = temperature, step
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(top_M)
        return chosen_M - lse_M, entropies_M, top_M

    @staticmethod
    def backward(
        ctx: Any, grad_M: Tensor | None, entropy_grad_M: Tensor | None, _: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        hidden_MH, weight_VH, bias_V, labels_M, lse_M, entropies_M = ctx.saved_tensors
        needs_hidden, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        hidden_grad = torch.empty_like(hidden_MH) if needs_hidden else None
        # Half precision is summed over the pieces in float32.
        weight_grad = torch.zeros_like(weight_VH, dtype=lse_M.dtype) if needs_weight else None
        bias_grad = torch.zeros_like(bias_V, dtype=lse_M.dtype) if bias_V is not None and needs_bias else None
        with torch.autocast(hidden_MH.device.type, enabled=False):
            for at in range(0, len(labels_M), ctx.step):
                piece = slice(at, at + ctx.step)
                log_probs = _logits(hidden_MH[piece], weight_VH, bias_V, ctx.temperature).sub_(lse_M[piece, None])
                if entropy_grad_M is None:
                    slope = log_probs.exp_().mul_(-grad_M[piece, None])
                else:
                    # The entropy falls by p (log p + entropy) for each unit of a logit.
                    per_logit = (log_probs + entropies_M[piece, None]).mul_(entropy_grad_M[piece, None])
                    if grad_M is not None:
                        per_logit += grad_M[piece, None]
                    slope = log_probs.exp_().mul_(per_logit.neg_())
                if grad_M is not None:
                    slope.scatter_add_(1, labels_M[piece, None], grad_M[piece, None])
                if ctx.temperature != 1:
                    slope.div_(ctx.temperature)
                if bias_grad is not None:
                    bias_grad += slope.sum(0)
                slope = slope.to(hidden_MH.dtype)
                if hidden_grad is not None:
                    torch.mm(slope, weight_VH, out=hidden_grad[piece])
                if weight_grad is not None:
                    if weight_grad.dtype == slope.dtype:
                        weight_grad.addmm_(slope.T, hidden_MH[piece])
                    else:
                        weight_grad += slope.T @ hidden_MH[piece]
        weight_grad, bias_grad = (
            g if g is None else g.to(x.dtype) for g, x in ((weight_grad, weight_VH), (bias_grad, bias_V))
        )
        return hidden_grad, weight_grad, bias_grad, None, None, None, None


def _logits(hidden: Tensor, weight_VH: Tensor, bias_V: Tensor | None, temperature: float) -> Tensor:
    """A fresh tensor of logits over the temperature, at least float32."""
    logits = torch.nn.functional.linear(hidden, weight_VH, bias_V)
    logits = logits.float() if logits.dtype in HALF else logits
    return logits if temperature == 1 else logits.div_(temperature)
