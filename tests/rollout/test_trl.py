"""`generate_completions` in place of the generation of TRL's `GRPOTrainer`, on the trainer's own settings."""

from __future__ import annotations

import pytest
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from tests.rollout.models import tiny_model
from treadle.rollout import generate_completions, why_not


def zero_reward(completions, **kwargs) -> list[float]:
    return [0.0] * len(completions)


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.5}, {"generation_kwargs": {"min_new_tokens": 4}}])
def test_greedy_completions_are_those_of_the_trainer(tmp_path, tiny_tokenizer, settings):
    model = tiny_model()
    model.resize_token_embeddings(len(tiny_tokenizer))
    settings = settings | {"generation_kwargs": settings.get("generation_kwargs", {}) | {"do_sample": False}}
    lengths = {"per_device_train_batch_size": 2, "num_generations": 2, "max_completion_length": 12}
    config = GRPOConfig(str(tmp_path), use_cpu=True, bf16=False, report_to="none", **lengths, **settings)
    trainer = GRPOTrainer(
        model=model,
        args=config,
        reward_funcs=zero_reward,
        train_dataset=Dataset.from_list([{"prompt": "x"}]),
        processing_class=tiny_tokenizer,
    )
    prompts = [p for p in ([5, 6, 7, 8], [5, 6, 7, 8, 9, 10, 11], [12, 13]) for _ in range(2)]
    stock, _ = trainer._generate_single_turn(prompts, None, {}, 2)
    assert why_not(trainer.model, trainer.generation_config) is None
    assert generate_completions(trainer.model, prompts, trainer.generation_config) == stock
