"""Steps that change nothing: optimizer steps in a row without gradient, or without any change of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch.distributed.tensor import DTensor

CHUNK = 1 << 24
"""Elements of a weight that are summed at a time."""

_WORD = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def fingerprint(parameters: Iterable[torch.nn.Parameter]) -> list[int]:
    """One sum of the bits of each trainable weight, as integers: equal weights have equal sums, changed ones differ.

    (But for changes whose bits cancel to the last one.) Of a sharded weight only this process's part is read.
    """
    sums = []
    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        held = parameter.detach()
        held = held.to_local() if isinstance(held, DTensor) else held
        bits = held.contiguous().view(-1).view(_WORD[held.element_size()])
        total = torch.zeros((), dtype=torch.int64, device=held.device)
        for part in bits.split(CHUNK):
            total += part.sum(dtype=torch.int64)
        sums.append(total)
    return torch.stack(sums).tolist() if sums else []


class QuietSteps:
    """Counts optimizer steps in a row without gradient, and looks at times whether weights change at all.

    Args:
        limit: Steps in a row after which to speak; again after as many more. 0 for never.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.without_gradient = 0
        self._since: tuple[int, list[int]] | None = None  # updates since the weights were read, and what they were

    def see_gradient(self, norm: float) -> str | None:
        """Told the gradient norm of each step that is applied; returns what to say."""
        self.without_gradient = self.without_gradient + 1 if norm == 0 else 0
        if not self.limit or not self.without_gradient or self.without_gradient % self.limit:
            return None
        return (
            f"the gradient norm was 0 in the last {self.without_gradient} optimizer steps. Likely causes: no group has "
            "a signal, so that all advantages are 0 (look at sampling/kept_groups, frac_reward_zero_std and reward_std "
            "in metrics.jsonl); nothing is trained (look at lora.target_modules); the loss is masked away (completions "
            "that are all truncated under mask_truncated_completions)."
        )

    def see_weights(self, parameters: Sequence[torch.nn.Parameter], learning_rate: float) -> bool:
        """Told before the first step and after each one; true where weights are those of `limit` updates ago.

        Steps with a learning rate of 0 do not count. Weights are read once in `limit` steps.
        """
        if not self.limit:
            return False
        if self._since is None:
            self._since = (0, fingerprint(parameters))
            return False
        updates, before = self._since
        updates += learning_rate > 0
        if updates < self.limit:
            self._since = (updates, before)
            return False
        now = fingerprint(parameters)
        self._since = (0, now)
        return now == before

    def why_unchanged(self, learning_rate: float) -> str:
        """What to say where no process's weights changed although there was a gradient."""
        return (
            f"no trained weight changed in the last {self.limit} optimizer steps, although the gradient norm was above "
            f"0 and the learning rate {learning_rate:g}. Likely causes: the learning rate is too small for the "
            "weights' dtype (keep trained weights in float32, as stages do, or raise learning_rate); warmup has barely "
            "begun (warmup_ratio); the optimizer holds none of the weights that have gradients (lora.target_modules)."
        )
