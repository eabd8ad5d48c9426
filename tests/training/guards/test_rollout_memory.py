"""Rollouts that run out of memory, in the guard alone and in trainers."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.training.guards.test_halving import CPU_ERROR
from tests.training.guards.test_steps import run, srl_trainer
from treadle.errors import TrainingFault
from treadle.rollout.plan import largest_batch
from treadle.training.guards.rollout_memory import RolloutMemory
from treadle.training.rollouts import SharedRollout


class Rollout:
    """A rollout of which more than `rows` prompts at a time do not fit; it echoes prompts with a random number.

    Attributes:
        sizes: Prompts of each call.
    """

    def __init__(self, rows, logps=False):
        self.rows, self.logps, self.sizes = rows, logps, []

    def __call__(self, prompt_ids):
        self.sizes.append(len(prompt_ids))
        drawn = [torch.rand(()).item() for _ in prompt_ids]
        if len(prompt_ids) > self.rows:
            raise RuntimeError(CPU_ERROR)
        return [[*ids, number] for ids, number in zip(prompt_ids, drawn, strict=True)], [drawn] if self.logps else None


def prompts_of(count):
    return [[number] for number in range(count)]


@pytest.mark.parametrize(
    ("prompts", "halves"),
    [(2, [1, 1]), (3, [1, 2]), (7, [3, 4]), (8, [4, 4]), (11, [4, 7]), (12, [4, 8]), (16, [8, 8])],
)
def test_halves_are_of_whole_groups_where_there_are_several(prompts, halves):
    guard, rollout = RolloutMemory(None, 4, 10, together=False), Rollout(prompts - 1, logps=True)
    torch.manual_seed(0)
    expected = [torch.rand(()).item() for _ in range(prompts)]
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match=r"out of memory in a rollout \(\[enforce.*half of the rows at a time. Set a"):
        completions, logps = guard.around_generation(rollout, prompts_of(prompts))
    assert rollout.sizes == [prompts, *halves]
    assert [ids for ids, _ in completions] == list(range(prompts))
    assert [number for _, number in completions] == expected  # random numbers begin where they did
    assert logps == [expected[: halves[0]], expected[halves[0] :]]
    # From now on at once, and a single prompt as it is.
    rollout.sizes.clear()
    guard.around_generation(rollout, prompts_of(prompts))
    guard.around_generation(rollout, prompts_of(1))
    assert rollout.sizes == [*halves, 1]


def test_a_rollout_without_log_probs_has_none_in_halves():
    guard = RolloutMemory(None, 2, 10, together=False)
    with pytest.warns(UserWarning, match="half of the rows"):
        assert guard.around_generation(Rollout(2), prompts_of(4))[1] is None


def test_a_shared_rollout_gets_half_the_cache_that_it_used():
    """Two prompts of 3 tokens that share 2, and 10 new tokens for each: 3 + 1 + 20 = 24."""
    shared = SharedRollout(None, None, None)
    guard, asked = RolloutMemory(shared, 2, 10, together=False), []

    def generate(prompt_ids):
        asked.append(shared.max_kv_tokens)
        if shared.max_kv_tokens is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return prompt_ids, None

    prompts = [[1, 2, 3], [1, 2, 4]]
    with pytest.warns(UserWarning, match=r"with max_kv_tokens=12\. Set a smaller"):
        assert guard.around_generation(generate, prompts) == (prompts, None)
    assert asked == [None, 12]


@pytest.mark.parametrize(
    ("prompts", "together", "divisible", "reason"),
    [
        (4, True, True, "under FSDP and DeepSpeed all processes take part"),
        (1, False, True, "it is a single row or has images"),
        (4, False, False, "it is a single row or has images"),
    ],
)
def test_a_rollout_that_cannot_be_halved_stops_the_run(prompts, together, divisible, reason):
    guard, rollout = RolloutMemory(None, 2, 10, together), Rollout(0)
    with pytest.raises(TrainingFault, match=rf"out of memory in a rollout \(\[enforce.*{reason}.*`max_kv_tokens`"):
        guard.around_generation(rollout, prompts_of(prompts), divisible)
    assert rollout.sizes == [prompts]


def test_it_is_halved_once():
    guard, rollout = RolloutMemory(None, 2, 10, together=False), Rollout(2)
    with pytest.warns(UserWarning, match="half of the rows"):
        guard.around_generation(rollout, prompts_of(4))
    rollout.rows = 1
    with pytest.raises(TrainingFault, match=r"out of memory in a rollout \(\[enforce.*it is halved already.*`max_kv"):
        guard.around_generation(rollout, prompts_of(4))
    another = RolloutMemory(None, 2, 10, together=False)
    with pytest.raises(TrainingFault, match="also with half of it at a time"), pytest.warns(UserWarning, match="half"):
        another.around_generation(rollout, prompts_of(4))


def test_what_is_not_divisible_is_never_halved():
    guard, rollout = RolloutMemory(None, 2, 10, together=False), Rollout(2)
    with pytest.warns(UserWarning, match="half of the rows"):
        guard.around_generation(rollout, prompts_of(4))
    rollout.rows, rollout.sizes = 4, []
    guard.around_generation(rollout, prompts_of(4), divisible=False)
    assert rollout.sizes == [4]


def test_other_errors_of_a_rollout_go_through():
    def fails(prompt_ids):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        RolloutMemory(None, 2, 10, together=False).around_generation(fails, prompts_of(4))


# In trainers


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
