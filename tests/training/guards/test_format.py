"""Rollouts without form, in the watcher alone and in trainers."""

from __future__ import annotations

import pytest

from tests.training.guards.test_steps import run, srl_trainer
from treadle.errors import TrainingFault
from treadle.training.guards.format import FormatFaults, format_report


def test_format_faults_are_counted_by_step():
    faults = FormatFaults(3)
    told = [(0, True), (0, True), (1, True), (1, False), (2, True), (3, True), (3, True)]
    assert not any(faults.see(*call) for call in told)
    resumed = FormatFaults(3)
    resumed.load_state(faults.state())
    assert resumed.see(4, True)
    assert not any(FormatFaults(None).see(step, True) for step in range(9))


def test_the_report_names_the_most_frequent_fault():
    long = "<think>" + "a" * 1000
    report = format_report(["no tags", "none", long], [False, False, True], "strict")
    assert report.startswith("the model does not write <think> </think>")
    assert "no_think_block 67%, truncated 33%" in report
    assert "no_think_block: 'no tags'" in report
    assert f"truncated: {'<think>' + 'a' * 143!r} ... {'a' * 150!r}" in report
    assert "max_completion_length" in format_report([long], [True], "strict")
    assert format_report(["<think>a</think>b"], [False], "strict").startswith("the reward's own rule")


# In trainers


def broken(completions, **kwargs):
    return [-1.0] * len(completions)


def test_format_faults_alone_stop_the_run_with_samples(tiny_model, tiny_tokenizer, tmp_path):
    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, broken, max_steps=9, max_format_fault_steps=3)
    with pytest.raises(TrainingFault, match=r"broke the format in 3 steps in a row") as stop:
        run(trainer)
    assert trainer.state.global_step == 2
    said = str(stop.value)
    assert "Likely cause: the limit of tokens cuts them off: set a larger max_completion_length" in said
    assert "Samples:" in said
    assert len(said[said.index("Samples:") :].splitlines()) == 4


def test_refilling_counts_as_one_step(tiny_model, tiny_tokenizer, tmp_path):
    trainer = srl_trainer(
        tiny_model, tiny_tokenizer, tmp_path, broken, max_steps=2, max_format_fault_steps=3, dynamic_sampling=True,
        max_sampling_rounds=4,
    )  # fmt: skip
    trainer.train()
    assert trainer.parts.format_faults.steps == 2


def test_wrong_answers_are_no_format_faults(tiny_model, tiny_tokenizer, tmp_path):
    def wrong(completions, **kwargs):
        return [0.0] * len(completions)

    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, wrong, max_steps=3, max_format_fault_steps=1)
    trainer.train()
    assert trainer.parts.format_faults.steps == 0


def test_what_is_unscorable_does_not_hide_format_faults(tiny_model, tiny_tokenizer, tmp_path):
    def some(completions, **kwargs):
        return [None, *[-1.0] * (len(completions) - 1)]

    trainer = srl_trainer(tiny_model, tiny_tokenizer, tmp_path, some, max_steps=3, max_format_fault_steps=2)
    with pytest.raises(TrainingFault, match="every completion broke the format in 2 steps"):
        trainer.train()
