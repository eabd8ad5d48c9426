"""Losses and gradients made not finite on chosen steps: what is applied is what a run without those steps applies."""

from __future__ import annotations

import json
import math
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from tests.training.test_trainer import ROWS, arguments, digits
from treadle import SRLConfig, SRLTrainer
from treadle.errors import RecipeError, TrainingFault
from treadle.training.guards.halving import StepTrace
from treadle.training.guards.steps import StepGuard, StepLimits
from treadle.training.progress import MetricsFile
from treadle.training.sft_trainer import GuardedSFTConfig, GuardedSFTTrainer

# Without a trainer: a plain module and optimizer


class Small:
    """A linear model whose gradients a guard judges.

    Args:
        limits: Changes of the limits.
    """

    def __init__(self, folder, processes=None, **limits):
        torch.manual_seed(0)
        self.model = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1, weight_decay=0.1)
        self.trace, self.metrics = StepTrace(), defaultdict(list)
        limits = {"max_skipped_steps": 3, "quiet_steps": 2, "scaled": False, "shows_weights": True} | limits
        self.guard = StepGuard(
            StepLimits(**limits), self.trace, processes or alone(), self.metrics, folder, lambda ids: str(ids.tolist())
        )
        self.done = 0

    def step(self, scale=1.0, loss=None, inputs=None, rate=0.1):
        """One optimizer step whose gradient is `scale` times ones; true where it was applied."""
        before = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.trace.inputs.append(inputs or {"input_ids": torch.tensor([[1, 2]])})
        self.trace.losses.append(torch.tensor(1.0 if loss is None else loss))
        for parameter in self.model.parameters():
            parameter.grad = torch.full_like(parameter, scale)
        self.guard.before_clipping(self.model)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.done += 1
        self.guard.gradients(self.model, norm, lambda: rate, self.done)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return not all(map(torch.equal, before, self.model.parameters()))


@pytest.mark.parametrize("bad", [{"scale": math.inf}, {"scale": math.nan}, {"loss": math.nan}, {"loss": math.inf}])
def test_a_step_that_is_not_finite_leaves_the_optimizer_nothing(bad, tmp_path):
    small = Small(tmp_path)
    assert small.step()
    with pytest.warns(UserWarning, match=r"step 2 is not applied.*number 1 in a row"):
        assert not small.step(**bad)
    assert all(parameter.grad is None for parameter in small.model.parameters())
    assert small.step()
    assert [small.optimizer.state[p]["step"] for p in small.model.parameters()] == [2, 2]
    assert small.metrics == {
        "faults/skipped_steps": [1.0],
        "faults/losses_not_finite": [float("loss" in bad)],
    }
    assert small.guard.state() == {"skipped": 1, "in_row": 0}
    assert small.trace == StepTrace()


def test_a_step_without_anything_to_do_is_neither_bad_nor_good(tmp_path):
    """Two bad steps with an empty one between them are two in a row."""
    small = Small(tmp_path)
    with pytest.warns(UserWarning, match="number 1 in a row"):
        small.step(math.nan)
    small.guard.gradients(small.model, 0.0, lambda: 0.1, 2)
    assert small.guard.state() == {"skipped": 1, "in_row": 1}
    with pytest.warns(UserWarning, match="number 2 in a row"):
        small.step(math.nan)


def test_the_last_skip_saves_the_step_and_names_parameters_and_texts(tmp_path):
    small = Small(tmp_path / "run", max_skipped_steps=2)
    ids = torch.tensor([[0, 5], [6, 7]])
    mask = torch.tensor([[0, 1], [1, 1]])
    rollouts = {"prompt_ids": ids, "prompt_mask": mask, "completion_ids": ids + 10, "completion_mask": mask.flip(1)}
    plain = {"input_ids": ids, "attention_mask": mask, "number": 3}
    with pytest.warns(UserWarning, match="is not applied"):
        small.step(math.nan, inputs=plain)
    small.trace.inputs.append(rollouts)
    small.trace.losses.append(torch.tensor(math.inf))
    with pytest.raises(TrainingFault, match=r"step 2 is not applied: gradient norm nan, 1 losses .*2 in a row"):
        small.step(math.nan, inputs=plain)
    saved = torch.load(tmp_path / "run" / "fault-step-2.pt", weights_only=True)
    assert saved["parameters_not_finite"] == ["weight", "bias"]
    assert saved["losses"] == [math.inf, 1.0]
    assert saved["texts"] == [["[5, 10]", "[6, 7, 16, 17]"], ["[5]", "[6, 7]"]]
    assert saved["micro_batches"][1]["number"] == 3


