"""What a run is watched for between its faults: steps that change nothing, rollouts without form, stale rollouts.

Each watcher holds counts and is told numbers; none of them computes a forward, and none needs a trainer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from treadle.scoring.completion import FormatFault, ThinkTags, parse_completion

CHUNK = 1 << 24
"""Elements of a weight that are summed at a time."""

_WORD = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

FORMAT_CAUSES = {
    FormatFault.TRUNCATED: (
        "the limit of tokens cuts them off: set a larger max_completion_length, or the model does not know where to "
        "stop (train it with kind: sft, target: traces first)"
    ),
    FormatFault.NO_THINK_BLOCK: (
        "the model does not write <think> </think>: train it with kind: sft, target: traces first, or set think_tags "
        "to lenient (the template opens the block) or optional (no thoughts)"
    ),
    FormatFault.SEVERAL_THINK_BLOCKS: "the model writes several think blocks: train it with kind: sft, target: traces",
    FormatFault.TEXT_BEFORE_THINK: "text comes before the think block: set think_tags: lenient",
    FormatFault.EMPTY_THOUGHT: "thoughts are empty: set think_tags: lenient, or train on traces first",
    FormatFault.EMPTY_ACTION: "nothing follows the thought: train on traces first, or look at the prompts' template",
}


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


class FormatFaults:
    """Counts optimizer steps in a row in whose generations every scored completion broke the format.

    Args:
        limit: Steps in a row at which to stop; `None` for never.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.steps = 0
        self._last: int | None = None

    def see(self, step: int, all_faults: bool) -> bool:
        """Told each generation of a step; true where the limit is reached."""
        if not all_faults:
            self.steps, self._last = 0, None
        elif step != self._last:
            self.steps, self._last = self.steps + 1, step
        return self.limit is not None and self.steps >= self.limit

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain Python."""
        return {"steps": self.steps, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.steps, self._last = state["steps"], state["last"]


def format_report(texts: Sequence[str], truncated: Sequence[bool], think_tags: ThinkTags) -> str:
    """The likely cause of broken formats and three samples, for people.

    Args:
        texts: Completions of one generation.
        truncated: Of each, whether the token limit cut it off.
    """
    found = [
        parse_completion(t, truncated=bool(c), think_tags=think_tags) for t, c in zip(texts, truncated, strict=True)
    ]
    counts = Counter(fault for fault in found if isinstance(fault, FormatFault))
    samples = "\n".join(f"  {fault}: {_ends(text)}" for text, fault in list(zip(texts, found, strict=True))[:3])
    if not counts:
        return f"the reward's own rule. Samples:\n{samples}"
    (most, _), *_ = counts.most_common(1)
    shares = ", ".join(f"{fault} {count / len(texts):.0%}" for fault, count in counts.most_common())
    return f"{FORMAT_CAUSES[most]} ({shares}). Samples:\n{samples}"


def _ends(text: str, length: int = 150) -> str:
    return repr(text) if len(text) <= 2 * length else f"{text[:length]!r} ... {text[-length:]!r}"


class LogpGap:
    """Differences between the log-probs that the rollout engine told and those of the trainer, token by token."""

    def __init__(self) -> None:
        self.told = False  # whether anything was ever compared
        self._sums = [0.0, 0.0, 0.0]  # of absolute differences, of tokens, and the largest difference

    def add(self, rollout_BC: torch.Tensor, trainer_BC: torch.Tensor, mask_BC: torch.Tensor) -> None:
        """Add a micro-batch; tokens that the engine could not score (NaN) do not count."""
        self.told = True
        told = mask_BC.bool() & ~rollout_BC.isnan()
        gap = (rollout_BC - trainer_BC.detach()).abs()[told].double()
        if gap.numel():
            total, tokens, largest = self._sums
            self._sums = [total + gap.sum().item(), tokens + gap.numel(), max(largest, gap.max().item())]

    def take(self) -> tuple[float, float, float]:
        """What was added since the last call: sum of absolute differences, tokens, largest difference."""
        sums, self._sums = self._sums, [0.0, 0.0, 0.0]
        return tuple(sums)
