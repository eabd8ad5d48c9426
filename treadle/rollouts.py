"""The record of what the policy did: `rollouts.jsonl`, one line a group, written as training goes.

A line holds `global_step` (optimizer steps done before), the prompt, the row's other columns (`expert_action`,
`trajectory_id`, `answer` ...), the completions with their rewards (null where none was given), and whether dynamic
sampling kept the group.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from treadle.completion import thoughts
from treadle.progress import append_lines
from treadle.rewards import ModelOutput, completion_text


def thought_lengths(completions: Sequence[ModelOutput], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens inside the think blocks of each completion."""
    texts = ["\n".join(thoughts(completion_text(c))) for c in completions]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []


class RolloutLog:
    """Appends groups to a JSON lines file; `hold` a scored batch, then `write` it with what was kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: list[dict[str, Any]] = []

    def hold(
        self, inputs: Sequence[dict[str, Any]], completions: Sequence[ModelOutput], rewards: list[float], group: int
    ) -> None:
        for start in range(0, len(inputs), group):
            row = {k: v for k, v in inputs[start].items() if k not in ("truncated",)}
            stop = start + group
            self._held.append(
                {
                    **row,
                    "completions": [completion_text(c) for c in completions[start:stop]],
                    "truncated": [bool(r["truncated"]) for r in inputs[start:stop]],
                    "rewards": [None if math.isnan(reward) else reward for reward in rewards[start:stop]],
                }
            )

    def write(self, step: int, kept: Sequence[bool] | None, here: bool = True) -> None:
        """Write the held groups, or forget them where another process writes them (`here` is false).

        Args:
            kept: For each group whether it is trained on, `None` that all are.
        """
        if not here:
            self._held = []
            return
        flags = kept if kept is not None else [True] * len(self._held)
        held = zip(self._held, flags, strict=True)
        append_lines(
            self.path,
            [json.dumps({"global_step": step, "kept": kept, **row}, ensure_ascii=False) + "\n" for row, kept in held],
        )
        self._held = []
