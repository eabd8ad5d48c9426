"""The record of what the policy did: `rollouts.jsonl`, one line a group, written as training goes.

A line holds `global_step` (optimizer steps done before), the prompt, the row's other columns (`expert_action`,
`trajectory_id`, `answer` ...), the completions with their rewards (null where none was given), whether dynamic
sampling kept the group, and why it was dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from treadle.scoring.completion import thoughts
from treadle.scoring.rewards import ModelOutput, completion_text
from treadle.training.progress import append_lines
from treadle.training.sampling import Drop


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

    @property
    def held(self) -> int:
        """Groups that wait to be written."""
        return len(self._held)

    def write(self, step: int, reasons: Sequence[Drop | None], here: bool = True) -> None:
        """Write the held groups, or forget them where another process writes them (`here` is false).

        Args:
            reasons: For each group why it is not trained on, `None` for one that is. Groups beyond are repetitions
                that make processes agree, and are left out.
        """
        held, self._held = self._held, []
        if not here:
            return
        lines = [
            {"global_step": step, "kept": reason is None, "dropped": reason, **row}
            for row, reason in zip(held, reasons, strict=False)
        ]
        append_lines(self.path, [json.dumps(line, ensure_ascii=False) + "\n" for line in lines])