def test_gradients_are_searched_when_the_next_skip_is_the_last(tmp_path):
    """Before clipping, which spreads what is not finite over all parameters."""
    small = Small(tmp_path, max_skipped_steps=1)
    backward = small.guard.before_clipping

    def spoilt(model):
        model.weight.grad.fill_(1.0)
        model.bias.grad.fill_(math.inf)
        backward(model)

    small.guard.before_clipping = spoilt
    with pytest.raises(TrainingFault, match="1 in a row"):
        small.step()
    assert torch.load(tmp_path / "fault-step-1.pt", weights_only=True)["parameters_not_finite"] == ["bias"]


@given(st.lists(st.booleans(), max_size=12), st.lists(st.booleans(), max_size=6), st.integers(1, 4))
def test_a_run_stops_at_so_many_in_a_row_also_after_a_resume(before, after, most):
    """Good and bad steps; the counts of the resumed run go on."""

    def walk(small, steps):
        for number, good in enumerate(steps):
            try:
                small.step(1.0 if good else math.nan)
            except TrainingFault:
                return number
        return None

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = Small(Path(folder), max_skipped_steps=most, quiet_steps=0)
        stopped, steps = walk(small, before), before
        if stopped is None:
            resumed = Small(Path(folder), max_skipped_steps=most, quiet_steps=0)
            resumed.guard.load_state(small.guard.state())
            stopped, small, steps = walk(resumed, after), resumed, before + after
            stopped = None if stopped is None else stopped + len(before)
    runs = [i for i in range(len(steps)) if i + 1 >= most and not any(steps[i + 1 - most : i + 1])]
    assert stopped == (runs[0] if runs else None)
    assert small.guard.skipped == (steps if stopped is None else steps[: stopped + 1]).count(False)


def test_a_gradient_scaler_skips_by_itself(tmp_path):
    small = Small(tmp_path, scaled=True, max_skipped_steps=1)
    small.step(math.inf)
    assert small.metrics == {}
    assert all(parameter.isnan().all() for parameter in small.model.parameters())  # nothing was taken away


def test_steps_without_gradient_or_change_are_told_of(tmp_path):
    small = Small(tmp_path, quiet_steps=2)
    small.step(0.0)
    with pytest.warns(UserWarning, match="gradient norm was 0 in the last 2"):
        small.step(0.0)
    assert small.metrics == {"faults/quiet_steps": [1.0, 2.0]}
    frozen = Small(tmp_path, quiet_steps=2)
    frozen.optimizer.param_groups[0]["lr"] = 0.0  # it holds the weights, but does not move them
    frozen.step()
    frozen.step()
    with pytest.warns(UserWarning, match="no trained weight changed in the last 2 .*learning rate 0.1"):
        frozen.step()
    blind = Small(tmp_path, quiet_steps=2, shows_weights=False)
    blind.optimizer.param_groups[0]["lr"] = 0.0
    for _ in range(5):
        blind.step()
    assert blind.metrics == {}


def test_weights_that_had_no_gradient_need_not_change(tmp_path):
    """Of four steps that change nothing one has no gradient: with the fourth two that had one lie behind."""
    small = Small(tmp_path, quiet_steps=2)
    small.optimizer.param_groups[0]["lr"] = 0.0
    for scale in (1.0, 0.0, 1.0):
        small.step(scale)
    assert small.metrics == {"faults/quiet_steps": [1.0]}
    with pytest.warns(UserWarning, match="no trained weight changed"):
        small.step()


