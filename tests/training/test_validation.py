"""Validation beside training: it changes nothing of it, has the same rows each time, and its mean is exact."""

from __future__ import annotations

import json
import math

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tests.recipe.test_stages import RLVR, SFT, SRL, lines, prepared, recipe  # noqa: F401, fixtures
from tests.training.test_trainer import ROWS, arguments, digits
from treadle import SRLConfig, SRLTrainer
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import DataError, RecipeError
from treadle.recipe import stages
from treadle.recipe.arguments import trainer_config
from treadle.recipe.rewards import rewards_of
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.training_data import training_rows
from treadle.recipe.validation_rows import validation_floor, validation_rows
from treadle.training.validation import HeldOutRewards, validation_stream

TIMES = ("seconds", "time", "per_second", "runtime")
STEPS = {"max_steps": 3, "validate_every": 2, "validation_rows": 6}


def test_the_random_numbers_of_a_validation_are_its_own_and_those_of_training_go_on():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    before, found = torch.rand(2), []
    for process in (0, 0, 1):
        with validation_stream(3, process):
            found.append(torch.rand(2))
    assert torch.equal(torch.cat([before, torch.rand(2)]), expected)
    assert torch.equal(found[0], found[1])  # alike each time
    assert not torch.equal(found[0], found[2])  # every process draws its own
    assert not torch.equal(found[0], expected[:2])  # and not those of training with the same seed


@given(st.lists(st.lists(st.none() | st.integers(-1, 1), max_size=4), min_size=1, max_size=5), st.integers(0, 3))
def test_the_mean_is_over_the_first_rewards_that_are_numbers(batches, filled):
    held = HeldOutRewards()
    held.add(torch.tensor([9.0]))
    held.begin()
    for batch in batches:
        held.add(torch.tensor([math.nan if reward is None else float(reward) for reward in batch]))
    rewards = [reward for batch in batches for reward in batch]
    count = max(0, len(rewards) - filled)
    scored = [reward for reward in rewards[:count] if reward is not None]
    if scored:
        assert held.mean(count) == pytest.approx(sum(scored) / len(scored))
    else:
        assert math.isnan(held.mean(count))


def test_without_a_batch_there_is_no_mean():
    held = HeldOutRewards()
    assert held.mean(3) is None
    held.add(torch.ones(2))
    held.begin()
    assert held.mean(3) is None


@pytest.mark.parametrize(
    "stage",
    [{**SFT, **STEPS}, {**SRL, **STEPS, "validation": "answers"}, {**RLVR, **STEPS}],
    ids=lambda stage: stage["kind"],
)
def test_a_run_with_validation_trains_as_one_without(recipe, tmp_path, stage):  # noqa: F811
    """To the last bit, also in the step after a validation. The saved models may differ: the best is taken."""
    stages.run(recipe(stage), quiet=True)
    plain = {key: value for key, value in stage.items() if not key.startswith("valid")}
    stages.run(recipe(plain, output=str(tmp_path / "plain")), quiet=True)
    folder = f"1-{stage['kind']}"
    with_validation, without = tmp_path / "run" / folder, tmp_path / "plain" / folder
    logs = lines(with_validation / "metrics.jsonl")
    validated = [log for log in logs if any(key.startswith("eval_") for key in log)]
    assert [log["step"] for log in validated] == [2, 3]
    expected = [log for log in lines(without / "metrics.jsonl") if "loss" in log]
    assert len(expected) == 3
    if stage["kind"] != "rlvr":  # a random model has no right answer
        assert expected[1]["grad_norm"] > 0
    for ours, theirs in zip([log for log in logs if "loss" in log], expected, strict=True):
        keys = [k for k in theirs if not k.endswith(TIMES) and not k.startswith(("profiling", "rewards/", "seconds/"))]
        assert {key: ours[key] for key in keys} == {key: theirs[key] for key in keys}
    if stage["kind"] == "sft":
        assert all(math.isfinite(log["eval_loss"]) for log in validated)
        return
    assert lines(with_validation / "rollouts.jsonl") == lines(without / "rollouts.jsonl")
    assert all(0 <= log["eval_reward"] <= 1 for log in validated)  # final answers, in both
    assert "eval_answer/right" in validated[0]


def test_the_mean_is_over_rows_and_not_over_batches(tiny_model, tiny_tokenizer, tmp_path):
    """Ten rows in batches of four: 0 + 1 + ... + 9 = 45, of which the unscorable 5 is left out: 40 / 9."""

    def number_of(completions, number, **kwargs):
        return [None if n == 5 else float(n) for n in number]

    trainer = validated_trainer(tiny_model, tiny_tokenizer, tmp_path, number_of, per_device_eval_batch_size=4)
    assert trainer.evaluate()["eval_reward"] == pytest.approx(40 / 9)
    assert not list(tmp_path.glob("rollouts.jsonl"))


