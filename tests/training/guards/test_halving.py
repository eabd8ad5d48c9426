"""Allocator errors raised from the model's forward above a number of tokens, on the way there and on the way back."""

from __future__ import annotations

import warnings
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from tests.training.guards.test_steps import equal, run, sft_trainer, srl_trainer, weights
from treadle.errors import TrainingFault
from treadle.training.guards.halving import Halving, micro_batch_remedy, why_never
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


# Without a trainer: a plain module whose forward has no memory for more than some rows


class Small:
    """An optimizer step over micro-batches of a linear model, as the loop makes it: loss, backward, next.

    Attributes:
        forwards: Rows of each forward.
        logged: What was added to a list of the metrics, one entry a forward.
    """

    def __init__(self, batches, rows=10**6, never=None, where="forward"):
        torch.manual_seed(0)
        self.model = torch.nn.Linear(3, 1).double()
        self.batches, self.rows, self.where = batches, rows, where
        self.total = sum(len(batch["x"]) for batch in batches)
        self.forwards, self.metrics, self.said = [], defaultdict(list), []
        self.halving = Halving(self.metrics, lambda loss: loss.backward(), never, "Set less.")

    def loss_of(self, batch):
        def compute(part):
            self.forwards.append(len(part["x"]))
            self.metrics["rows"].append(len(part["x"]))
            over = len(part["x"]) > self.rows
            if over and self.where == "forward":
                raise RuntimeError(CPU_ERROR)
            x = Limit.apply(part["x"].clone().requires_grad_(), over)
            return (self.model(x)[:, 0] - part["y"]).square().sum() / self.total

        return self.halving.around_loss(compute, batch)

    def step(self, **more):
        """Losses of the micro-batches; gradients are left in the model."""
        losses = []
        for batch in self.batches:

            def one(batch=batch):
                loss = self.loss_of(batch if self.halving.repeated is None else self.halving.repeated)
                loss.backward()
                return loss.detach()

            losses.append(self.halving.around_step(one, self.loss_of, self.model.zero_grad, 5, **more))
        return torch.stack(losses)

    def gradients(self):
        return [parameter.grad for parameter in self.model.parameters()]


def batches_of(*sizes):
    draw = torch.Generator().manual_seed(sum(sizes))
    return [
        {"x": torch.randn(n, 3, generator=draw, dtype=torch.float64), "y": torch.randn(n, generator=draw).double()}
        for n in sizes
    ]


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("sizes", [[1], [2], [4, 4], [2, 5, 3], [6, 1, 1, 5]])
def test_halves_have_loss_and_gradient_of_the_whole(sizes, where):
    """Each micro-batch of more than half of the largest one's rows fails, until micro-batches are halved."""
    whole = Small(batches_of(*sizes))
    expected = whole.step()
    limit = max(-(-max(sizes) // 2), 1)
    halved = Small(batches_of(*sizes), limit, where=where)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses = halved.step()
    assert halved.halving.halved == (max(sizes) > limit)
    assert torch.allclose(losses, expected, rtol=1e-12)
    assert torch.allclose(torch.stack(halved.halving.trace.losses), expected, rtol=1e-12)
    for ours, theirs in zip(halved.gradients(), whole.gradients(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert sum(halved.metrics["rows"]) == sum(sizes)  # nothing is logged twice
    assert len(halved.halving.trace.inputs) == len(sizes)
    assert halved.halving.repeated is None


def test_what_is_forwarded_by_hand():
    """The second micro-batch fails; it and the first are taken again in halves, the third is halved at once."""
    small = Small(batches_of(2, 5, 3), rows=3)
    with pytest.warns(UserWarning, match=r"out of memory in the update of step 5 \(\[enforce fail.*halved. Set less."):
        small.step()
    assert small.forwards == [2, 5, 1, 1, 2, 3, 1, 2]
    assert small.metrics["rows"] == [1, 1, 2, 3, 1, 2]
    small.halving.trace.end()
    assert (small.halving.trace.inputs, small.halving.trace.losses, small.halving.trace.logged) == ([], [], [])
    small.forwards.clear()
    small.step()
    assert small.forwards == [1, 1, 2, 3, 1, 2]


@pytest.mark.filterwarnings("ignore:out of memory")
@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        ({"never": "it never does"}, {}, r"out of memory in the update \(\[enforce.*; it never does. Set less."),
        ({}, {"is_mean": True}, "the loss is a mean over the micro-batch"),
        ({"rows": 0}, {}, "with micro-batches halved. Set less."),
    ],
)
def test_what_halves_cannot_mend_stops_the_run(changes, more, message):
    small = Small(batches_of(4), **{"rows": 3} | changes)
    with pytest.raises(TrainingFault, match=message):
        small.step(**more)


def test_one_row_and_a_second_time_stop_the_run():
    with pytest.raises(TrainingFault, match="the micro-batch has one row and cannot be halved"):
        Small(batches_of(1), rows=0).step()
    again = Small(batches_of(8), rows=3)
    again.halving.load_state(True)
    assert again.halving.state() is True
    with pytest.raises(TrainingFault, match="micro-batches are halved already"):
        again.step()


def test_what_prepares_the_update_is_not_repeated():
    small = Small(batches_of(2))
    small.step()  # the loss of a step before has no part in it

    def prepare():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    with pytest.raises(TrainingFault, match=r"CUDA out of memory.*it was in what prepares the update"):
        small.halving.around_step(prepare, small.loss_of, small.model.zero_grad, 1)


def test_a_backward_that_has_nothing_to_do_leaves_no_trace():
    small = Small([])
    assert small.halving.around_step(lambda: torch.zeros(()), small.loss_of, small.model.zero_grad, 1) == 0
    assert small.halving.trace.losses == small.halving.trace.inputs == []


def test_an_error_that_is_not_of_memory_goes_through_while_repeating():
    small = Small(batches_of(4, 6), rows=4)
    first, second = small.batches
    small.halving.around_step(lambda: small.loss_of(first), small.loss_of, small.model.zero_grad, 1)

    def spoilt(batch):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"), pytest.warns(UserWarning, match="halved"):
        small.halving.around_step(lambda: small.loss_of(second), spoilt, small.model.zero_grad, 1)
    assert small.halving.repeated is None


@pytest.mark.parametrize(
    ("processes", "gpus", "deepspeed"), [(2, 1, False), (1, 2, False), (1, 1, True), (1, 1, False)]
)
def test_steps_are_repeated_in_one_process_alone(processes, gpus, deepspeed):
    reason = why_never(SimpleNamespace(n_gpu=gpus), processes, deepspeed)
    assert (reason is None) == (processes == gpus == 1 and not deepspeed)
    assert "per_device_train_batch_size, now 8" in micro_batch_remedy(8)


# In trainers


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