def test_processes_skip_together_and_one_speaks(tmp_path):
    """The loss of the second is not finite; gradients are those of all."""

    def work(processes):
        small = Small(tmp_path, processes, max_skipped_steps=2)
        small.step()
        small.step(loss=math.nan if processes.index == 1 else 1.0)
        try:
            small.step(loss=math.nan if processes.index == 0 else 1.0)
        except TrainingFault as fault:
            return small.guard.state(), small.metrics["faults/losses_not_finite"], str(fault)

    with pytest.warns(UserWarning, match="step 2 is not applied: gradient norm 1.73205, 1 losses") as said:
        found = in_processes(2, work)
    assert len(said) == 1
    for index, (state, losses, text) in enumerate(found):
        assert (state, losses) == ({"skipped": 2, "in_row": 2}, [1.0, 1.0])
        assert f"fault-step-3-rank-{index}.pt" in text
        assert (tmp_path / f"fault-step-3-rank-{index}.pt").is_file()


def test_weights_are_quiet_only_where_they_are_in_all_processes(tmp_path):
    def work(processes, moving):
        small = Small(tmp_path, processes, quiet_steps=2)
        small.optimizer.param_groups[0]["lr"] = 0.1 if processes.index in moving else 0.0
        for _ in range(3):
            small.step()
        return small.metrics["faults/quiet_steps"]

    assert in_processes(2, lambda processes: work(processes, {1})) == [[], []]
    with pytest.warns(UserWarning, match="no trained weight changed"):
        assert in_processes(2, lambda processes: work(processes, set())) == [[2.0], [2.0]]


# In trainers


TEXTS = [{"text": f"number {i} and {i * i} and {i + 7}" * (1 + i % 3)} for i in range(24)]


def srl_trainer(model, tokenizer, folder, rewards=digits, cls=SRLTrainer, **changes):
    args = arguments(SRLConfig, folder, **{"max_steps": 4, "prefix_tree": True, **changes})
    return cls(model, rewards, args, train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)


def sft_trainer(model, tokenizer, folder, peft_config=None, **changes):
    settings = {
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "max_steps": 4, "learning_rate": 1e-3,
        "lr_scheduler_type": "constant", "logging_steps": 1, "report_to": [], "use_cpu": True, "bf16": False,
        "gradient_checkpointing": False, "save_strategy": "no", "seed": 3, "disable_tqdm": True, "max_length": 64,
    }  # fmt: skip
    args = GuardedSFTConfig(str(folder), **settings | changes)
    rows = Dataset.from_list(TEXTS)
    return GuardedSFTTrainer(model, args=args, train_dataset=rows, processing_class=tokenizer, peft_config=peft_config)


MAKERS = {"srl": srl_trainer, "sft": sft_trainer}


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def spoil(trainer, steps, kind):
    """Make the loss of the last micro-batch, or one gradient, not finite in the given optimizer steps (from 0)."""
    compute_loss = trainer.compute_loss

    def spoilt(model, inputs, *args, **kwargs):
        loss = compute_loss(model, inputs, *args, **kwargs)
        now = trainer.accelerator.sync_gradients and trainer.state.global_step in steps
        if now and kind == "loss":
            return loss * torch.inf
        if now and kind == "hidden loss":  # a loss that is not finite, whose gradient is
            return loss + torch.full((), torch.nan)
        if now and kind == "gradient":
            number = next(iter(model.parameters()))[0, 0]
            return loss + (number - number.detach()).sqrt()  # 0, and its derivative is infinite
        return loss

    trainer.compute_loss = spoilt


