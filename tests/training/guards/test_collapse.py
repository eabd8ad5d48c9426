"""Policies that say the same whatever they are asked: in the guard alone, over processes, and trained into it."""

from __future__ import annotations

import json
import random
import warnings
from collections import defaultdict

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from tests.training.test_trainer import ROWS, arguments
from treadle import SRLConfig, SRLTrainer
from treadle.errors import RecipeError, TrainingFault
from treadle.training.guards.collapse import WARN_AFTER, Collapse, CollapseSettings

EXAMPLE = "Tom has 3*4 = <<3*4=12>>12 pens."


def made(limit=None, processes=None, **settings):
    return Collapse(CollapseSettings(limit, "optional", **settings), processes or alone(), defaultdict(list))


def rows(prompts=4, size=2, experts="step {}", prompt="problem {}"):
    """A round, siblings adjacent."""
    return [
        {"prompt": prompt.format(n), "expert_action": experts.format(n), "truncated": False}
        for n in range(prompts)
        for _ in range(size)
    ]


def tell(guard, step, texts, asked=None, rewards=None):
    asked = asked or rows()
    guard.rewarded(asked, texts, rewards or [0.3] * len(asked))
    guard.generated(step)
    return guard.steps


SAME, APART = [EXAMPLE] * 8, [f"answer {n}" for n in range(8)]


def test_steps_in_a_row_are_counted_and_one_that_is_apart_ends_the_row():
    guard = made()
    assert [tell(guard, 0, SAME), tell(guard, 0, SAME), tell(guard, 2, SAME)] == [1, 1, 2]
    assert tell(guard, 3, APART) == 0
    assert tell(guard, 3, SAME) == 1
    guard.generated(4)  # what waited sufficed, and nothing was sampled
    assert guard.steps == 1
    assert guard._metrics["collapse/equal"] == [1.0, 1.0, 1.0, 0.0, 1.0]


def test_a_generation_is_judged_over_all_of_its_rounds():
    guard = made()
    asked = rows()
    guard.rewarded(asked[:2], SAME[:2], [0.3] * 2)
    guard.rewarded(asked[2:], [EXAMPLE, *APART[:5]], [0.3] * 6)
    guard.generated(0)
    assert guard.steps == 0
    assert guard._metrics["collapse/shared"] == [3 / 8]
    assert guard._metrics["collapse/equal"] == [2 / 24]


