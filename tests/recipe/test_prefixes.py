"""Stages that begin with the expert's first steps: what they train on, what they say of themselves, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.recipe.test_stages import RLVR, SFT, lines, prepared, recipe  # noqa: F401
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.rows import WHOLE, references, rendered
from treadle.data.solutions import Given
from treadle.data.sources.native import to_row
from treadle.errors import DataError, RecipeError
from treadle.recipe import stages
from treadle.recipe.identity import identity
from treadle.recipe.overrides import apply_override
from treadle.recipe.reading import parse_recipe, resolved
from treadle.recipe.validation_rows import validation_rows
from treadle.scoring.thoughts import Block, ThoughtTags

PREFIXED = {**RLVR, "step_share": 0, "prefix": "reverse"}


def with_prefix(**settings):
    return {**PREFIXED, "prefix": {"policy": "reverse", **settings}}


@pytest.mark.parametrize("block", [Block.NONE, Block.OPENED])
def test_rows_have_the_steps_as_the_model_would_write_them(prepared, expert_trajectories, block):  # noqa: F811
    tags = ThoughtTags(block=block)
    of = {trajectory.id: trajectory for trajectory in expert_trajectories}
    for target in ("actions", "traces"):
        row, step = rendered(references([(0, WHOLE), (0, 2)]), Prepared(prepared), given=Given(target, tags)).select(
            range(2)
        )
        first, *others = of[row["trajectory_id"]].steps
        thought = first.thought if target == "traces" else ""
        before = {Block.NONE: "<think>" if thought else "", Block.OPENED: ""}[block]
        after = "</think>" if thought or block is Block.OPENED else ""
        assert row["prefix_texts"][0] == f"{before}{thought}{after}{first.action}"
        expected = [f"<think>{s.thought}</think>{s.action}" if target == "traces" else s.action for s in others]
        assert row["prefix_texts"][1:] == expected
        assert step["prefix_texts"] is None


def test_a_hint_has_its_place_in_the_users_message(prepared):  # noqa: F811
    given = Given("actions", ThoughtTags(block=Block.OPENED), in_prompt=True)
    row, step = rendered(references([(0, WHOLE), (0, 2)]), Prepared(prepared), given=given).select(range(2))
    (message,) = row["prompt"]
    assert row["prefix_frame"] == [f"{message['content']}\n\n", ""]
    assert "</think>" not in row["prefix_texts"][0], "the completion does not begin with it"
    assert step["prefix_frame"] is None


@pytest.mark.parametrize(
    "prefix",
    [
        "reverse",
        {"policy": "adaptive", "target": "traces", "loss": 0.1},
        "on_failure",
        {"policy": "guidance", "guided": 1.0},
    ],
    ids=["reverse", "loss", "on failure", "guidance"],
)
def test_a_stage_trains_from_prefixes(prefix, recipe, tmp_path):  # noqa: F811
    stage = {**RLVR, "prefix": prefix, "when_short": "fill", "validate_every": 1, "validation_rows": 2}
    loaded = recipe(stage)
    (size,) = stages.check(loaded)
    assert "up to 8 of the expert's steps" in size.describe()
    stages.run(loaded, quiet=True)
    rollouts = lines(tmp_path / "run" / "1-rlvr" / "rollouts.jsonl")
    whole = [line for line in rollouts if line["expert_action"] is None]
    assert {line["prefix_length"] for line in rollouts if line["expert_action"] is not None} <= {None}
    assert max(line["prefix_length"] for line in whole) > 0
    assert not {"prefix_texts", "prefix_frame", "bare_prompt"} & set().union(*rollouts)
    for line in whole:
        roles = [message["role"] for message in line["prompt"]]
        begun = line["prefix_length"] > 0 and "guidance" not in str(prefix)
        assert roles == ["user", *["assistant"] * begun]
        assert ("\n\n" in line["prompt"][0]["content"]) == (line["prefix_length"] > 0 and not begun)
    logs = [log for log in lines(tmp_path / "run" / "1-rlvr" / "metrics.jsonl") if "loss" in log]
    assert {"prefix/length", "prefix/share", "prefix/again"} <= set().union(*logs)
    assert any("prefix/nll" in log for log in logs) == ("loss" in str(prefix))
    if prefix == "on_failure":  # nothing is right, so every visit goes on
        assert sum(log.get("prefix/again", 0) for log in logs) > 0


def test_validation_is_of_bare_problems(recipe, prepared):  # noqa: F811
    loaded = recipe({**PREFIXED, "validate_every": 1})
    rows = validation_rows(loaded.stages[0], Prepared(prepared), 0)
    assert "prefix_texts" not in rows[0]
    assert [message["role"] for message in rows[0]["prompt"]] == ["user"]


def test_the_policy_is_described(recipe, expert_trajectories, tmp_path):  # noqa: F811
    short = [replace(t, steps=t.steps[:1]) for t in expert_trajectories[:5]]
    rows = [*short, *expert_trajectories[5:]]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(to_row(t)) + "\n" for t in rows))
    prepare(tmp_path / "some.jsonl", tmp_path / "some", PrepareSettings(targets="all", held_out=0))
    (size,) = stages.check(
        recipe(with_prefix(mode="staged", stages=4, loss=0.5, target="traces"), data=str(tmp_path / "some"))
    )
    assert size.prefix == (
        "up to 8 of the expert's steps (traces) as the beginning of the completion, by reverse (mode=staged, "
        "stages=4), with 0.5 times their negative log-likelihood in the loss; 5 of 20 solutions have one step and are "
        "given nothing"
    )
    assert size.prefix in size.describe()
    (size,) = stages.check(recipe({**PREFIXED, "prefix": "guidance"}))
    assert "as a hint in the prompt, by guidance (guided=0.5" in size.prefix
    assert stages.check(recipe({**PREFIXED, "prefix": None}))[0].prefix == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefix": "revers"}, r"stages.rlvr: prefix.policy: found 'revers'; did you mean 'reverse'\?"),
        ({"prefix": {"policy": "reverse", "stage": 3}}, r"stages.rlvr: unknown key 'prefix.stage'; did you mean 'stag"),
        ({"prefix": {"policy": "anneal", "los": 1}}, r"unknown key 'prefix.los'; did you mean 'loss'\?"),
        ({"prefix": {"policy": "on_failure", "Target": "traces"}}, r"'prefix.Target'; did you mean 'target'\?"),
        ({"dynamic_sampling": False}, r"stages.rlvr.prefix: .*set dynamic_sampling: true, or leave out prefix"),
        ({"prefix": {"policy": "guidance", "loss": 0.1}}, r"prefix: loss=0.1, but the policy 'guidance' .*set loss: 0"),
        ({"prefix": "anneal", "minutes": 3}, r"the policy 'anneal' goes by the share of .*set max_steps instead"),
        (
            {"prefix": {"policy": "reverse", "loss": 1}, "trl": {"use_liger_kernel": True}},
            r"prefix: loss needs log-probs that trl.use_liger_kernel does not compute",
        ),
    ],
)
def test_settings_that_do_not_go_with_prefixes_are_refused(recipe, changes, message):  # noqa: F811
    with pytest.raises(RecipeError, match=message):
        stages.check(recipe({**PREFIXED, **changes}))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({**SFT, "prefix": "reverse"}, r"'stages.0.prefix'; prefixes are for stages of kind rlvr"),
        ({**PREFIXED, "prefix": {"loss": 0.1}}, r"missing key 'stages.0.prefix.policy'; .*policy: adaptive"),
        (with_prefix(loss=-1), r"stages.0.prefix.loss: found -1; input should be greater than or equal to 0"),
        (with_prefix(target="thoughts"), r"stages.0.prefix.target: found 'thoughts'; .*'actions' or 'traces'"),
        (with_prefix(loss=True), r"stages.0.prefix.loss: found True; input should be a valid number"),
        ({**PREFIXED, "prefix": ["adaptive"]}, r"stages.0.prefix: found \['adaptive'\]; expected a policy's name such"),
        ({**PREFIXED, "prefix": "none"}, r"stages.0.prefix: found 'none'; .* or null for no prefix"),
        ({**PREFIXED, "prefix": False}, r"stages.0.prefix: found False; .* or null for no prefix"),
        ({**PREFIXED, "trl": {"prefix_loss": 0.1}}, r"trl.prefix_loss: set it by the recipe's own key prefix"),
    ],
)
def test_wrong_keys_are_refused_when_a_recipe_is_read(recipe, stage, message):  # noqa: F811
    with pytest.raises(RecipeError, match=message):
        recipe(stage)


def test_a_recipe_says_all_of_it_and_overrides_reach_it(recipe):  # noqa: F811
    content = {"model": "m", "data": "d", "output": "o", "stages": [with_prefix(stages=4)]}
    apply_override(content, "stages.rlvr.prefix.loss=0.2")
    loaded = parse_recipe(content)
    assert loaded.stages[0].prefix.settings == {"stages": 4}
    assert "prefix:\n    policy: reverse\n    target: actions\n    loss: 0.2\n    stages: 4\n" in resolved(loaded)
    assert parse_recipe({**content, "stages": [PREFIXED]}).stages[0].prefix.policy == "reverse"


def test_a_run_from_before_there_were_prefixes_goes_on(recipe):  # noqa: F811
    def stage_of(stage):
        return identity(recipe(stage), 0, "digest")["stages"][0]

    assert "prefix" not in stage_of({**PREFIXED, "prefix": None})
    assert stage_of(PREFIXED)["prefix"]["policy"] == "reverse"


def problems(folder, rows, **settings):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepare(folder / "rows.jsonl", folder / "rows", PrepareSettings(targets="all", held_out=0, **settings))
    return str(folder / "rows")


def test_data_without_anything_to_give_is_refused(recipe, expert_trajectories, tmp_path):  # noqa: F811
    rows = [to_row(replace(t, steps=t.steps[:1])) for t in expert_trajectories]
    with pytest.raises(DataError, match=r"stages.rlvr.prefix: all 20 trajectories with an answer have one step"):
        stages.check(recipe(PREFIXED, data=problems(tmp_path, rows)))
    rows = [{"problem": f"What is {n}+1?", "solution": "So.\n\nThat.", "answer": str(n + 1)} for n in range(12)]
    (tmp_path / "answers").mkdir()
    data = problems(tmp_path / "answers", rows, answers_only=True)
    with pytest.raises(DataError, match=r"stages.rlvr.prefix gives steps .* --answers-only has none"):
        stages.check(recipe(PREFIXED, data=data))


def test_agents_trajectories_are_refused(recipe, expert_trajectories, tmp_path):  # noqa: F811
    rows = [to_row(replace(t, domain="agent")) for t in expert_trajectories]
    with pytest.raises(DataError, match=r"20 trajectories with an answer are an agent's, .*use kind: srl"):
        stages.check(recipe(PREFIXED, data=problems(tmp_path, rows)))
