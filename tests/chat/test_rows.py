"""What a limit of length takes is counted as TRL takes it, and the miniature's rows are those that TRL makes."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset

from tests.chat.tokenizers import user
from treadle.chat.chat import Chat
from treadle.chat.rows import Cut, cut_by, tokenised
from treadle.training.sft_trainer import GuardedSFTConfig, GuardedSFTTrainer

GIVEN = [("next 1+1=", "<think>2.</think>2"), ("solve 12+30=", "42"), ("next 7=", "7:7:7:7:7:7"), ("solve 1=", "1")]


@pytest.fixture(scope="module")
def conversations():
    return Dataset.from_list(
        [{"prompt": [user(q)], "completion": [{"role": "assistant", "content": a}]} for q, a in GIVEN]
    )


def trained_on(model, tokenizer, rows, folder, **settings):
    """Input ids and labels as TRL's trainer has them."""
    device = {"bf16": False, "use_cpu": not torch.cuda.is_available()}
    config = GuardedSFTConfig(str(folder), report_to=[], **device, **settings)
    found = GuardedSFTTrainer(model, config, train_dataset=rows, processing_class=tokenizer).train_dataset
    return [(row["input_ids"], row["labels"]) for row in found]


def test_the_miniatures_rows_are_those_that_trl_makes(conversations, tiny_model, tiny_tokenizer, tmp_path):
    by_trl = trained_on(tiny_model, tiny_tokenizer, conversations, tmp_path)
    rows = tokenised(conversations, Chat(tiny_tokenizer))
    assert trained_on(tiny_model, tiny_tokenizer, rows, tmp_path, completion_only_loss=True) == by_trl
    assert any(label != -100 for _, labels in by_trl for label in labels)


@pytest.mark.parametrize("keep_end", [False, True])
@pytest.mark.parametrize("limit", [1, 6, 7, 8, 9, 12, 13, 100])
def test_what_a_limit_takes_is_what_trl_takes(limit, keep_end, conversations, tiny_model, tiny_tokenizer, tmp_path):
    rows = tokenised(conversations, Chat(tiny_tokenizer))
    lengths = [len(ids) for ids in rows["input_ids"]]
    cut = cut_by(rows, limit, keep_end)
    mode = "keep_end" if keep_end else "keep_start"
    settings = {"max_length": limit, "truncation_mode": mode, "completion_only_loss": True}
    try:
        kept = trained_on(tiny_model, tiny_tokenizer, rows, tmp_path, **settings)
    except (IndexError, StopIteration, ValueError):  # TRL's words for nothing left
        kept = []
    assert (cut.rows, cut.longest) == (4, max(lengths))
    assert cut.cut == sum(length > limit for length in lengths)
    assert cut.lost == 4 - len(kept)


def test_counts_are_said_in_words():
    assert Cut(480, 8, 6, 2, 1656).describe() == (
        "6 of 8 rows are longer than max_length 480 and are cut, 2 of them lose all of the assistant's text and are "
        "left out; the longest has 1,656 tokens"
    )
    assert Cut(None, 8, 0, 0, 656).describe() == ""


def test_no_rows(conversations, tiny_tokenizer):
    rows = tokenised(conversations.select([]), Chat(tiny_tokenizer))
    assert cut_by(rows, 5) == Cut(5, 0, 0, 0, 0)
