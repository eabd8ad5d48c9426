"""Rollouts without form, in the watcher alone and in trainers."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.guards.test_steps import run, srl_trainer
from treadle.errors import TrainingFault
from treadle.scoring.thoughts import ThoughtTags
from treadle.training.guards.format import FormatFaults, faulty_share, format_report


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


def test_the_report_names_what_the_template_does_and_the_tags_of_the_run():
    def cause(text, tags, think_tags="strict"):
        return format_report([text], [False], think_tags, tags).split(" (")[0]

    opened, closed = ThoughtTags(block="opened"), ThoughtTags(block="closed")
    said = cause("no end", opened)
    assert said.startswith("the chat template opens the block with <think> in the prompt, and the model does not close")
    assert "does not write" not in said
    said = cause("<think>a</think>b", opened)
    assert said.startswith("the chat template opens the block with <think> in the prompt, and the model writes another")
    assert "think_tags: lenient" in said
    said = cause("<think>a</think>b", closed)
    assert said.startswith("the chat template closes the block in the prompt, and the model writes <think> or </think>")
    assert "does not write <thinking> </thinking>" in cause("b", ThoughtTags("<thinking>", "</thinking>"))


NAN = float("nan")
LONG = "<think>never ends"


def told(faults, rewards, step, texts=("no tags", LONG), truncated=(False, True)):
    faults.rewarded(torch.tensor(rewards), texts, truncated, step)
    return faults.steps


def test_only_steps_whose_scored_completions_all_break_the_format_count():
    faults = FormatFaults(9)
    assert told(faults, [-1.0, -1.0], 0) == 1
    assert told(faults, [-1.0, NAN], 1) == 2
    assert told(faults, [-1.0, -1.0], 1) == 2  # another round of the same step
    assert told(faults, [NAN, NAN], 2) == 0  # nothing is known
    assert told(faults, [-1.0, -1.0], 3) == 1
    assert told(faults, [-1.0, 0.0], 4) == 0
    assert told(FormatFaults(9), [], 0, (), ()) == 0


def test_the_step_that_reaches_the_limit_stops_the_run_with_samples():
    faults = FormatFaults(2)
    told(faults, [-1.0] * 4, 7)
    with pytest.raises(TrainingFault) as fault:  # rewards are those of two processes
        told(faults, [-1.0] * 4, 8)
    assert str(fault.value).startswith(
        "every completion broke the format in 2 steps in a row, so there is nothing to learn from "
        "(max_format_fault_steps=2). Likely cause: "
    )
    assert str(fault.value).endswith("Samples:\n  no_think_block: 'no tags'\n  truncated: '<think>never ends'")
    for step in range(9):
        told(FormatFaults(None), [-1.0], step)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20), st.lists(st.booleans(), max_size=5))
def test_a_restored_state_has_the_same_future(before, after):
    straight, resumed = FormatFaults(3), FormatFaults(3)
    step = 0
    for later, all_faults in before:
        step += later
        straight.see(step, all_faults)
    resumed.load_state(straight.state())
    for all_faults in after:
        assert resumed.see(step, all_faults) == straight.see(step, all_faults)
        step += 1
    assert resumed.state() == straight.state()


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


def test_the_first_generation_says_where_most_break_the_format():
    texts = ("no tags", "none", "neither", "<think>a</think>b")
    faults = FormatFaults(9)
    with pytest.warns(UserWarning, match=r"75% of the first completions .*cold-start.md.*does not write <think>"):
        told(faults, [-1.0, -1.0, -1.0, 0.5], 0, texts, [False] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(faults, [-1.0] * 4, 1, texts, [False] * 4)


@pytest.mark.parametrize("rewards", [[-1.0, 0.5, 0.5], [NAN, NAN], [], [0.0, 1.0]])
def test_a_first_generation_with_form_says_nothing(rewards):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(FormatFaults(9), rewards, 0, ["<think>a</think>b"] * len(rewards), [False] * len(rewards))


def test_of_several_processes_one_warns_and_all_stop():
    other = FormatFaults(2, is_main=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(other, [-1.0] * 4, 0)
    with pytest.raises(TrainingFault):
        told(other, [-1.0] * 4, 1)


def test_a_run_that_goes_on_says_nothing_again():
    faults = FormatFaults(9)
    faults.load_state(FormatFaults(9).state())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(faults, [-1.0, -1.0], 5)


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, NAN]), min_size=2, max_size=2), max_size=6))
def test_the_share_is_that_of_completions_scored_by_all_as_faults(rows):
    scored = [[r for r in row if r == r] for row in rows]
    known = [row for row in scored if row]
    expected = sum(set(row) == {-1.0} for row in known) / len(known) if known else 0.0
    assert faulty_share(torch.tensor(rows).reshape(-1, 2)) == pytest.approx(expected)
