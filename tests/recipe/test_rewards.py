"""The rewards of a stage: read, checked before a model is loaded, and trained with, each by itself."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys

import pytest
import yaml

from tests.recipe.test_stages import RLVR, SRL, lines, prepared, recipe  # noqa: F401
from treadle import Step, Trajectory, edit_reward, srl_reward, tiered_reward
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import RecipeError
from treadle.recipe import stages
from treadle.recipe.arguments import trainer_config
from treadle.recipe.checking import check
from treadle.recipe.identity import identity
from treadle.recipe.mixed_rewards import only_of
from treadle.recipe.reading import resolved
from treadle.recipe.rewards import check_rewards, reward_weights, rewards_of
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.training_data import similarity_floor, training_rows
from treadle.recipe.validation_rows import validation_floor, validation_rows
from treadle.report.rollouts import by_position
from treadle.scoring.calls import call_text
from treadle.scoring.signatures import GIVEN

OWN = """
SEEN = set()

def length(completions, expert_action, log_extra, log_metric, most=10, **kwargs):
    SEEN.update(kwargs)
    texts = [completion[0]["content"] for completion in completions]
    log_extra("characters", [len(text) for text in texts])
    return [min(len(text), most) / most for text in texts]

def needs(completions, level, **kwargs):
    return [0.0] * len(completions)

def domains(completions, domain, think_tags, **kwargs):
    return [float(name == "agent") for name in domain]

def answers(completions, answer, **kwargs):
    return [float(bool(right)) for right in answer]