def run(trainer, after_step=None):
    """Train; weights after each step."""
    history, trace = [], trainer.stateful["halving"].trace
    step = trace.end

    def ended():
        step()
        history.append(weights(trainer))  # before this step's update

    trace.end = ended
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trainer.train()
    history.append(weights(trainer))
    logs = [log for log in trainer.state.log_history if "loss" in log]
    return history[1:], logs, [str(w.message) for w in said]


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("kind", ["loss", "hidden loss", "gradient"])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_step_that_is_not_finite_leaves_weights_and_optimizer_alone(
    maker, kind, tiny_model, tiny_tokenizer, tmp_path
):
    before = {name: p.detach().clone() for name, p in tiny_model.named_parameters()}
    trainer = MAKERS[maker](tiny_model, tiny_tokenizer, tmp_path, weight_decay=0.1, lr_scheduler_type="linear")
    spoil(trainer, {1}, kind)
    after, logs, said = run(trainer)
    assert not equal(before, after[0])
    assert equal(after[0], after[1])
    assert not equal(after[1], after[2])
    assert [log.get("faults/skipped_steps") for log in logs] == [None, 1.0, None, None]
    assert logs[1]["faults/losses_not_finite"] == (0.0 if kind == "gradient" else 1.0)
    rates = [log["learning_rate"] for log in logs]
    assert rates == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3])  # the schedule goes on
    assert any("step 2 is not applied" in text for text in said)
    for name, parameter in trainer.model.named_parameters():
        state = trainer.optimizer.optimizer.state[parameter]
        assert state["step"] == 3, name
        assert state["exp_avg"].isfinite().all()


def test_the_other_steps_are_those_of_a_run_without_the_bad_one(tiny_folder, tiny_tokenizer, tmp_path):
    """SFT does not sample, so a run that skips step 2 equals one whose second batch is left out by hand."""
    skipping = sft_trainer(str(tiny_folder), tiny_tokenizer, tmp_path)
    spoil(skipping, {1}, "loss")
    found, _, _ = run(skipping)
    plain = sft_trainer(str(tiny_folder), tiny_tokenizer, tmp_path)
    step = plain.create_optimizer

    def without_the_second():
        optimizer = step()
        apply, calls = optimizer.step, []

        def stepped(*args, **kwargs):
            calls.append(1)
            return None if len(calls) == 2 else apply(*args, **kwargs)

        optimizer.step = stepped
        return optimizer

    plain.create_optimizer = without_the_second
    expected, _, _ = run(plain)
    assert equal(found[-1], expected[-1])


def test_guards_leave_a_sound_run_as_it_is(tiny_folder, tiny_tokenizer, tmp_path, monkeypatch):
    from trl import SFTConfig, SFTTrainer

    # The prefix tree adds up in another order (tests/training/test_sft_tree.py); here every bit is compared.
    monkeypatch.setattr("treadle.training.sft_trainer.why_not", lambda *_: "for the test")
    guarded = sft_trainer(str(tiny_folder), tiny_tokenizer, tmp_path)
    guarded.train()
    fields = {k: v for k, v in vars(guarded.args).items() if k in ("max_steps", "learning_rate", "seed", "max_length")}
    args = SFTConfig(
        str(tmp_path), **fields, per_device_train_batch_size=4, gradient_accumulation_steps=2, use_cpu=True, bf16=False,
        lr_scheduler_type="constant", gradient_checkpointing=False, save_strategy="no", report_to=[], disable_tqdm=True,
    )  # fmt: skip
    stock = SFTTrainer(
        str(tiny_folder), args=args, train_dataset=Dataset.from_list(TEXTS), processing_class=tiny_tokenizer
    )
    stock.train()
    assert equal(weights(guarded), weights(stock))


