"""Log-probs through the prefix tree, in the place of TRL's: every distinct prefix token is computed once.

Policy, old and reference log-probs alike. What a model or a setting does not allow is done as TRL does it, row by row;
`why_no_tree` names the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from treadle import tree
from treadle.training.processes import Processes

Tensor = torch.Tensor


def why_no_tree(model: torch.nn.Module, args: Any, has_aux_loss: bool) -> str | None:
    """Why log-probs are computed row by row; `None` if the tree serves them.

    Args:
        args: An `SRLConfig` or `SFTConfig`.
        has_aux_loss: Whether the model's router has a loss of its own.
    """
    if getattr(args, "cast_lm_head_to_fp32", False):  # a setting of RL alone
        return "cast_lm_head_to_fp32 changes the head, which the tree calls in pieces"
    if has_aux_loss:
        return "the router's auxiliary loss needs the outputs of whole rows (router_aux_loss_coef=0 leaves it out)"
    if args.use_liger_kernel:
        return "use_liger_kernel replaces the model's forward"
    return tree.why_not(model)


def token_budget(most: int | None, columns: int, rows: int) -> int:
    """Tokens that one forward may have: by default what TRL would forward, so that the tree never holds more.

    Args:
        most: `max_tree_tokens`.
        columns: Width of the batch.
        rows: Rows of one forward in TRL.
    """
    return most or columns * rows


class TreeLogps:
    """Log-probs of completions through shared prefixes.

    Args:
        temperature: Logits are divided by it.
        max_tree_tokens: See `SRLConfig`.
        processes: They agree on the number of forwards.
        autocast: Context of a forward.
        metrics: TRL's lists of values since the last log.
    """

    def __init__(
        self,
        temperature: float,
        max_tree_tokens: int | None,
        processes: Processes,
        autocast: Callable[[], AbstractContextManager[Any]],
        metrics: dict[str, list[float]],
    ) -> None:
        self._temperature = temperature
        self._most = max_tree_tokens
        self._processes = processes
        self._autocast = autocast
        self._metrics = metrics

    def __call__(
        self,
        model: torch.nn.Module,
        ids_BL: Tensor,
        mask_BL: Tensor,
        kept: int,
        rows: int | None = None,
        entropies: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Log-probs, and entropies where asked for, of the last `kept` tokens of each row: `[B, C]` each.

        Args:
            model: Its attention is the tree's (`treadle.tree.use_tree_attention`).
            ids_BL: Prompts, padded on the left, and completions, padded on the right.
            mask_BL: 1 for tokens that are no padding.
            kept: C.
            rows: Rows of one forward in TRL; `None` forwards all at once.
            entropies: Whether to compute entropies.
        """
        parts = [range(len(ids_BL))]
        if rows is not None and len(ids_BL):
            budget = token_budget(self._most, ids_BL.shape[1], rows)
            parts = tree.cut_by_tokens(ids_BL, mask_BL, kept, budget, len(ids_BL)).parts
            parts += [range(0)] * (max(self._processes.all([len(parts)])) - len(parts))
        logps, told, forwarded = [], [], 0
        for part in parts:
            ids_bL, mask_bL = ids_BL[part.start : part.stop], mask_BL[part.start : part.stop]
            packed = tree.build_tree(ids_bL, mask_bL, kept)
            forwarded += packed.size
            with self._autocast():
                logps_bC, entropies_bC = tree.tree_scores(
                    model, ids_bL, mask_bL, kept, self._temperature, entropies, packed
                )
            logps.append(logps_bC)
            told.append(entropies_bC)
        if torch.is_grad_enabled():
            self._metrics["prefix_tree/tokens"].append(forwarded)
            self._metrics["prefix_tree/saved"].append(int(mask_BL.sum()) / forwarded)
        return torch.cat(logps), torch.cat(told) if entropies else None
