"""A stage's reward by name: which function it is, with what, and that it trains."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.recipe.test_stages import SRL, lines, prepared, recipe  # noqa: F401
from treadle import Step, Trajectory, margin_reward, scaled_reward, srl_reward, step_similarity, weighted_reward
from treadle.data.contrast import pool_of, texts_of
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepare.floors import sample_of
from treadle.data.prepared import Prepared
from treadle.data.prompts.asking import PLAIN
from treadle.data.sources.native import to_row
from treadle.errors import OutputError, RecipeError
from treadle.evaluate.backends import open_transformers
from treadle.recipe import stages
from treadle.recipe.mixed_rewards import step_or_answer_reward
from treadle.recipe.rewards import rewards_of
from treadle.recipe.shown import NOTHING, contrasts_of, load_asking, prompt_floor, shown_of
from treadle.recipe.training_data import training_rows
from treadle.recipe.validation_rows import validation_rows
from treadle.scoring.weighted import TokenWeights

COMPLETIONS = ["2 pens", "3 pens", "a ruler"]
EXPERTS = ["2 pens", "4 pens", "a pen"]
CONTRAST = [["3 rulers", "9 pens"], ["2 pens"], ["a stone", "2 pens"]]


@pytest.mark.parametrize(
    ("name", "function"),
    [("similarity", srl_reward), ("margin", margin_reward), ("scaled", scaled_reward)],
)
def test_a_name_is_the_public_function_with_the_stages_settings(recipe, name, function):  # noqa: F811
    loaded = recipe({**SRL, "reward": name, "autojunk": True, "argument_order": "expert_first"})
    reward = rewards_of(loaded.stages[0], loaded)[0]
    assert reward.__name__ == function.__name__
    settings = {"think_tags": "optional", "autojunk": True, "argument_order": "expert_first"}
    columns = {"expert_action": EXPERTS, "contrast": CONTRAST}
    assert reward(COMPLETIONS, **columns) == function(COMPLETIONS, **columns, **settings)


def test_weights_are_those_of_the_training_data(recipe, prepared):  # noqa: F811
    loaded = recipe({**SRL, "reward": "weighted"})
    weights = TokenWeights(texts_of(pool_of(Prepared(prepared), loaded.seed)))
    expected = weighted_reward(COMPLETIONS, EXPERTS, think_tags="optional", weights=weights)
    assert rewards_of(loaded.stages[0], loaded)[0](COMPLETIONS, expert_action=EXPERTS) == expected


def test_contrasts_are_as_many_as_asked_for(recipe, prepared):  # noqa: F811
    data = Prepared(prepared)
    for name, most in (("margin", 8), ("scaled", 16)):
        for count in (None, 0, 3):
            (stage,) = recipe({**SRL, "reward": name, "contrasts": count}).stages
            assert contrasts_of(stage, data, 0).most == (most if count is None else count)
            row = training_rows(stage, data)[0]
            assert len(row["contrast"]) == (most if count is None else count)
    for name in ("similarity", "weighted"):
        (stage,) = recipe({**SRL, "reward": name}).stages
        assert contrasts_of(stage, data, 0) is None
        assert "contrast" not in training_rows(stage, data)[0]


def test_without_contrasts_both_are_the_papers(recipe):  # noqa: F811
    plain = srl_reward(COMPLETIONS, EXPERTS, think_tags="optional")
    for name in ("margin", "scaled"):
        loaded = recipe({**SRL, "reward": name, "contrasts": 0})
        columns = {"expert_action": EXPERTS, "contrast": [[]] * 3}
        assert rewards_of(loaded.stages[0], loaded)[0](COMPLETIONS, **columns) == plain


def test_columns_reach_the_reward_of_steps_where_answers_are_rewarded_too(recipe):  # noqa: F811
    loaded = recipe({**SRL, "reward": "margin", "validate_every": 1, "validation": "answers"})
    reward = rewards_of(loaded.stages[0], loaded)[0]
    assert reward.__name__ == step_or_answer_reward.__name__
    mixed = reward(
        [COMPLETIONS[0], r"\boxed{7}", COMPLETIONS[1]],
        expert_action=[EXPERTS[0], None, EXPERTS[1]],
        answer=["1", "7", "1"],
        contrast=[CONTRAST[0], None, CONTRAST[1]],
    )
    steps = margin_reward(COMPLETIONS[:2], EXPERTS[:2], think_tags="optional", contrast=CONTRAST[:2])
    assert mixed == [steps[0], 1.0, steps[1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": "margins"}, "found 'margins'"),
        (
            {"reward": "margin", "unit": "solution"},
            "reward='margin' is one of steps; set reward=similarity, or unit=step",
        ),
        ({"contrasts": 4}, "contrasts are for reward=margin and reward=scaled; reward='similarity' has none"),
        ({"reward": "margin", "contrasts": -1}, "found -1"),
    ],
)
def test_what_does_not_go_together_is_said(recipe, changes, message):  # noqa: F811
    with pytest.raises(RecipeError, match=message):
        recipe({**SRL, **changes})


@pytest.mark.parametrize("name", ["margin", "scaled", "weighted"])
def test_each_trains_a_stage_with_validation(recipe, tmp_path, name):  # noqa: F811
    stage = {**SRL, "reward": name, "validate_every": 1, "validation_rows": 4, "max_completion_length": 24}
    stages.run(recipe(stage), quiet=True)
    logs = lines(tmp_path / "run" / "1-srl" / "metrics.jsonl")
    assert any(f"rewards/{name}_reward/mean" in log for log in logs)
    assert any(f"eval_rewards/{name}_reward/mean" in log for log in logs)
    rollouts = (tmp_path / "run" / "1-srl" / "rollouts.jsonl").read_text()
    assert all("contrast" not in json.loads(line) for line in rollouts.splitlines())


def test_a_changed_reward_is_another_run(recipe):  # noqa: F811
    stages.run(recipe({**SRL, "max_steps": 1}), quiet=True)
    with pytest.raises(OutputError, match="made by another recipe"):
        stages.run(recipe({**SRL, "max_steps": 1, "reward": "margin"}), quiet=True)


def test_trajectories_that_are_examples_are_not_trained_on_and_are_counted(recipe, prepared, monkeypatch):  # noqa: F811
    data = Prepared(prepared)
    loaded = recipe(SRL, {**SRL, "name": "whole", "unit": "solution"}, prompts={"think": False})
    shown = shown_of(loaded, data)
    assert shown.left_out == ()
    taken = [0, 2]
    steps = sum(len(t.steps) for n, t in enumerate(data.trajectories()) if n in taken)
    monkeypatch.setattr("treadle.recipe.shown.worked_examples", lambda *_: (shown.asking.examples, tuple(taken)))
    shown = shown_of(loaded, data)
    for stage, fewer in zip(loaded.stages, (steps, 2), strict=True):
        all_rows, rows = training_rows(stage, data), training_rows(stage, data, shown)
        assert len(all_rows) - len(rows) == fewer
        ids = {t.id for n, t in enumerate(data.trajectories()) if n in taken}
        assert not ids & {row["trajectory_id"] for row in rows}
    size = stages.check(loaded)[0]
    assert size.examples == 2
    assert size.rows == data.count("instances") - steps
    assert "2 trajectories are worked examples and not trained on" in size.describe()


def test_training_and_validation_have_the_same_examples(expert_trajectories, recipe, tmp_path):  # noqa: F811
    source = tmp_path / "math.jsonl"
    source.write_text("".join(json.dumps(to_row(replace(t, domain="math"))) + "\n" for t in expert_trajectories))
    prepare(source, tmp_path / "math", PrepareSettings(targets="all", held_out=4))
    data = Prepared(tmp_path / "math")
    stage = {**SRL, "validate_every": 1}
    loaded = recipe(stage, data=str(tmp_path / "math"), prompts={"examples": 2, "think": False})
    shown = shown_of(loaded, data)
    rows = training_rows(loaded.stages[0], data, shown)
    held_out = validation_rows(loaded.stages[0], data, 0, shown)
    beginnings = {json.dumps(row["prompt"][:-1]) for row in [*rows, *held_out]}
    assert len(beginnings) == 1
    (beginning,) = beginnings
    assert all(json.dumps(example.problem)[1:-1] in beginning for example in shown.asking.examples)
    assert len(training_rows(loaded.stages[0], data, NOTHING)[0]["prompt"]) == 1
    sizes = stages.check(loaded)
    assert sizes[0].rows == len(rows) < data.count("instances")
    trained = str(stages.run(loaded, quiet=True))
    assert load_asking(trained, PLAIN.tags) == shown.asking
    backend = open_transformers(trained, "float32", "cpu")
    assert backend.asking == shown.asking
    again = stages.run(
        recipe(stage, data=str(tmp_path / "math"), model=trained, output=str(tmp_path / "two")), quiet=True
    )
    assert load_asking(str(again), PLAIN.tags).examples == ()


def test_a_worked_example_that_is_right_everywhere_is_the_floor(recipe, tmp_path):  # noqa: F811
    """All experts end in the same words; only the best constant knows them as well as an example does."""
    steps = [f"{n}: step {n * n} of {n} and {n + 7}" for n in range(40)]
    rows = [
        Trajectory(f"t{n}", f"p {n}", (Step(text), Step("So the work is done.")), "1") for n, text in enumerate(steps)
    ]
    (tmp_path / "math.jsonl").write_text("".join(json.dumps(to_row(row)) + "\n" for row in rows))
    prepare(tmp_path / "math.jsonl", tmp_path / "math", PrepareSettings(targets="all", held_out=4))
    data = Prepared(tmp_path / "math")
    loaded = recipe(SRL, data=str(tmp_path / "math"), prompts={"examples": 1})
    shown = shown_of(loaded, data)
    example = shown.asking.examples[0]
    assert example.target.action == "So the work is done."
    measured = [place for place in sample_of(data).halves()[1] if place.trajectory != example.trajectory]
    earned = [step_similarity("So the work is done.", place.action) for place in measured]
    assert prompt_floor(data, shown) == pytest.approx(max(data.floor, sum(earned) / len(earned)))
    assert prompt_floor(data, NOTHING) == data.floor
    assert stages.check(loaded)[0].similarity_floor == prompt_floor(data, shown)
