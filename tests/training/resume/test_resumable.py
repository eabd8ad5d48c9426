"""Runs that were stopped and resumed against runs that were not: the same bytes, on a CPU in float32."""

from __future__ import annotations

import copy
import json
import shutil
import warnings

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from trl.trainer.utils import RepeatSampler

from tests.training.test_trainer import ROWS, arguments, digits
from treadle import SRLConfig, SRLTrainer
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.sft_trainer import GuardedSFTConfig, GuardedSFTTrainer

TIMES = {"train_runtime", "train_samples_per_second", "train_steps_per_second", "step_time"}
TRAJECTORIES = [{**row, "trajectory_id": f"t{i // 3}"} for i, row in enumerate(ROWS)]
SOLVED = [{**row, "trajectory_id": f"t{i}", "prefix_texts": ["a1", "b2", "c3", "d4"]} for i, row in enumerate(ROWS)]
LONG = {"max_steps": 7, "save_strategy": "steps", "save_steps": 1}

# Name: settings, and the step after which the run is resumed. 12 prompts, 4 of them in a step: epochs of 3 steps.
CASES = {
    "refilled": ({"dynamic_sampling": True, "max_sampling_rounds": 3}, 2),
    "tree, trajectories, second epoch": (
        {"dynamic_sampling": True, "prefix_tree": True, "shared_rollout": True, "group_by_trajectory": True},
        5,
    ),
    "surplus groups and resting prompts": (
        {
            "dynamic_sampling": True,
            "refill": "full",
            "max_sampling_rounds": 5,
            "rest_after": 1,
            "shuffle_dataset": False,
        },
        4,
    ),
    "end of an epoch": ({"group_by_trajectory": True}, 3),
    "plain, second epoch": ({}, 4),
    "several updates of a generation": ({"steps_per_generation": 4, "prefix_tree": True}, 3),
    "several updates, as TRL has them": ({"steps_per_generation": 4}, 3),
    "iterations": ({"num_iterations": 2, "prefix_tree": True}, 3),
    "iterations and updates": ({"num_iterations": 2, "steps_per_generation": 4}, 3),
    "sums over three steps": ({"logging_steps": 3, "dynamic_sampling": True}, 4),
    "all": ({"dynamic_sampling": True, "prefix_tree": True, "steps_per_generation": 4, "logging_steps": 2}, 5),
    "reference model": ({"beta": 0.1, "prefix_tree": True}, 2),
    "last step": ({}, 7),
    "prefixes": ({"dynamic_sampling": True, "prefix_tree": True, "prefix_loss": 0.1, "rest_after": 1}, 3),
}


def half_vary(completions, number, **kwargs):
    return [reward if n % 2 == 0 else 0.0 for reward, n in zip(digits(completions), number, strict=True)]


def srl(folder, model, tokenizer, rows=TRAJECTORIES, lora=None, **changes):
    args = arguments(SRLConfig, folder, **(LONG | changes))
    policy = {"prefix_policy": OnFailure()} if args.prefix_loss else {}
    data = Dataset.from_list(SOLVED if policy else rows)
    return SRLTrainer(
        model, half_vary, args, train_dataset=data, processing_class=tokenizer, peft_config=lora, **policy
    )


def sft(folder, model, tokenizer, rows_eval=False, **changes):
    settings = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1e-3}
    settings |= {"use_cpu": True, "bf16": False, "report_to": [], "logging_steps": 1, "disable_tqdm": True, "seed": 3}
    args = GuardedSFTConfig(str(folder), **(settings | LONG | {"max_steps": 9} | changes))
    rows = [{"prompt": f"next {i:03d}", "completion": "a1b2 " * (1 + i % 5)} for i in range(16)]
    held_out = Dataset.from_list(rows[:4]) if rows_eval else None
    data = Dataset.from_list(rows)
    return GuardedSFTTrainer(model, args, train_dataset=data, eval_dataset=held_out, processing_class=tokenizer)


def trained(trainer, checkpoint=None):
    """Weights after training, and what was logged after the checkpoint."""
    trainer.train(resume_from_checkpoint=checkpoint)
    logs = [
        {k: v for k, v in log.items() if k not in TIMES and not k.startswith("seconds/")}
        for log in trainer.state.log_history
    ]
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}, logs


def same_after(make, folder, step):
    straight, logs = trained(make(folder / "run"))
    checkpoint = folder / "other" / f"checkpoint-{step}"
    shutil.copytree(folder / "run" / checkpoint.name, checkpoint)
    torch.manual_seed(99)  # nothing may hang on where the random state happens to be
    resumed, logs_again = trained(make(folder / "other"), str(checkpoint))
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
    for line, expected in zip(logs_again, logs, strict=True):
        assert json.dumps(line, sort_keys=True) == json.dumps(expected, sort_keys=True)  # NaN is NaN here
    return logs


