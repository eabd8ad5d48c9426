"""Log-probabilities of a padded batch through the prefix tree: what TRL asks of a model, each prefix computed once.

    use_tree_attention(model)                                 # once, before or after PEFT
    logps_BC = tree_logps(model, input_ids_BL, attention_mask_BL, logits_to_keep)

The batch is packed (`treadle.tree.trie`), forwarded through the model as it was given, with its wrappers for data
parallelism, and unpacked. The model's own forward gets one new keyword: with `tree=` it returns log-probabilities of
the tree's labels in place of logits; without it, it is what it was. So hooks on the whole model see one ordinary
forward, and a process whose rows are all empty takes part in it.

Sums over rows that share a token are sums over gathered log-probabilities: autograd adds up what every row asks of a
shared node, which is the gradient of the rows forwarded one by one.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from treadle.errors import DataError, ModelError
from treadle.tree.attention import NAME, packed_mask
from treadle.tree.head import score
from treadle.tree.support import causal_lm, why_not
from treadle.tree.trie import IGNORED, Tree, build_tree

Tensor = torch.Tensor
_MARK = "_takes_treadle_tree"


def use_tree_attention(model: torch.nn.Module) -> None:
    """Set the tree's attention on a model and let its forward take `tree=`; for good. A second call does nothing.

    Forwards without a tree, generation among them, then use PyTorch's scaled dot-product attention.

    Args:
        model: A Hugging Face causal language model, also inside PEFT or data-parallel wrappers.

    Raises:
        ModelError: The model cannot be computed through a tree (`why_not`).
    """
    reason = why_not(model)
    if reason is not None:
        raise ModelError(f"the prefix tree cannot be used: {reason}. Compute the log-probabilities row by row instead.")
    inner = causal_lm(model)
    if not _is_ready(inner):
        inner.set_attn_implementation(NAME)
        inner.forward = types.MethodType(_with_tree(inner), inner)
        setattr(inner, _MARK, True)


def tree_logps(
    model: torch.nn.Module,
    input_ids: Tensor,
    attention_mask: Tensor,
    logits_to_keep: int,
    temperature: float = 1.0,
    tree: Tree | None = None,
) -> Tensor:
    """Log-probabilities of completion tokens, (B, C); see `tree_scores`."""
    return tree_scores(model, input_ids, attention_mask, logits_to_keep, temperature, tree=tree)[0]


def tree_scores(
    model: torch.nn.Module,
    input_ids: Tensor,
    attention_mask: Tensor,
    logits_to_keep: int,
    temperature: float = 1.0,
    compute_entropy: bool = False,
    tree: Tree | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Log-probabilities of completion tokens, and entropies of the distributions that they come from.

    Args:
        model: As given to `use_tree_attention`, in any wrapper since.
        input_ids: (B, L) integer tokens: left-padded prompts, then right-padded completions.
        attention_mask: (B, L), 1 for tokens, 0 for padding and masked completion tokens.
        logits_to_keep: C, the columns of completions.
        temperature: The logits are divided by it.
        compute_entropy: Whether to return entropies.
        tree: What `build_tree` made of the same batch, to pack it once for several forwards.

    Returns:
        `logps_BC` and `entropies_BC` (or None), float32 (float64 for a float64 model), differentiable, 0 at masked
        positions.

    Raises:
        DataError: The batch cannot be packed (see `build_tree`), or `tree` has another shape.
        ModelError: The model was not prepared by `use_tree_attention`, or loses the tree on its way to the attention.
    """
    if not _is_ready(causal_lm(model)):
        raise ModelError("tree_scores: the model's attention takes no tree; call use_tree_attention(model) before.")
    tree = build_tree(input_ids, attention_mask, logits_to_keep) if tree is None else tree
    if tree.gather_mask_BC.shape != (len(input_ids), logits_to_keep):
        raise DataError(
            f"tree_scores: found a tree of (rows, completion columns) {tuple(tree.gather_mask_BC.shape)}; expected "
            f"{(len(input_ids), logits_to_keep)}, those of the batch. Build the tree from this batch."
        )
    scores = forward_packed(model, tree, temperature, compute_entropy)

    def unpacked(values_1T: Tensor) -> Tensor:
        return values_1T[0][tree.gather_index_BC] * tree.gather_mask_BC

    return unpacked(scores["log_probs"]), unpacked(scores["entropies"]) if compute_entropy else None


def forward_packed(
    forward: Callable[..., dict[str, Tensor | None]], tree: Tree, temperature: float, compute_entropy: bool
) -> dict[str, Tensor | None]:
    """Scores of a tree's labels, (1, T), 0 where there is none: `log_probs`, `entropies` (or None), `is_top1`.

    Args:
        forward: Of a model that `use_tree_attention` has prepared, or the model.
    """
    return forward(
        input_ids=tree.input_ids_1T,
        position_ids=tree.position_ids_1T,
        attention_mask=packed_mask(tree),
        use_cache=False,
        tree=tree,
        temperature=temperature,
        compute_entropy=compute_entropy,
    )


def _is_ready(model: torch.nn.Module) -> bool:
    return getattr(model, _MARK, False) and model.config._attn_implementation == NAME


def _with_tree(model: PreTrainedModel) -> Callable[..., Any]:
    earlier = model.forward
    bound = isinstance(earlier, types.MethodType) and earlier.__self__ is model

    # The class's signature stays visible: `generate` and the Trainer read it.
    @functools.wraps(type(model).forward)
    def forward(self: PreTrainedModel, *args: Any, tree: Tree | None = None, **kwargs: Any) -> Any:
        if tree is None:
            # Unbound, so that a deep copy of the model forwards itself and not its original.
            return earlier.__func__(self, *args, **kwargs) if bound else earlier(*args, **kwargs)
        return _forward_tree(self, tree, *args, **kwargs)

    return forward


def _forward_tree(
    model: PreTrainedModel, tree: Tree, *args: Any, temperature: float, compute_entropy: bool, **kwargs: Any
) -> dict[str, Tensor | None]:
    """See `forward_packed`."""
    hidden_TH = model.base_model(*args, tree=tree, **kwargs).last_hidden_state[0]
    # Looked up on each call, since PEFT and FSDP replace the head.
    head = model.get_output_embeddings()
    labels_T = tree.labels_1T[0]
    labelled_T = labels_T != IGNORED
    log_probs_M, entropies_M, top_M = score(
        head, hidden_TH[labelled_T], labels_T[labelled_T], temperature=temperature, entropy=compute_entropy
    )

    def spread(values_M: Tensor | None) -> Tensor | None:
        # Scattering keeps the result connected to the model even where nothing is labelled.
        return None if values_M is None else values_M.new_zeros(tree.size).masked_scatter(labelled_T, values_M)[None]

    return {"log_probs": spread(log_probs_M), "entropies": spread(entropies_M), "is_top1": spread(top_M)}
