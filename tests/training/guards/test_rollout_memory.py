"""Rollouts that run out of memory."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.training.guards.test_halving import CPU_ERROR
from tests.training.guards.test_steps import run, srl_trainer
from treadle.errors import TrainingFault
from treadle.rollout.plan import largest_batch


def limit_rollouts(model, tokens, times=10**9):
    """Forwards without gradients of more than `tokens` at a time fail, the first `times` of them."""
    layer, left = model.model.layers[1], [times]
    forward = layer.forward

    def limited(hidden, *args, **kwargs):
        if not torch.is_grad_enabled() and hidden.shape[0] * hidden.shape[1] > tokens and left[0]:
            left[0] -= 1
            raise RuntimeError(CPU_ERROR)
        return forward(hidden, *args, **kwargs)

    layer.forward = limited


def completions_of(trainer):
    seen, generate = [], trainer._generate_single_turn

    def watched(*args, **kwargs):
        found = generate(*args, **kwargs)
        seen.append(found[0])
        return found

    trainer._generate_single_turn = watched
    return seen


def test_a_shared_rollout_is_repeated_with_half_the_cache_and_the_same_numbers(tiny_folder, tiny_tokenizer, tmp_path):
    changes = {"max_steps": 2, "shared_rollout": True, "max_completion_length": 12}
    whole = srl_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    expected = completions_of(whole)
    run(whole)
    limited = srl_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    found = completions_of(limited)
    limit_rollouts(limited.model, 15)
    _, _, said = run(limited)
    assert found[0] == expected[0]
    assert limited.parts.shared_rollout.max_kv_tokens is not None
    (warning,) = [text for text in said if "out of memory in a rollout" in text]
    assert f"max_kv_tokens={limited.parts.shared_rollout.max_kv_tokens}" in warning


def test_trls_own_rollout_is_repeated_in_halves(tiny_folder, tiny_tokenizer, tmp_path):
    trainer = srl_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, max_steps=2, prefix_tree=False)
    assert not trainer.rollout_is_shared
    found, sizes = completions_of(trainer), []
    limit_rollouts(trainer.model, 100)  # 16 rows of 7 tokens
    forward = trainer.model.model.layers[0].forward

    def watched(hidden, *args, **kwargs):
        if not torch.is_grad_enabled():
            sizes.append(len(hidden))
        return forward(hidden, *args, **kwargs)

    trainer.model.model.layers[0].forward = watched
    _, _, said = run(trainer)
    assert [len(completions) for completions in found] == [16, 16]
    assert set(sizes) == {16, 8}
    assert sizes.count(16) == 1
    assert len([text for text in said if "half of the rows" in text]) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_a_rollout_that_does_not_fit_in_halves_stops_the_run(shared, tiny_model, tiny_tokenizer, tmp_path):
    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, shared_rollout=shared)
    limit_rollouts(trainer.model, 0)
    with pytest.raises(TrainingFault, match=r"also with half of it at a time.*max_kv_tokens"):
        run(trainer)


def test_memory_is_no_matter_of_warnings_in_a_sound_run(tiny_model, tiny_tokenizer, tmp_path):
    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, max_steps=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*out of memory.*")
        trainer.train()
    assert not trainer.parts.halving.halved
    assert trainer.parts.shared_rollout is None or trainer.parts.shared_rollout.max_kv_tokens is None


def test_the_largest_batch_is_counted_by_hand():
    prompts = [[1, 2, 3], [1, 2, 3], [1, 2, 4, 5]]
    # Sorted: 3 tokens, none new, two new ones; and ten new tokens for each of three rows.
    assert largest_batch(prompts, 10, None) == 3 + 0 + 2 + 30
    # Within 24: 3 + 0 + 20 fit together, the third row (4 + 10) is a batch of its own.
    assert largest_batch(prompts, 10, 24) == 23
