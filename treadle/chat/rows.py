"""Conversations of supervised fine-tuning as tokens, in a file and not in memory, and what a limit of length takes.

The columns are TRL's of a data set that is already tokenised: `input_ids`, and `completion_mask` with 1 for the
assistant's text and the end of its turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from accelerate import PartialState
from datasets import Dataset, Features, List, Value

from treadle.chat.chat import Chat
from treadle.files.row_copies import copies_folder, with_room

_FEATURES = Features({"input_ids": List(Value("int32")), "completion_mask": List(Value("int8"))})
_BATCH = 1000


def tokenised(conversations: Dataset, chat: Chat) -> Dataset:
    """The rows of `conversations` (`prompt`, and a `completion` of one assistant's message) as tokens.

    Raises:
        ModelError: The chat template refuses a prompt.
        DataError: See `Chat.answer`.
    """

    def tokens(batch: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        prompts = chat.prompts(batch["prompt"])
        answers = [chat.answer(completion[0]["content"]) for completion in batch["completion"]]
        pairs = list(zip(prompts, answers, strict=True))
        return {
            "input_ids": [prompt + answer for prompt, answer in pairs],
            "completion_mask": [[0] * len(prompt) + [1] * len(answer) for prompt, answer in pairs],
        }

    # Named by what decides it: a hash of the function would take the tokenizer's state along, which changes with use.
    name = hashlib.sha256(f"{conversations._fingerprint} {chat.fingerprint()}".encode()).hexdigest()[:32]
    with PartialState().local_main_process_first(), with_room():
        return conversations.map(
            tokens,
            batched=True,
            batch_size=_BATCH,
            remove_columns=conversations.column_names,
            features=_FEATURES,
            new_fingerprint=name,
            cache_file_name=str(Path(copies_folder()) / f"tokens-{name}.arrow"),
            desc="Tokenising conversations",
        )


@dataclass(frozen=True)
class Cut:
    """What a limit of length takes from tokenised rows.

    Attributes:
        limit: Tokens that a row may have; `None` for no limit.
        rows: All of them.
        cut: Rows that are longer and lose tokens, those without an answer included.
        lost: Of these the rows that lose all of the assistant's text, and are left out.
        longest: Tokens of the longest row.
    """

    limit: int | None
    rows: int
    cut: int
    lost: int
    longest: int

    def describe(self) -> str:
        """One line for people; empty where nothing is taken."""
        if not self.cut:
            return ""
        lost = f", {self.lost:,} of them lose all of the assistant's text and are left out" if self.lost else ""
        return (
            f"{self.cut:,} of {self.rows:,} rows are longer than max_length {self.limit:,} and are cut{lost}; "
            f"the longest has {self.longest:,} tokens"
        )


def cut_by(rows: Dataset, max_length: int | None, keep_end: bool = False) -> Cut:
    """Count what `max_length` takes from rows of `tokenised`, as TRL's `SFTTrainer` applies it.

    Args:
        keep_end: Whether a row loses its beginning (TRL's `truncation_mode="keep_end"`) and not its end.
    """
    count = cut = lost = longest = 0
    for table in rows.with_format("arrow").iter(batch_size=_BATCH):
        length_B, answer_B = _lengths(table["completion_mask"])
        count, longest = count + len(length_B), max(longest, int(length_B.max(initial=0)))
        if max_length is not None:
            cut += int((length_B > max_length).sum())
            lost += 0 if keep_end else int((length_B - answer_B >= max_length).sum())
    return Cut(max_length, count, cut, lost, longest)


def _lengths(masks: pa.ChunkedArray) -> Sequence[np.ndarray]:
    """Tokens of each row, and those of its answer."""
    whole, answers = [], []
    for chunk in masks.chunks:
        ends = chunk.offsets.to_numpy()
        total = np.concatenate([[0], np.cumsum(chunk.values.to_numpy())])
        whole.append(np.diff(ends))
        answers.append(total[ends[1:]] - total[ends[:-1]])
    empty = [np.zeros(0, int)]
    return np.concatenate(whole or empty), np.concatenate(answers or empty)