"""
CHOSEN = [
    "similarity",
    {"name": "edit", "weight": 0.5},
    {"name": "own_stage_rewards:length", "weight": 0.25, "most": 6},
]


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_stage_rewards.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_stage_rewards"
    sys.modules.pop("own_stage_rewards", None)


@pytest.fixture
def agents(tmp_path):
    """Prepared steps of agents, two of three with a domain of their own where `mixed`."""

    def make(mixed=False):
        rows = []
        for n in range(6):
            actions = [call_text("view", {"path": f"/t/{n}.py"}), call_text("bash", {"command": f"ls {n}"})]
            domain = "math" if mixed and n % 3 else "agent"
            rows.append(Trajectory(f"t{n}", f"Issue {n}.", tuple(map(Step, actions)), "1", domain=domain))
        source = tmp_path / "rows.jsonl"
        source.write_text("".join(json.dumps(to_row(row)) + "\n" for row in rows))
        folder = tmp_path / ("mixed" if mixed else "agents")
        prepare(source, folder, PrepareSettings(targets="all", held_out=2))
        return folder

    return make


def test_a_recipe_is_written_back_in_its_own_words(recipe):  # noqa: F811
    for reward in ("similarity", "mod.rewards:f", CHOSEN, {"name": "tiered", "tool": 0.5}):
        loaded = recipe({**SRL, "reward": reward})
        assert yaml.safe_load(resolved(loaded))["stages"][0]["reward"] == reward
    (stage,) = recipe({**SRL, "reward": CHOSEN}).stages
    assert [(c.reward.name, c.weight, dict(c.settings)) for c in stage.rewards] == [
        ("similarity", 1.0, {}),
        ("edit", 0.5, {}),
        ("own_stage_rewards:length", 0.25, {"most": 6}),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": "similarty"}, "stages.0.reward: found 'similarty', did you mean 'similarity'?"),
        ({"reward": []}, "found an empty list"),
        ({"reward": 3}, "found 3, expected a name"),
        ({"reward": [{"weight": 1}]}, "expected a name, or"),
        ({"reward": {"name": "edit", "weight": "much"}}, "edit.weight: found 'much', expected a number"),
        ({"reward": {"name": "edit", "weight": True}}, "edit.weight: found True, expected a number"),
        ({"reward": {"name": "edit", "weight": float("inf")}}, "edit.weight: found inf, expected a number"),
        ({"reward": [{"name": "edit", "weight": 0}, {"name": "exact", "weight": 0}]}, "all weights are 0"),
        ({"reward": ["edit", {"name": "edit", "weight": 2}]}, "found 'edit' twice"),
        ({"reward": ["a.b:f", "c:f"]}, "found 'a.b:f' and 'c:f', both functions 'f'"),
        ({"reward": ["margin", "scaled"]}, "margin and scaled hold actions against others"),
        ({"reward": ["similarity", "edit"], "unit": "solution"}, "reward='edit' is one of steps; set"),
        ({"reward": "tiered", "unit": "solution"}, "reward='tiered' is one of steps; set"),
        ({"reward": "answer"}, "reward='answer' is one of final answers; take it out, or set kind=rlvr"),
        ({"reward": "edit", "contrasts": 3}, "contrasts are for reward=margin and reward=scaled"),
        ({"trl": {"reward_weights": [1.0]}}, "reward, as [{name: ..., weight: ...}]"),
    ],
)
def test_what_a_recipe_cannot_say(recipe, changes, message):  # noqa: F811
    with pytest.raises(RecipeError) as error:
        recipe({**SRL, **changes})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_rewards_of_steps_are_none_of_whole_problems(recipe):  # noqa: F811
    with pytest.raises(RecipeError, match="reward='edit' is one of steps; take it out, or set kind=srl"):
        recipe({**RLVR, "reward": ["answer", "edit"]})


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("no_such_module_here:f", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module_here')"),
        ("own_stage_rewards:lenght", "has no 'lenght'; did you mean 'length'?"),
        ("own_stage_rewards:needs", "needs 'level', and is called with prompts, completions"),
        ({"name": "own_stage_rewards:length", "moost": 3}, "moost: unknown setting; did you mean 'most'?"),
        ({"name": "tiered", "toll": 1}, "reward 'tiered': toll: unknown setting; did you mean 'tool'?"),
        ({"name": "calls", "name_weight": -1}, "reward 'calls': name_weight=-1: expected a weight"),
        ({"name": "similarity", "think_tags": "strict"}, "think_tags: set it by the stage's own key think_tags"),
        ({"name": "own_stage_rewards:domains", "think_tags": "strict"}, "think_tags: set it by the stage's own key"),
        ({"name": "margin", "most": 3}, "most: set it by the stage's own key contrasts"),
        ({"name": "weighted", "weights": 3}, "weights: is given by the trainer"),
        ({"name": "scaled", "floor": 2}, "reward 'scaled': floor=2: expected at least 0 and below 1"),
        ("calls", "'calls' looks for agents' calls, and"),
        (["tiered", {"name": "similarity", "weight": 0}], "they would have no reward"),
    ],
)
def test_what_is_found_before_a_model_is_loaded(recipe, prepared, own, reward, message):  # noqa: F811
    (stage,) = recipe({**SRL, "reward": reward}).stages
    with pytest.raises(RecipeError) as error:
        check_rewards(stage, Prepared(prepared), 0)
    assert str(error.value).startswith("stages.srl.reward: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_training_says_it_first(recipe):  # noqa: F811
    with pytest.raises(RecipeError, match="No module named 'no_such_module_here'"):
        check(recipe({**SRL, "reward": "no_such_module_here:f"}))


def test_agents_rewards_on_agents_data_and_on_both(recipe, agents):  # noqa: F811
    (stage,) = recipe({**SRL, "reward": "tiered"}).stages
    check_rewards(stage, Prepared(agents()), 0)
    (with_others,) = recipe({**SRL, "reward": ["calls", "similarity"]}).stages
    data = Prepared(agents(mixed=True))
    check_rewards(with_others, data, 0)
    with pytest.raises(RecipeError, match=r"are none but of 'math', such as '<function="):
        check_rewards(stage, data, 0)


def test_each_is_a_function_of_its_own(recipe, own):  # noqa: F811
    loaded = recipe({**SRL, "reward": CHOSEN, "autojunk": True})
    (stage,) = loaded.stages
    functions = rewards_of(stage, loaded)
    assert [function.__name__ for function in functions] == ["srl_reward", "edit_reward", "length"]
    texts, experts = ["2 pens", "a long answer"], ["2 pens", "3 pens"]
    settings = {"think_tags": "optional"}
    assert functions[0](texts, experts) == srl_reward(texts, experts, autojunk=True, **settings)
    assert functions[1](texts, experts) == edit_reward(texts, experts, **settings)
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    log = {"log_extra": lambda *_: None, "log_metric": None}
    assert functions[2](completions=messages, expert_action=experts, **log) == [1.0, 1.0]
    config = trainer_config(stage, loaded, loaded.output, derive_sizes(stage, 8))
    assert config.reward_weights == [1.0, 0.5, 0.25]


def test_one_of_weight_one_leaves_trl_as_it_was(recipe):  # noqa: F811
    loaded = recipe({**SRL, "reward": "tiered"}, RLVR)
    assert [reward_weights(stage) for stage in loaded.stages] == [None, None]
    (function,) = rewards_of(loaded.stages[0], loaded)
    call = call_text("view", {"path": "/a"})
    assert function([call], [call]) == tiered_reward([call], [call], think_tags="optional") == [1.0]
    (weighed,) = recipe({**SRL, "reward": {"name": "edit", "weight": 2}}).stages
    assert reward_weights(weighed) == [2.0]


def test_the_column_domain_is_there_where_a_function_names_it(recipe, agents, own):  # noqa: F811
    data = Prepared(agents())
    for reward, there in (("similarity", False), ("exact", True), (["edit", f"{own}:domains"], True)):
        (stage,) = recipe({**SRL, "reward": reward, "validate_every": 1}).stages
        check_rewards(stage, data, 0)
        for row in (training_rows(stage, data)[0], validation_rows(stage, data, 0)[0]):
            assert row.get("domain") == ("agent" if there else None)


def test_a_floor_is_one_of_the_papers_similarity(recipe, prepared):  # noqa: F811
    data = Prepared(prepared)
    expected = {
        "similarity": (data.floor, data.floor),
        "margin": (data.floor, None),
        "edit": (None, None),
    }
    several = [
        (["similarity", "edit"], (data.floor, None)),
        (["edit", {"name": "similarity", "weight": 0}], (data.floor, None)),
        (["similarity", {"name": "edit", "weight": 0}], (data.floor, data.floor)),
        ({"name": "similarity", "weight": 2}, (data.floor, None)),
        (["edit", "exact"], (None, None)),
    ]
    for reward, floors in [*expected.items(), *several]:
        (stage,) = recipe({**SRL, "reward": reward, "validate_every": 1}).stages
        assert (similarity_floor(stage, data), validation_floor(stage, data)) == floors, reward


def test_where_answers_are_validated_each_row_has_the_rewards_of_its_kind(recipe, own):  # noqa: F811
    loaded = recipe({**SRL, "reward": CHOSEN[:2], "validate_every": 1, "validation": "answers"})
    (stage,) = loaded.stages
    columns = {"expert_action": ["2 pens", None, None], "answer": ["1", "7", "7"]}
    given = [f(completions=["3 pens", r"\boxed{7}", r"\boxed{8}"], **columns) for f in rewards_of(stage, loaded)]
    assert given == [[10 / 12, None, None], [0.5, None, None], [None, 1.0, 0.0]]
    assert reward_weights(stage) == [1.0, 0.5, 1.0]
    (single,) = recipe({**SRL, "reward": "edit", "validate_every": 1, "validation": "answers"}).stages
    assert [function.__name__ for function in rewards_of(single)] == ["edit_reward", "final_answer_reward"]
    assert reward_weights(single) == [1.0, 1.0]


def test_a_function_is_asked_for_its_rows_alone():
    def told(completions, column, whole, log_extra, **kwargs):
        log_extra("seen", list(column))
        return [float(len(text)) for text in completions]

    async def waits(**arguments):
        return told(**arguments)

    logged = []
    arguments = {"completions": ["a", "bb", "ccc"], "expert_action": ["x", None, "y"], "column": [1, 2, 3]}
    arguments |= {"whole": "kept", "log_extra": lambda column, values: logged.append((column, values))}
    assert only_of(told, steps=True)(**arguments) == [1.0, None, 3.0]
    assert only_of(told, steps=False)(**{**arguments, "expert_action": ["x"] * 3}) == [None] * 3
    answer = only_of(waits, steps=False)(**arguments)
    assert inspect.iscoroutine(answer)
    assert asyncio.run(answer) == [None, 2.0, None]
    assert logged == [("seen", [1, None, 3]), ("seen", [None, 2, None])]


def test_several_train_a_stage_and_are_seen_each_by_itself(recipe, tmp_path, own):  # noqa: F811
    changes = {"validate_every": 1, "validation_rows": 4, "max_completion_length": 12}
    stages.run(recipe({**SRL, "reward": CHOSEN, **changes}), quiet=True)
    named = {"completions", "expert_action", "log_extra", "log_metric"}
    assert sys.modules[own].SEEN | named == {*GIVEN, "trajectory_id", "step", "answer", "expert_action"}
    folder = tmp_path / "run" / "1-srl"
    logs = lines(folder / "metrics.jsonl")
    for name in ("srl_reward", "edit_reward", "length"):
        assert any(f"rewards/{name}/mean" in log for log in logs)
        assert any(f"eval_rewards/{name}/mean" in log for log in logs)
    rollouts = lines(folder / "rollouts.jsonl")
    for line in rollouts:
        by = line["rewards_by"]
        assert list(by) == ["srl_reward", "edit_reward", "length"]
        totals = [a + 0.5 * b + 0.25 * c for a, b, c in zip(*by.values(), strict=True)]
        assert line["rewards"] == pytest.approx(totals, abs=1e-6)
        assert line["facts"]["characters"] == [len(text) for text in line["completions"]]
    step = next(log for log in logs if "loss" in log)
    first = [line for line in rollouts if line["global_step"] == 0]
    mean = sum(sum(line["rewards"]) for line in first) / sum(len(line["rewards"]) for line in first)
    assert step["reward"] == pytest.approx(mean, abs=1e-5)
    best = json.loads((folder / "best.json").read_text())
    assert best["metric"] == "eval_reward"
    assert "similarity_floor" not in best
    counts = by_position(folder / "rollouts.jsonl").overall("characters")[1]
    assert counts == sum(len(line["rewards"]) for line in rollouts)


def test_a_function_beside_the_answer(recipe, tmp_path, own):  # noqa: F811
    stage = {**RLVR, "step_share": 0, "reward": ["answer", {"name": f"{own}:answers", "weight": 0.5}]}
    stages.run(recipe({**stage, "when_short": "fill", "max_steps": 1}), quiet=True)
    for line in lines(tmp_path / "run" / "1-rlvr" / "rollouts.jsonl"):
        assert list(line["rewards_by"]) == ["final_answer_reward", "answers"]
        assert line["rewards_by"]["answers"] == [1.0] * 4


def test_the_default_of_rlvr_is_the_run_that_it_was_and_another_is_not(recipe):  # noqa: F811
    plain, named, other = (
        identity(recipe({**RLVR, **changes}), 0, "digest")
        for changes in ({}, {"reward": "answer"}, {"reward": ["answer", "mod:f"]})
    )
    assert plain == named
    assert "reward" not in plain["stages"][0]
    assert other["stages"][0]["reward"] == ["answer", "mod:f"]
