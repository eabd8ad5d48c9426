"""Rollouts that run out of memory, and rollout engines whose log-probs are told to the trainer."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.training.guards.test_halving import CPU_ERROR
from tests.training.guards.test_steps import run, srl_trainer
from treadle import SRLTrainer
from treadle.errors import TrainingFault
from treadle.rollout.plan import largest_batch

# Memory


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
    assert limited.args.max_kv_tokens is not None
    (warning,) = [text for text in said if "out of memory in a rollout" in text]
    assert f"max_kv_tokens={limited.args.max_kv_tokens}" in warning


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
    assert not trainer.halved
    assert trainer.args.max_kv_tokens is None


def test_the_largest_batch_is_counted_by_hand():
    prompts = [[1, 2, 3], [1, 2, 3], [1, 2, 4, 5]]
    # Sorted: 3 tokens, none new, two new ones; and ten new tokens for each of three rows.
    assert largest_batch(prompts, 10, None) == 3 + 0 + 2 + 30
    # Within 24: 3 + 0 + 20 fit together, the third row (4 + 10) is a batch of its own.
    assert largest_batch(prompts, 10, 24) == 23


# Log-probs


class Telling(SRLTrainer):
    """A rollout engine that tells the log-probs of its tokens, those of its own weights plus an error."""

    error = 0.0

    def _generate_single_turn(self, prompt_ids, *args, **kwargs):
        completions, _ = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        told = []
        for prompt, completion in zip(prompt_ids, completions, strict=True):
            ids = torch.tensor([[*prompt, *completion]])
            with torch.no_grad():
                logits = self.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float() / self.temperature
            logps = logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]
            told.append((logps + self.error).tolist())
        return completions, told


def telling(model, tokenizer, folder, error=0.0, **changes):
    trainer = srl_trainer(model, tokenizer, folder, cls=Telling, max_steps=2, **changes)
    trainer.error = error
    return trainer


@pytest.mark.parametrize("changes", [{}, {"prefix_tree": False}, {"num_iterations": 2, "steps_per_generation": 4}])
def test_an_engine_with_the_same_weights_does_not_differ(changes, tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(tiny_model, tiny_tokenizer, tmp_path, **changes)
    _, logs, said = run(trainer)
    assert logs[0]["rollout/logp_difference"] < 1e-5
    assert logs[0]["rollout/logp_difference/max"] < 1e-5
    assert logs[0]["faults/stale_rollout"] == 0.0
    # Steps that use a generation again differ by the updates since, and are not compared.
    assert ("rollout/logp_difference" in logs[1]) == (not changes.get("num_iterations"))
    assert not [text for text in said if "log-probs differ" in text]


def test_an_engine_that_differs_is_told_of(tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(tiny_model, tiny_tokenizer, tmp_path, error=0.5)
    _, logs, said = run(trainer)
    for log in logs:
        assert log["rollout/logp_difference"] == pytest.approx(0.5, abs=1e-4)
        assert log["rollout/logp_difference/max"] == pytest.approx(0.5, abs=1e-4)
        assert log["faults/stale_rollout"] == 1.0
    assert [text for text in said if "log-probs differ from the trainer's by 0.5 on average" in text]


def test_an_engine_that_differs_stops_the_run_on_request(tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(
        tiny_model, tiny_tokenizer, tmp_path, error=0.5, stop_on_logp_difference=True, max_logp_difference=0.4
    )
    with pytest.raises(TrainingFault, match="was not given the current weights"):
        run(trainer)
    less = telling(
        tiny_model, tiny_tokenizer, tmp_path, error=0.3, stop_on_logp_difference=True, max_logp_difference=0.4
    )
    less.train()