@pytest.mark.parametrize("maker", MAKERS)
def test_a_few_in_a_row_stop_the_run_and_leave_the_batch(maker, tiny_model, tiny_tokenizer, tmp_path):
    trainer = MAKERS[maker](tiny_model, tiny_tokenizer, tmp_path, max_skipped_steps=2)
    spoil(trainer, {0, 2, 3}, "gradient")
    with pytest.raises(TrainingFault, match=r"step 4 is not applied.*2 in a row .*fault-step-4.pt"):
        run(trainer)
    assert trainer.stateful["steps"].state() == {"skipped": 3, "in_row": 2}
    saved = torch.load(tmp_path / "fault-step-4.pt", weights_only=True)
    assert saved["step"] == 4
    assert not math.isfinite(saved["grad_norm"])
    assert saved["parameters_not_finite"] == [next(iter(trainer.model.named_parameters()))[0]]
    assert len(saved["micro_batches"]) == len(saved["losses"]) == len(saved["texts"])
    assert all(math.isfinite(loss) for loss in saved["losses"])
    texts = [text for part in saved["texts"] for text in part]
    name, word, rows = ("completion_ids", "next 0", 16) if maker == "srl" else ("input_ids", "number", 8)
    assert sum(len(batch[name]) for batch in saved["micro_batches"]) == len(texts) == rows
    assert all(word in text for text in texts)


def test_weights_that_are_not_finite_stop_the_run(tiny_model, tiny_tokenizer, tmp_path):
    """The damage is real: every loss from here on is nan."""
    with torch.no_grad():
        tiny_model.model.layers[0].mlp.up_proj.weight[0, 0] = torch.nan
    trainer = sft_trainer(tiny_model, tiny_tokenizer, tmp_path, max_steps=10)
    with pytest.raises(TrainingFault, match="step 3 is not applied: gradient norm nan, 2 losses not finite"):
        run(trainer)
    saved = torch.load(tmp_path / "fault-step-3.pt", weights_only=True)
    assert "model.layers.0.mlp.up_proj.weight" in saved["parameters_not_finite"]


def test_a_file_that_cannot_be_written_does_not_hide_the_fault(tiny_model, tiny_tokenizer, tmp_path):
    trainer = sft_trainer(tiny_model, tiny_tokenizer, tmp_path, max_skipped_steps=1)
    (tmp_path / "fault-step-1.pt").mkdir()
    spoil(trainer, {0}, "loss")
    with pytest.raises(TrainingFault, match=r"step 1 is not applied.*could not be saved"):
        trainer.train()


@pytest.mark.parametrize("maker", MAKERS)
def test_counts_go_on_after_a_resume(maker, tiny_folder, tiny_tokenizer, tmp_path):
    changes = {"save_strategy": "steps", "save_steps": 1, "max_steps": 3}
    trainer = MAKERS[maker](str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    spoil(trainer, {0, 1}, "loss")
    trainer.stateful["halving"].halved = True
    run(trainer)
    resumed = MAKERS[maker](str(tiny_folder), tiny_tokenizer, tmp_path, **changes)
    spoil(resumed, {2}, "loss")
    with pytest.raises(TrainingFault, match=r"step 3 is not applied.*3 in a row"):
        resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert (resumed.stateful["steps"].skipped, resumed.stateful["halving"].halved) == (3, True)


def test_metrics_stay_json_that_every_reader_takes(tiny_model, tiny_tokenizer, tmp_path):
    trainer = sft_trainer(tiny_model, tiny_tokenizer, tmp_path)
    trainer.add_callback(MetricsFile(tmp_path / "metrics.jsonl"))
    spoil(trainer, {1}, "loss")
    run(trainer)

    def refuse(text):
        raise AssertionError(text)

    lines = [json.loads(line, parse_constant=refuse) for line in (tmp_path / "metrics.jsonl").open()]
    assert lines[1]["grad_norm"] is None
    assert lines[1]["faults/skipped_steps"] == 1.0
    assert lines[0]["grad_norm"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_skipped_steps": 0}, "max_skipped_steps=0: expected at least 1"),
        ({"quiet_steps": -1}, "quiet_steps=-1: expected at least 0"),
        ({"reward_seconds": 0}, "reward_seconds=0: expected more than 0"),
        ({"max_unscorable": 1.5}, "max_unscorable=1.5: expected a share"),
        ({"max_format_fault_steps": 0}, "max_format_fault_steps=0: expected at least 1"),
        ({"max_logp_difference": -1}, "max_logp_difference=-1: expected more than 0"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        arguments(SRLConfig, tmp_path, **changes)
