"""Supervised fine-tuning through the prefix tree: TRL's loss and metrics, each shared prefix computed once.

Steps of one trajectory, and all prompts with the same instructions, begin alike. And on devices without Triton TRL's
head scores every position, with and without a label, which at a real vocabulary is most of a step on a CPU; here it
scores labels alone.

TRL asks a model for its scores with the forward's keyword `fused_lm_head=True`. `use_tree_for_labels` answers that
through the tree; all other forwards are what they were.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from trl.trainer.utils import FusedCausalLMOutput

from treadle import tree
from treadle.training.logps import why_no_tree
from treadle.tree.logps import forward_packed
from treadle.tree.support import causal_lm
from treadle.tree.trie import IGNORED

Tensor = torch.Tensor
# What TRL's collator gives; with anything else rows are not plain padded rows.
_PLAIN = {"use_cache", "num_items_in_batch"}


def why_not(model: torch.nn.Module, args: Any, has_aux_loss: bool) -> str | None:
    """Why rows are computed as TRL does it, one by one; `None` if the tree serves them.

    Args:
        args: A `GuardedSFTConfig`.
        has_aux_loss: Whether the model's router has a loss of its own.
    """
    if not args.prefix_tree:
        return "prefix_tree=False"
    if args.packing or args.padding_free:
        return "packing and padding_free lay rows out themselves"
    if args.neftune_noise_alpha:
        return "neftune_noise_alpha adds noise to every token of every row"
    return why_no_tree(model, args, has_aux_loss)


def use_tree_for_labels(model: torch.nn.Module) -> None:
    """Let forwards with `fused_lm_head=True` and labels go through the tree, for good.

    Args:
        model: For which `why_not` is `None`, after TRL has given it the keyword.
    """
    tree.use_tree_attention(model)
    inner = causal_lm(model)
    earlier = inner.forward.__func__

    @functools.wraps(earlier)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        plain = not args and kwargs.keys() - _PLAIN == {"input_ids", "attention_mask", "labels"}
        if not (fused_lm_head and plain):
            return earlier(self, *args, **({"fused_lm_head": True} if fused_lm_head else {}), **kwargs)
        return _scored(functools.partial(earlier, self), **kwargs)

    inner.forward = types.MethodType(forward, inner)


def _scored(
    forward: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    labels: Tensor,
    num_items_in_batch: Tensor | int | None = None,
    **_: Any,
) -> FusedCausalLMOutput:
    ids_BL, mask_BL, scored_BC = parted(input_ids, attention_mask, labels)
    packed = tree.build_tree(ids_BL, mask_BL, scored_BC.shape[1])
    scores = forward_packed(forward, packed, temperature=1.0, compute_entropy=True)
    log_probs_BC, entropies_BC, top_BC = (
        scores[name][0][packed.gather_index_BC].masked_fill(~scored_BC, 0)
        for name in ("log_probs", "entropies", "is_top1")
    )
    tokens = scored_BC.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
    return FusedCausalLMOutput(
        loss=-log_probs_BC.sum() / tokens,
        log_probs=log_probs_BC,
        entropy=entropies_BC.detach(),
        is_top1=top_BC,
        label_mask=scored_BC,
    )


def parted(ids_BL: Tensor, mask_BL: Tensor, labels_BL: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Padded rows as the tree takes them: what stands before the first label to the left, the rest to the right.

    Args:
        ids_BL: Tokens, padded on either side.
        mask_BL: 1 for tokens.
        labels_BL: The tokens themselves where they count, -100 elsewhere. The first token of a row has no context, and
            its label does not count.

    Returns:
        Tokens and their mask, `[B, P + C]`, and which of the last C columns count, `[B, C]`.
    """
    rows = []
    for ids_L, mask_L, labels_L in zip(ids_BL, mask_BL.bool(), labels_BL, strict=True):
        tokens, counts = ids_L[mask_L], labels_L[mask_L] != IGNORED
        labelled = counts[1:].nonzero()
        first = int(labelled[0]) + 1 if len(labelled) else len(tokens)
        rows.append((tokens[:first], tokens[first:], counts[first:]))
    left, right = (max((len(row[part]) for row in rows), default=0) for part in (0, 1))
    ids_BM, mask_BM = (torch.zeros(len(rows), left + right, dtype=x.dtype, device=x.device) for x in (ids_BL, mask_BL))
    scored_BC = torch.zeros(len(rows), right, dtype=torch.bool, device=ids_BL.device)
    for row, (before, after, counts) in enumerate(rows):
        where = slice(left - len(before), left + len(after))
        ids_BM[row, where], mask_BM[row, where] = torch.cat([before, after]), 1
        scored_BC[row, : len(counts)] = counts
    return ids_BM, mask_BM, scored_BC