@pytest.fixture
def fresh(tiny_model, tiny_tokenizer):
    """The untrained tiny model, a new one each time, and its tokenizer."""
    weights = {name: value.clone() for name, value in tiny_model.state_dict().items()}

    def make():
        model = type(tiny_model)(copy.deepcopy(tiny_model.config))
        model.load_state_dict(weights)
        return model, tiny_tokenizer

    return make


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_ends_in_the_same_bytes(case, fresh, tmp_path):
    changes, step = CASES[case]
    fresh()[0].save_pretrained(tmp_path / "model")

    def make(folder):
        model, tokenizer = fresh()
        model.config._name_or_path = str(tmp_path / "model")  # where TRL finds the reference model
        saved = 1 if case == "all" else step  # what is saved in between changes nothing either
        return srl(folder, model, tokenizer, save_steps=saved, **changes)

    logs = same_after(make, tmp_path, step)
    if changes.get("dynamic_sampling"):
        assert any(log.get("sampling/rounds", 0) > 1 for log in logs)
    if case == "prefixes":
        assert any(log.get("prefix/again") for log in logs)
        assert len({log["prefix/length"] for log in logs if "prefix/length" in log}) > 2


def test_a_lora_adapter_too(fresh, tmp_path):
    def make(folder):
        lora = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM", lora_dropout=0.1)
        return srl(folder, *fresh(), lora=lora, prefix_tree=True, save_steps=4)

    same_after(make, tmp_path, 4)


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
@pytest.mark.parametrize("step", [2, 4, 6])  # within the first epoch of four steps, at its end, within the second
def test_supervised_fine_tuning_too(strategy, step, fresh, tmp_path):
    def make(folder):
        return sft(folder, *fresh(), save_steps=step, train_sampling_strategy=strategy)

    same_after(make, tmp_path, step)


def test_the_order_of_later_epochs_is_trls(fresh, tmp_path):
    trained(srl(tmp_path, *fresh(), log_rollouts=True, max_steps=7))
    found = [json.loads(line)["number"] for line in (tmp_path / "rollouts.jsonl").open()]
    stock = RepeatSampler(range(12), mini_repeat_count=1, batch_size=4, seed=3)
    assert found == [*stock, *stock, *stock][: 7 * 4]


def test_on_another_number_of_processes_the_order_goes_on_at_the_same_place(fresh, tmp_path, capfd):
    """The rest of a generation in use is dropped and sampled anew, and what follows is what would have followed."""
    settings = {"steps_per_generation": 4, "log_rollouts": True, "prefix_tree": True, "max_steps": 6}
    trained(srl(tmp_path / "run", *fresh(), **settings))
    shutil.copytree(tmp_path / "run" / "checkpoint-3", tmp_path / "other" / "checkpoint-3")
    file = tmp_path / "other" / "checkpoint-3" / "shared_state.pt"
    torch.save({**torch.load(file), "layout": [2, 8]}, file)  # as if two processes had saved it
    trained(srl(tmp_path / "other", *fresh(), **settings), str(file.parent))
    told = "the rest of its last generation (2 of 4 micro-batches) is dropped and sampled anew"
    assert told in capfd.readouterr().err
    before, after = (
        [(row["global_step"], row["number"]) for row in map(json.loads, (tmp_path / run / "rollouts.jsonl").open())]
        for run in ("run", "other")
    )
    assert [step for step, _ in before] == [0] * 8 + [2] * 8 + [4] * 8
    assert [number for _, number in after] == [number for step, number in before if step >= 2]
    assert [step for step, _ in after] == [3] * 8 + [4] * 8


def test_a_checkpoint_of_another_trainer_is_continued_with_a_warning(fresh, tmp_path):
    trained(srl(tmp_path / "run", *fresh(), max_steps=2))
    (tmp_path / "run" / "checkpoint-1" / "shared_state.pt").unlink()
    with pytest.warns(UserWarning, match=r"checkpoint-1 holds no shared_state.pt: it was not saved by treadle"):
        trained(srl(tmp_path / "run", *fresh(), max_steps=2), str(tmp_path / "run" / "checkpoint-1"))


def test_of_several_processes_the_main_one_warns_of_such_a_checkpoint(fresh, tmp_path, monkeypatch):
    trainer = srl(tmp_path / "run", *fresh(), max_steps=2)
    monkeypatch.setattr(type(trainer.accelerator), "is_main_process", False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        trainer._load_optimizer_and_scheduler(str(tmp_path))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"holds no shared_state.pt"):
        trainer._load_optimizer_and_scheduler(str(tmp_path))