def validated_trainer(model, tokenizer, folder, reward, rows=10, **changes):
    settings = {
        "eval_strategy": "steps",
        "eval_steps": 1,
        "num_generations_eval": 1,
        "metric_for_best_model": "eval_reward",
        "greater_is_better": True,
        **dict.fromkeys(("dynamic_sampling", "log_rollouts", "prefix_tree", "shared_rollout"), True),
        "max_sampling_rounds": 2,
    }
    args = arguments(SRLConfig, folder, **(settings | changes))
    held_out = Dataset.from_list(ROWS[:rows])
    kwargs = {"train_dataset": Dataset.from_list(ROWS), "eval_dataset": held_out, "processing_class": tokenizer}
    trainer = SRLTrainer(model, reward, args, **kwargs)
    assert trainer.tree_is_used
    assert trainer.rollout_is_shared
    return trainer


def test_two_validations_of_the_same_weights_are_the_same(tiny_folder, tiny_tokenizer, tmp_path):
    changes = {"learning_rate": 0.0, "beta": 0.1, "per_device_eval_batch_size": 10}
    trainer = validated_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, digits, **changes)
    trainer.train()
    logs = [log for log in trainer.state.log_history if "eval_reward" in log]
    assert len(logs) == 3
    for key in ("eval_reward", "eval_reward_std", "eval_completions/mean_length"):
        assert len({log[key] for log in logs}) == 1


def test_several_generations_a_row_are_validated_by_trl_itself(tiny_folder, tiny_tokenizer, tmp_path):
    changes = {"max_steps": 1, "num_generations_eval": 2, "per_device_eval_batch_size": 4, "beta": 0.1}
    trainer = validated_trainer(str(tiny_folder), tiny_tokenizer, tmp_path, digits, **changes)
    trainer.train()
    (log,) = [log for log in trainer.state.log_history if "eval_reward" in log]
    assert "eval_kl" in log
    assert math.isfinite(log["eval_loss"])


def test_the_best_step_is_known_and_one_without_scores_is_none(tiny_model, tiny_tokenizer, tmp_path):
    told = iter([0.2, 0.9, 0.5, None])

    def reward(completions, **kwargs):
        if trainer.model.training:
            return digits(completions)
        return [next(told)] * len(completions)

    changes = {"max_steps": 4, "per_device_eval_batch_size": 10, "save_strategy": "steps", "save_steps": 4}
    trainer = validated_trainer(tiny_model, tiny_tokenizer, tmp_path, reward, **changes)
    trainer.train()
    assert trainer.state.best_metric == pytest.approx(0.9)
    assert trainer.state.best_global_step == 2
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text())
    assert state["best_global_step"] == 2


@pytest.mark.parametrize(
    ("stage", "columns"),
    [
        (SRL, {"step": True, "expert_action": True}),
        ({**SRL, "unit": "solution"}, {"step": False, "expert_action": True}),
        ({**SRL, "validation": "answers"}, {"step": False, "expert_action": False}),
        (RLVR, {"step": False, "expert_action": False}),
        ({**RLVR, "step_share": 0, "validation": "steps"}, {"step": True, "expert_action": True}),
    ],
)
def test_rows_are_held_out_and_always_the_same(recipe, prepared, stage, columns):  # noqa: F811
    folder = Prepared(prepared)
    (stage,) = recipe({**stage, **STEPS, "validation_rows": 3}).stages
    rows = validation_rows(stage, folder, seed=0)
    assert len(rows) == 3
    assert list(rows) == list(validation_rows(stage, folder, seed=0))
    every = validation_rows(stage.model_copy(update={"validation_rows": 10**6}), folder, seed=0)
    chosen = {str(list(validation_rows(stage, folder, seed=seed))) for seed in range(8)}
    assert len(every) >= 4
    assert len(chosen) > 1
    held_out = {trajectory.id for trajectory in folder.trajectories("heldout")}
    assert {row["trajectory_id"] for row in every} == held_out
    assert not held_out & {row["trajectory_id"] for row in training_rows(stage, folder)}
    for row in every:
        assert {name: row[name] is not None for name in columns} == columns
        assert row["answer"]
    assert set(every[0]) == set(training_rows(stage, folder)[0])


def test_sft_is_validated_on_held_out_conversations(recipe, prepared):  # noqa: F811
    (stage,) = recipe({**SFT, **STEPS, "unit": "solutions"}).stages
    rows = validation_rows(stage, Prepared(prepared), seed=0)
    problems = {trajectory.problem for trajectory in Prepared(prepared).trajectories("heldout")}
    assert len(rows) == len(problems) == 4
    for row in rows:
        assert sum(problem in row["prompt"][-1]["content"] for problem in problems) == 1