def test_the_warning_comes_once_and_says_what_was_found():
    guard = made(limit=9, learning_rate=2e-5, kl=0.02)
    asked = rows(prompt=f"Like this: {EXAMPLE} Problem {{}}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(WARN_AFTER - 1):
            tell(guard, step, SAME, asked)
    with pytest.warns(UserWarning, match="completions do not depend on the prompt") as told:
        tell(guard, WARN_AFTER, [*SAME[:6], "a", "b"], asked, [0.3] * 4 + [0.5] + [float("nan")] + [0.0] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell(guard, WARN_AFTER + 1, SAME, asked)
    (said_,) = [str(one.message) for one in told]
    assert said_ == (
        "completions do not depend on the prompt, in 3 steps in a row: of pairs for different prompts 50% are equal, "
        "of the experts' 0%. Most frequent, 6 of 8 completions and for 3 of 4 prompts, mean reward 0.34: "
        f"{EXAMPLE!r}. Likely causes: a learning rate that is too high (learning_rate, now 2e-05); little or no pull "
        "back to the model that training began with (kl, now 0.02); a reward that a constant text earns (see "
        "rollouts.jsonl); a worked example in the prompt, where this text stands. The run stops after 9 "
        "(max_collapsed_steps)."
    )


def test_the_step_that_reaches_the_limit_stops_the_run():
    guard = made(limit=2)
    tell(guard, 5, SAME)
    with pytest.raises(TrainingFault) as fault:
        tell(guard, 6, ["a" * 300] * 8, rewards=[float("nan")] * 8)
    said_ = str(fault.value)
    assert "in 2 steps in a row" in said_
    assert f"8 of 8 completions and for 4 of 4 prompts: {'a' * 200 + ' ...'!r}." in said_
    assert "a worked example in the prompt (max_collapsed_steps=2)." in said_


def test_without_a_limit_the_run_is_warned_and_goes_on():
    guard = made()
    for step in range(WARN_AFTER - 1):
        tell(guard, step, SAME)
    with pytest.warns(UserWarning, match=r"The run never stops for it \(max_collapsed_steps\)"):
        tell(guard, WARN_AFTER, SAME)
    assert [tell(guard, step, SAME) for step in range(10, 30)][-1] == WARN_AFTER + 20


@pytest.mark.parametrize("texts", [SAME, ["one more step"] * 8, APART])
def test_where_experts_are_alike_nothing_is_a_collapse(texts):
    guard = made(limit=1)
    tell(guard, 0, texts, rows(experts="one more step"))
    assert guard.steps == 0


def test_prompts_without_reference_are_measured_and_not_judged():
    guard = made(limit=1)
    asked = [{"prompt": row["prompt"], "truncated": False} for row in rows()]
    tell(guard, 0, SAME, asked)
    assert guard._metrics["collapse/equal"] == [1.0]


def test_whole_solutions_and_answers_are_held_against_the_reference_answers():
    solution = "<think>Whatever it is.</think>The answer is \\boxed{3}."
    for answers, texts, steps in (
        ([3, 5, 7, 9], [solution] * 4, 1),
        ([3, 5, 7, 9], ["\\boxed{3}"] * 4, 1),
        ([3, 3, 3, 9], ["\\boxed{3}"] * 3 + ["\\boxed{9}"], 0),
    ):
        guard = made()
        asked = [
            {"prompt": f"p{n}", "expert_action": None, "answer": str(answer), "truncated": False}
            for n, answer in enumerate(answers)
        ]
        assert tell(guard, 0, texts, asked) == steps


@given(st.lists(st.booleans(), max_size=9), st.lists(st.booleans(), max_size=5))
def test_a_restored_state_has_the_same_future(before, after):
    straight, resumed = made(), made()
    for step, collapsed in enumerate(before):
        straight.see(step, collapsed)
    resumed.load_state(json.loads(json.dumps(straight.state())))
    for step, collapsed in enumerate(after, len(before)):
        assert resumed.see(step, collapsed) == straight.see(step, collapsed)
    assert resumed.state() == straight.state()


@pytest.mark.parametrize("count", [2, 4])
def test_processes_and_rounds_change_nothing(count):
    """The same completions in one process and round, and spread over several of both, in another order."""
    draw = random.Random(count)
    asked = rows(prompts=8)
    told = [(row, draw.choice(["one", "two", f"{n} more"]), n / 16) for n, row in enumerate(asked)]
    whole = made()
    whole.rewarded(*map(list, zip(*told, strict=True)))
    whole.generated(0)
    mixed = draw.sample(told, len(told))

    def work(processes):
        guard = made(processes=processes)
        own = mixed[processes.index :: count]
        for part in (own[:3], own[3:]):
            guard.rewarded(*(list(column) for column in zip(*part, strict=True)) if part else ([], [], []))
        guard.generated(0)
        return guard._metrics, guard.state()

    assert in_processes(count, work) == [(whole._metrics, whole.state())] * count


def test_all_processes_stop_together():
    def work(processes):
        guard = made(limit=1, processes=processes)
        asked = rows()[processes.index * 4 :][:4]
        with pytest.raises(TrainingFault, match="8 of 8 completions and for 4 of 4 prompts") as fault:
            tell(guard, 0, SAME[:4], asked)
        return str(fault.value)

    assert len(set(in_processes(2, work))) == 1


def test_a_process_without_a_row_of_its_own_judges_with_the_others():
    def work(processes):
        guard = made(processes=processes)
        asked = rows() if processes.is_main else []
        guard.rewarded(asked, SAME[: len(asked)], [0.0] * len(asked))
        guard.generated(0)
        return guard.steps

    assert in_processes(2, work) == [1, 1]


def test_the_limit_is_checked(tmp_path):
    with pytest.raises(RecipeError, match="max_collapsed_steps=0: expected at least 1"):
        arguments(SRLConfig, tmp_path, max_collapsed_steps=0)


# In trainers


def sevens(completions, **kwargs):
    """What a constant text earns in full."""
    return [completion[0]["content"].count("7") / 6 for completion in completions]


def collapsing(model, tokenizer, folder, **changes):
    args = arguments(
        SRLConfig, folder, think_tags="optional", num_generations=8, per_device_train_batch_size=32, learning_rate=1e-2,
        max_steps=60, **changes,
    )  # fmt: skip
    steps = [{**row, "expert_action": f"step {row['number']}"} for row in ROWS]
    return SRLTrainer(model, sevens, args, train_dataset=Dataset.from_list(steps), processing_class=tokenizer)


@pytest.mark.parametrize("sampling", [False, True])
def test_a_model_trained_into_collapse_is_seen_and_stopped(sampling, tiny_model, tiny_tokenizer, tmp_path):
    changes = {"dynamic_sampling": True, "sampling_threshold": 0.0, "max_sampling_rounds": 2} if sampling else {}
    trainer = collapsing(
        tiny_model, tiny_tokenizer, tmp_path, max_collapsed_steps=5, save_strategy="steps", save_steps=10, **changes
    )
    with (
        pytest.warns(UserWarning, match=r"completions do not depend on the prompt, in 3 steps in a row.*stops after 5"),
        pytest.raises(TrainingFault, match=r"in 5 steps in a row.*'777777'.*\(max_collapsed_steps=5\)"),
    ):
        trainer.train()
    logs = [log for log in trainer.state.log_history if "collapse/equal" in log]
    first, last = logs[0], logs[-1]
    assert first["collapse/equal"] < 0.01  # some end after a character
    assert first["collapse/equal/experts"] == 0.0
    assert first["collapse/distinct"] > 0.9
    assert last["collapse/equal"] > 0.25
    assert last["collapse/similarity"] > first["collapse/similarity"] + 0.5
    assert last["collapse/shared"] > 0.5 > last["collapse/distinct"]
    assert last["reward"] > 0.8
    assert trainer.parts.collapse.steps == 5
    assert trainer.state.global_step == len(logs)  # the step that was to come is not made
    assert (tmp_path / f"checkpoint-{len(logs) // 10 * 10}").is_dir()


def test_the_guard_changes_no_result(tiny_model, tiny_tokenizer, tmp_path, monkeypatch):
    def weights(folder):
        trainer = collapsing(
            tiny_model, tiny_tokenizer, tmp_path / folder, max_collapsed_steps=None, dynamic_sampling=True
        )
        trainer.args.max_steps = 5
        trainer.train()
        return {name: weight.clone() for name, weight in tiny_model.state_dict().items()}

    before = {name: weight.clone() for name, weight in tiny_model.state_dict().items()}
    guarded = weights("guarded")
    tiny_model.load_state_dict(before)
    monkeypatch.setattr(Collapse, "rewarded", lambda *told: None)
    unguarded = weights("unguarded")
    assert all(torch.equal(guarded[name], unguarded[name]) for name in before)
    assert not all(torch.equal(guarded[name], before[name]) for name in before)
