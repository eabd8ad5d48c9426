"""Allocator errors raised from the model's forward above a number of tokens, on the way there and on the way back."""

from __future__ import annotations

import pytest
import torch

from tests.training.guards.test_steps import equal, run, sft_trainer, srl_trainer, weights
from treadle.errors import TrainingFault
from treadle.training.guards.memory import halves, is_out_of_memory

CPU_ERROR = "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried ..."


class Limit(torch.autograd.Function):
    """Does nothing, but for an allocator's error in the backward."""

    @staticmethod
    def forward(ctx, x, fails):
        ctx.fails = fails
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        if ctx.fails:
            raise RuntimeError(CPU_ERROR)
        return gradient, None


def limit_memory(model, tokens, where, error=None):
    """Forwards of more than `tokens` with gradients fail from now on, in the forward or in the backward."""
    layer = model.model.layers[1]
    forward = layer.forward

    def limited(hidden, *args, **kwargs):
        over = torch.is_grad_enabled() and hidden.shape[0] * hidden.shape[1] > tokens
        if over and where == "forward":
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(Limit.apply(hidden, over and where == "backward"), *args, **kwargs)

    layer.forward = limited


def gradients(trainer, seen=()):
    """Gradients of the first step before clipping, and how much had been `seen` by then."""
    found = {}
    clip = trainer._clip_grad_norm

    def clipped(model):
        if not found:
            found.update({name: p.grad.clone() for name, p in model.named_parameters()})
            found["seen"] = len(seen)
        return clip(model)

    trainer._clip_grad_norm = clipped
    return found


def tokens_of(trainer):
    """The tokens of each forward with gradients, by micro-batch, of an unlimited run."""
    seen, layer = [], trainer.model.model.layers[0]
    forward = layer.forward

    def watched(hidden, *args, **kwargs):
        if torch.is_grad_enabled():
            seen.append(hidden.shape[0] * hidden.shape[1])
        return forward(hidden, *args, **kwargs)

    layer.forward = watched
    return seen


CASES = {
    "tree": (srl_trainer, {"prefix_tree": True, "max_tree_tokens": 100}),
    "rows": (srl_trainer, {"prefix_tree": False, "dynamic_sampling": True, "sampling_threshold": 0.0}),
    "kl": (srl_trainer, {"prefix_tree": True, "max_tree_tokens": 100, "beta": 0.1, "num_iterations": 2}),
    "sft": (sft_trainer, {}),
}


BOTH_WAYS = [("tree", "forward"), ("tree", "backward"), ("sft", "forward"), ("sft", "backward")]


@pytest.mark.parametrize(("case", "where"), [*BOTH_WAYS, ("rows", "forward"), ("kl", "backward")])
def test_the_gradient_is_that_of_a_run_with_enough_memory(case, where, tiny_folder, tiny_tokenizer, tmp_path):
    make, changes = CASES[case]
    changes = {"max_steps": 3, "gradient_accumulation_steps": 4, "logging_steps": 1, **changes}
    whole = make(str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    tokens = tokens_of(whole)
    expected = gradients(whole, tokens)
    after, logs, _ = run(whole)
    # A limit that the largest micro-batch of the first step exceeds, and halves do not.
    first_step = tokens[: expected.pop("seen")]
    largest = max(first_step)
    assert len(first_step) > 1
    limited = make(str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    limit_memory(limited.model, largest - 1, where)
    found = gradients(limited)
    limited_tokens = tokens_of(limited)
    after_limited, logs_limited, said = run(limited)
    assert limited.stateful["halving"].halved
    (warning,) = [text for text in said if "out of memory" in text]
    assert "halved" in warning
    assert ("max_tree_tokens" if case in ("tree", "kl") else "micro_batch") in warning
    # The micro-batches up to the one that failed, then all of these in halves.
    failed = next(i for i, size in enumerate(first_step) if size == largest)
    assert limited_tokens[: failed + 1] == first_step[: failed + 1]
    assert all(size < largest for size in limited_tokens[failed + 1 :])
    assert found.pop("seen") == 0
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, rtol=0, atol=1e-6), name
    for ours, other in zip(logs_limited, logs, strict=True):
        assert ours["loss"] == pytest.approx(other["loss"], abs=1e-6)
        assert ours.get("num_tokens") == other.get("num_tokens")
        assert ours["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)
        if "completions/mean_length" in other:
            assert ours["completions/mean_length"] == other["completions/mean_length"]
    for name, weight in after[-1].items():
        # AdamW divides by the gradient's size: where that is all rounding, steps differ by the learning rate.
        assert torch.allclose(after_limited[-1][name], weight, rtol=0, atol=4e-3), name


@pytest.mark.parametrize("make", [srl_trainer, sft_trainer])
def test_a_second_time_stops_the_run(make, tiny_model, tiny_tokenizer, tmp_path):
    trainer = make(tiny_model, tiny_tokenizer, tmp_path)
    before = weights(trainer)
    limit_memory(trainer.model, 8, "forward", RuntimeError(CPU_ERROR))
    with pytest.raises(TrainingFault, match=r"with micro-batches halved. Set a smaller `m"):
        run(trainer)
    assert equal(before, weights(trainer))


def test_what_cannot_be_halved_stops_the_run_and_says_why(tiny_folder, tiny_tokenizer, tmp_path):
    def fails(message, **changes):
        trainer = srl_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
        limit_memory(trainer.model, 8, "forward")
        with pytest.raises(TrainingFault, match=message):
            run(trainer)

    fails("CUDA out of memory.*loss_type='dr_grpo' .* is not a sum over rows", loss_type="dr_grpo")
    fails("the router|entropy is not a sum over rows", entropy_coef=0.1)
    fails("one row and cannot be halved. Set a smaller `micro_batch`", prefix_tree=False, per_device_train_batch_size=1,
          gradient_accumulation_steps=8)  # fmt: skip


def test_other_errors_go_through(tiny_model, tiny_tokenizer, tmp_path):
    trainer = sft_trainer(tiny_model, tiny_tokenizer, tmp_path)
    limit_memory(trainer.model, 8, "forward", RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(trainer)


def test_errors_of_memory_are_known():
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(RuntimeError(CPU_ERROR))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not is_out_of_memory(RuntimeError("expected a tensor"))
    with pytest.raises(RuntimeError) as real:
        torch.empty(1 << 50)
    assert is_out_of_memory(real.value)


def test_halves_hold_every_row_once():
    batch = {"input_ids": torch.arange(15).view(5, 3), "attention_mask": torch.ones(5, 3), "use_cache": False}
    first, second = halves(batch)
    assert [len(first["input_ids"]), len(second["input_ids"])] == [2, 3]
    assert torch.equal(torch.cat([first["input_ids"], second["input_ids"]]), batch["input_ids"])
    assert first["use_cache"] is second["use_cache"] is False
    assert halves({"input_ids": torch.ones(1, 3)})[0]["input_ids"].shape == (1, 3)
