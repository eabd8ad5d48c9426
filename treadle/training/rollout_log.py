"""The record of what the policy did: `rollouts.jsonl`, one line a group, written as training goes.

A line holds `global_step` (optimizer steps done before), the prompt, the row's other columns (`expert_action`,
`trajectory_id`, `answer` ...), the completions with their rewards (null where none was given), of several reward
functions what each gave (`rewards_by`), what they tell of each completion (`facts`, by column of TRL's `log_extra`),
whether dynamic sampling kept the group, and why it was dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from treadle.scoring.rewards import ModelOutput, completion_text
from treadle.scoring.thoughts import PLAIN, TagsOfRows, tags_of_rows, thoughts
from treadle.training.journal import append_lines
from treadle.training.processes import Processes
from treadle.training.sampling import Drop

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NOT_WRITTEN = ("truncated", "contrast", "thought_tags", "prefix_texts", "prefix_frame", "bare_prompt")
"""Columns that a line has in another form, or that can be made again from the data and repeat it many times."""


def thought_lengths(
    completions: Sequence[ModelOutput], tokenizer: PreTrainedTokenizerBase, thought_tags: TagsOfRows = PLAIN
) -> list[int]:
    """Tokens inside the think blocks of each completion, also of one that the prompt has opened."""
    tags_B = tags_of_rows(thought_tags, len(completions))
    texts = ["\n".join(thoughts(completion_text(c, tags), tags)) for c, tags in zip(completions, tags_B, strict=True)]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Columns of rows, `None` where a row has none: a column is that of each process that logged it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_plain(row.get(name)) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    """A value as JSON has it: no number of another library, and null for one that is not finite."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)) and value.ndim == 0:
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class RolloutLog:
    """Appends groups to a JSON lines file; `hold` a scored batch, then `write` it with what was kept.

    Args:
        path: The file; the main process writes the groups of all.
        size: G.
        processes: All processes.
    """

    def __init__(self, path: Path, size: int, processes: Processes) -> None:
        self.path = path
        self._size = size
        self._processes = processes
        self._held: list[dict[str, Any]] = []

    def hold(
        self,
        inputs: Sequence[dict[str, Any]],
        completions: Sequence[ModelOutput],
        rewards: Sequence[float],
        by_function: Mapping[str, Sequence[float]] = _NOTHING,
        facts: Mapping[str, Sequence[Any]] = _NOTHING,
    ) -> None:
        """Hold this process's groups, siblings adjacent, and those of the others.

        Args:
            inputs, completions, rewards: B rows, their completions and total rewards.
            by_function: B rewards of each function, before they are weighted; empty for one function.
            facts: B values of each column that reward functions have logged.
        """
        told = [
            tuple({name: values[row] for name, values in columns.items()} for columns in (by_function, facts))
            for row in range(len(rewards))
        ]
        everyone = self._processes.all(list(zip(inputs, completions, rewards, told, strict=True)))
        for start in range(0, len(everyone), self._size):
            inputs_G, completions_G, rewards_G, told_G = zip(*everyone[start : start + self._size], strict=True)
            more = {name: _columns([pair[k] for pair in told_G]) for k, name in enumerate(("rewards_by", "facts"))}
            self._held.append(
                {
                    **{key: value for key, value in inputs_G[0].items() if key not in _NOT_WRITTEN},
                    "completions": [
                        completion_text(completion, row.get("thought_tags", PLAIN))
                        for row, completion in zip(inputs_G, completions_G, strict=True)
                    ],
                    "truncated": [bool(row["truncated"]) for row in inputs_G],
                    "rewards": [_plain(reward) for reward in rewards_G],
                    **{name: columns for name, columns in more.items() if columns},
                }
            )

    def write(self, step: int, reasons: Sequence[Drop | None] | None = None) -> None:
        """Write the held groups.

        Args:
            step: Optimizer steps done before.
            reasons: For each group why it is not trained on, `None` for one that is; without them all are. Groups
                beyond are repetitions that make processes agree, and are left out.
        """
        held, self._held = self._held, []
        if not self._processes.is_main:
            return
        lines = []
        for row, reason in zip(held, [None] * len(held) if reasons is None else reasons, strict=False):
            outcome = {"global_step": step, "kept": reason is None, "dropped": reason}
            # First in the line, and not to be covered by columns of the data set with such names.
            lines.append(json.dumps({**outcome, **row, **outcome}, ensure_ascii=False, default=str) + "\n")
        append_lines(self.path, lines)