def test_where_training_and_validation_differ_each_row_has_its_own_reward(recipe):  # noqa: F811
    """`abcd` against `abxd`: three of four characters match, 2 * 3 / 8."""
    completions = ["abxd", r"so \boxed{7}", r"so \boxed{8}"]
    columns = {"expert_action": ["abcd", None, None], "answer": ["1", "7", "7"]}
    (srl,) = recipe({**SRL, **STEPS, "validation": "answers"}).stages  # think tags are optional here
    assert rewards_of(srl)[0](completions, **columns) == [0.75, 1.0, 0.0]
    assert rewards_of(srl)[0].__name__ == "step_or_answer_reward"
    (rlvr,) = recipe({**RLVR, **STEPS, "step_share": 0, "validation": "steps"}).stages
    assert rewards_of(rlvr)[0](["<think>x</think>abxd", *completions[1:]], **columns) == [0.75, 1.0, 0.0]
    (phrase,) = recipe({**RLVR, **STEPS, "extract": "phrase"}).stages
    said = ["<think>x</think>abxd", "so 7", "the answer is 8, not 7"]
    assert rewards_of(phrase)[0](said, **columns) == [0.75, 1.0, 0.0]
    for stage, name in ((SRL, "srl_reward"), ({**RLVR, "step_share": 0}, "final_answer_reward")):
        (made,) = recipe({**stage, **STEPS}).stages
        assert rewards_of(made)[0].__name__ == name


def test_what_cannot_be_validated_is_refused_before_anything_is_written(recipe, expert_trajectories, tmp_path):  # noqa: F811
    rows = [{**to_row(t), "answer": None} for t in expert_trajectories]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, held_out in (("none", 0), ("plain", 4)):
        prepare(tmp_path / "rows.jsonl", tmp_path / name, PrepareSettings(targets="all", held_out=held_out))
    with pytest.raises(
        DataError, match=r"no trajectory was held out, but stages.srl.validate_every=2; .*--held-out 60"
    ):
        stages.run(recipe({**SRL, **STEPS}, data=str(tmp_path / "none")), quiet=True)
    stages.check(recipe({**SRL, **STEPS}, data=str(tmp_path / "plain")))
    answers = {**SRL, **STEPS, "validation": "answers"}
    with pytest.raises(
        DataError, match=r"the 4 held-out trajectories give no final answers .*srl.validation=steps, or"
    ):
        stages.run(recipe(answers, data=str(tmp_path / "plain")), quiet=True)
    with pytest.raises(RecipeError, match=r"stages\[?\.?0\]?\.validation"):
        recipe({**SRL, "validation": "loss"})
    with pytest.raises(RecipeError, match=r"trl.eval_steps: set it by the recipe's own key validate_every"):
        recipe({**SRL, "trl": {"eval_steps": 3}})
    assert not (tmp_path / "run").exists()


def test_only_a_validation_by_step_similarity_has_a_floor(recipe, prepared):  # noqa: F811
    floor = Prepared(prepared).floor
    every = {"validate_every": 2}
    for stage, expected in (
        ({**SRL, **every}, floor),
        ({**RLVR, **every, "validation": "steps"}, floor),
        ({**SRL, **every, "validation": "answers"}, None),
        ({**SRL, **every, "unit": "solution"}, None),
        ({**SRL, **every, "autojunk": True}, None),
        ({**SRL, **every, "reward": "margin"}, None),
        ({**RLVR, **every}, None),
        ({**SFT, **every}, None),
        (SRL, None),
    ):
        assert validation_floor(recipe(stage).stages[0], Prepared(prepared)) == expected, stage


def test_a_dry_run_says_what_is_validated(recipe, prepared):  # noqa: F811
    floor = Prepared(prepared).floor
    sizes = stages.check(recipe({**SRL, **STEPS}, {**SFT, **STEPS, "unit": "solutions"}, {**RLVR, **STEPS}))
    assert (
        sizes[0]
        .describe()
        .endswith(f"; validated every 2 steps on 6 of 36 held-out steps (floor of their reward {floor:.2f})")
    )
    assert sizes[1].describe().endswith("; validated every 2 steps on 4 of 4 held-out conversations")
    assert sizes[2].describe().endswith("; validated every 2 steps on 4 of 4 held-out final answers")


@pytest.mark.parametrize(
    ("processes", "rows", "updates", "expected"),
    [(1, 6, 1, 6), (2, 6, 1, 3), (2, 7, 1, 4), (1, 64, 1, 16), (2, 64, 1, 8), (2, 64, 2, 16)],
)
def test_a_batch_is_all_rows_or_as_many_as_a_generation(recipe, tmp_path, processes, rows, updates, expected):  # noqa: F811
    """Four prompts with four rollouts are 16 completions a step."""
    made = recipe(
        {**SRL, "prompts_per_step": 4, "validate_every": 5, "validation_rows": rows, "updates_per_rollout": updates}
    )
    (stage,) = made.stages
    sizes = derive_sizes(stage, 100, processes)
    config = trainer_config(stage, made, tmp_path, sizes)
    assert config.per_device_eval_batch_size == expected
    assert (config.eval_strategy, config.eval_steps, config.num_generations_eval) == ("steps", 5, 1)
    assert (config.metric_for_best_model, config.greater_is_better) == ("eval_reward", True)
    assert not config.load_best_model_at_end
