"""A cold start: what is sampled, kept and trained on, when it ends, and that it goes on where it was killed."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from tests.recipe.test_stages import SRL, lines, prepared, recipe  # noqa: F401
from treadle.data.examples import worked_examples
from treadle.data.prepared import Prepared
from treadle.data.rows import rendered
from treadle.errors import DataError, OutputError, RecipeError, TrainingFault
from treadle.recipe import stages, warmup
from treadle.recipe.checking import check
from treadle.recipe.generation import Written, write
from treadle.recipe.models import load_chat, load_model
from treadle.recipe.schema import WarmupStage
from treadle.recipe.shown import NOTHING
from treadle.recipe.training_data import step_references
from treadle.recipe.warmup import Warmup
from treadle.scoring.completion import parse_completion
from treadle.scoring.rewards import step_similarity

WARMUP = {
    "kind": "warmup",
    "sampled_prompts": 6,
    "rollouts": 4,
    "max_completion_length": 24,
    "goal_prompts": 8,
    "goal_every": 2,
    "batch_size": 2,
    "micro_batch": 2,
    "epochs": 2,
    "learning_rate": 1e-3,
    "think_tags": "optional",
    "gradient_checkpointing": False,
}


def record(tmp_path):
    return json.loads((tmp_path / "run" / "1-warmup" / "warmup.json").read_text())


@pytest.fixture
def made(recipe, prepared, tiny_folder, tmp_path):  # noqa: F811
    def warm(**changes):
        loaded = recipe({**WARMUP, **changes})
        chat = load_chat(str(tiny_folder))
        return Warmup(loaded.stages[0], loaded, Prepared(prepared), NOTHING, chat, tmp_path)

    return warm


def scripted(texts, monkeypatch):
    """Completions are these by turns, whatever the prompt; returns the prompts that were asked for."""
    asked = []

    def answer(network, chat, conversations, seeds, limit, temperature, title):
        asked.extend(conversations)
        return [Written(*texts[i % len(texts)]) for i in range(len(conversations))]

    monkeypatch.setattr(warmup, "write", answer)
    return asked


def test_the_best_well_formed_completion_of_each_prompt_is_kept_with_its_own_thought(made, tiny_folder, monkeypatch):
    """Cut off, without an action, far from the expert, and near it: every expert's action begins with a number."""
    near = "<think> my own </think>1. **"
    texts = [(near, True), ("<think>x</think>", False), ("<think>y</think>@@@@@", False), (f" {near} ", False)]
    scripted(texts, monkeypatch)
    warm = made(think_tags="strict", goal=0.99)
    rows = warm.rows(str(tiny_folder))
    assert [row["completion"] for row in rows] == [[{"role": "assistant", "content": near}]] * 6
    found = json.loads(warm.record.file.read_text())
    assert (found["completions"], found["faults"]) == (24, {"truncated": 6, "empty_action": 6})
    assert found["shares"] == [{"step": 0, "share": 0.5}]


def test_examples_are_shown_while_sampling_and_neither_in_training_nor_in_measuring(
    made,
    prepared,  # noqa: F811
    tiny_folder,
    monkeypatch,
):
    asked = scripted([("<think>a</think>b", False), ("c", True)], monkeypatch)
    warm = made(examples=2, think_tags="strict", goal=0.99)
    rows = warm.rows(str(tiny_folder))
    measured, sampled = asked[:8], asked[8:]
    assert len(sampled) == 24
    assert {len(prompt) for prompt in measured} == {len(row["prompt"]) for row in rows} == {1}
    assert {len(prompt) for prompt in sampled} == {5}  # two examples, each a turn of both
    assert len({json.dumps(prompt[:4]) for prompt in sampled}) == 1
    assert {json.dumps(row["prompt"][-1]) for row in rows} == {json.dumps(prompt[-1]) for prompt in sampled}
    assert not {json.dumps(p) for p in measured} & {json.dumps(row["prompt"]) for row in rows}
    # Neither measured nor sampled is a step of an example's trajectory.
    data = Prepared(prepared)
    examples = {prompt[at]["content"] for prompt in sampled for at in (0, 2)}
    problems = {t.problem for t in data.trajectories() if any(t.problem in text for text in examples)}
    assert len(problems) == 2
    assert not any(problem in prompt[-1]["content"] for problem in problems for prompt in asked)


def test_it_trains_until_the_goal_or_its_end_and_keeps_a_record(recipe, tiny_folder, tmp_path, capsys):  # noqa: F811
    final = stages.run(recipe({**WARMUP, "goal": 1.0}), quiet=True)
    found = record(tmp_path)
    assert [point["step"] for point in found["shares"]] == [0, 2, 4, 6][: len(found["shares"])]
    assert found["kept"]
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_folder, final))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    steps = [log["step"] for log in lines(tmp_path / "run" / "1-warmup" / "metrics.jsonl") if "loss" in log]
    assert max(steps) == found["shares"][-1]["step"]
    said = capsys.readouterr()
    assert "warmup: after 0 steps" in said.out
    assert "with 2 worked examples" in said.out
    assert f"warmup: after {steps[-1]} steps" in said.out
    assert "warmup, sample: 24 requests of up to 24 tokens" in said.err.splitlines()


def test_at_the_goal_it_ends_and_says_so(recipe, tmp_path, monkeypatch, capsys):  # noqa: F811
    """Half of all completions are well-formed before; after two steps all are."""
    shares = iter([0.5, 0.96, 1.0])
    monkeypatch.setattr(Warmup, "share", lambda self, network: (next(shares), warmup.Counter()))
    stages.run(recipe({**WARMUP, "epochs": 9}), quiet=True)
    found = record(tmp_path)
    assert found["shares"] == [{"step": 0, "share": 0.5}, {"step": 2, "share": 0.96}]
    assert found["goal_reached_at"] == 2
    assert "after 2 steps 96% of completions are well-formed without examples; the goal of 95% is reached" in (
        capsys.readouterr().out
    )


