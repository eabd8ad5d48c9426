"""The rewards of a step in TRL's own trainer, with nothing but the call and with columns of the data set."""

from __future__ import annotations

from functools import partial

import pytest
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from treadle import margin_reward, scaled_reward, weighted_reward

REWARDS = (margin_reward, scaled_reward, weighted_reward)


def named(function):
    reward = partial(function, think_tags="optional")
    reward.__name__ = function.__name__
    return reward


@pytest.mark.parametrize(
    ("columns", "contrasts", "floor"),
    [({}, 1.0, None), ({"contrast": [["1", "2", "3"]] * 2, "floor": [0.5] * 2}, 3.0, 0.5)],
    ids=["call", "columns"],
)
def test_they_train_a_step(tiny_model, tiny_tokenizer, tmp_path, columns, contrasts, floor):
    rows = Dataset.from_dict({"prompt": ["1+2", "3*4"], "expert_action": ["1+2=3", "3*4=12"], **columns})
    config = GRPOConfig(
        str(tmp_path), per_device_train_batch_size=8, num_generations=4, max_steps=1, max_completion_length=8,
        mask_truncated_completions=False, logging_steps=1, use_cpu=True, report_to=[], bf16=False,
    )  # fmt: skip
    trainer = GRPOTrainer(
        tiny_model, [named(f) for f in REWARDS], config, train_dataset=rows, processing_class=tiny_tokenizer
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    for function in REWARDS:
        assert logged[f"rewards/{function.__name__}/mean"] > -1
    assert logged["contrasts"] == contrasts
    assert 0 <= logged["similarity"] <= 1
    assert floor is None or logged["floor"] == floor