def test_a_model_that_writes_the_format_is_handed_on_as_it_is(recipe, tiny_folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Warmup, "share", lambda self, network: (0.97, warmup.Counter()))
    final = stages.run(recipe(WARMUP, {**SRL, "max_steps": 1}), quiet=True)
    assert final == tmp_path / "run" / "2-srl" / "model"
    found = record(tmp_path)
    assert (found["completions"], found["kept"], found["goal_reached_at"]) == (0, [], 0)
    before, after = (load_file(f / "model.safetensors") for f in (tiny_folder, tmp_path / "run" / "1-warmup" / "model"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_a_well_formed_completion_it_stops_and_names_the_faults(recipe):  # noqa: F811
    made = recipe({**WARMUP, "think_tags": "strict"})
    message = (
        r"none of 24 completions with 2 worked examples is well-formed \(.*(no_think_block|truncated) \d+.*max_comp"
    )
    with pytest.raises(TrainingFault, match=message):
        stages.run(made, quiet=True)


def test_a_killed_run_goes_on_with_what_it_has_sampled(recipe, tmp_path, monkeypatch):  # noqa: F811
    made = recipe({**WARMUP, "goal": 1.0, "save_every": 1})
    build = stages.build_trainer

    def killed(*args):
        trainer = build(*args)
        step = trainer.training_step

        def stop(*more, **kwargs):
            if trainer.state.global_step == 3:
                raise KeyboardInterrupt
            return step(*more, **kwargs)

        trainer.training_step = stop
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(stages, "build_trainer", killed)
        with pytest.raises(BaseException):  # noqa: B017, PT011
            stages.run(made, quiet=True)
    sampled = record(tmp_path)
    monkeypatch.setattr(warmup, "step_similarity", None)  # nothing is sampled and compared again
    stages.run(made, quiet=True)
    found = record(tmp_path)
    assert found["kept"] == sampled["kept"]
    assert [point["step"] for point in found["shares"]] == [0, 2, 4, 6][: len(found["shares"])]


def test_what_was_sampled_with_other_settings_is_not_used(recipe, tmp_path):  # noqa: F811
    made = recipe({**WARMUP, "think_tags": "strict"})
    with pytest.raises(TrainingFault):
        stages.run(made, quiet=True)
    with pytest.raises(OutputError, match="made by another recipe"):
        stages.run(recipe(WARMUP), quiet=True)
    stages.run(recipe(WARMUP), quiet=True, overwrite=True)
    assert record(tmp_path)["kept"]


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"kept": []}'])
def test_a_damaged_record_is_named_with_what_mends_it(made, tiny_folder, damaged):
    warm = made()
    warm.record.file.write_text(damaged)
    with pytest.raises(OutputError, match=r"warmup\.json: .*; remove it \(rm "):
        warm.rows(str(tiny_folder))


def test_a_dry_run_says_what_it_will_do(recipe):  # noqa: F811
    (size,) = stages.check(recipe({**WARMUP, "sampled_prompts": 5}))
    said = "samples 5 prompts x 4 with 2 worked examples of other trajectories, trains on the well-formed ones until"
    assert said in size.describe()
    assert size.rows == 5


def test_settings_that_make_no_sense_are_refused(recipe):  # noqa: F811
    for wrong in ({"goal": 0}, {"goal": 1.1}, {"unit": "solutions"}, {"target": "traces"}, {"sampled_prompts": 0}):
        with pytest.raises(RecipeError, match=next(iter(wrong))):
            recipe({**WARMUP, **wrong})
    assert WarmupStage(kind="warmup").think_tags == "strict"


def test_completions_have_their_own_random_numbers(prepared, tiny_folder):  # noqa: F811
    chat, network = load_chat(str(tiny_folder)), load_model(str(tiny_folder), "float32")
    rows = rendered(step_references(WarmupStage(kind="warmup"), Prepared(prepared)), Prepared(prepared))
    prompts = [row["prompt"] for row in rows.select(range(3))]
    torch.manual_seed(0)
    state = torch.get_rng_state()
    network.train()
    found = write(network, chat, [p for p in prompts for _ in range(2)], range(6), 12)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert found[2:4] == write(network, chat, [prompts[1]] * 2, [2, 3], 12)
    assert len(set(found)) > 1
    assert all(written.truncated or parse_completion(written.text, think_tags="optional") for written in found)
    assert step_similarity(found[0].text, found[0].text) == 1.0


def test_a_dry_run_counts_what_is_left_beside_examples_and_measured_prompts(recipe, prepared):  # noqa: F811
    """Half of the steps without those of the examples' trajectories are for measuring, where goal_prompts allows."""
    loaded = recipe({**WARMUP, "sampled_prompts": 1000, "goal_prompts": 1000})
    (size,) = check(loaded)
    _, taken = worked_examples(Prepared(prepared), 2, loaded.seed)
    left = [t for number, t in enumerate(Prepared(prepared).trajectories("train")) if number not in taken]
    steps = sum(len(t.steps) for t in left)
    assert size.rows == steps - steps // 2
    assert f"samples {size.rows} prompts" in size.describe()


def test_more_examples_than_trajectories_are_refused_before_the_run(recipe):  # noqa: F811
    with pytest.raises(DataError, match=r"stages\.warmup\.examples=1000 takes for worked examples"):
        check(recipe({**WARMUP, "examples": 1000}))
