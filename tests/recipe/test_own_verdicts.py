"""RLVR where a domain's own verdict judges, from prepared rows to rewards."""

from __future__ import annotations

import json
import sys

import pytest

from tests.domains.counter import counter
from tests.domains.test_hosting import COMMAND
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import DomainError, RecipeError
from treadle.recipe.rewards import check_rewards, rewards_of
from treadle.recipe.schema import RLVRStage, SRLStage
from treadle.recipe.training_data import count_without_answer, training_rows
from treadle.recipe.validation_rows import validation_rows
from treadle.trajectory import Step, Trajectory

SETUP = {"start": 2, "goal": 7}
WITH_WORLD = {"environment": "world.py:World", "verdict": "judge.py:judge_world"}
OUTPUTS = ["<think>I add.</think>\n+2\n+3", "+4\nSo \\boxed{7}.", "+5\n+0"]


def trajectory(i, domain, answer=None, setup=None):
    meta = {} if setup is None else {"setup": setup}
    return Trajectory(f"t{i}", f"problem {i}", (Step("+2"), Step("+3")), answer, domain, True, meta)


@pytest.fixture
def make(tmp_path, monkeypatch):
    def prepared(*trajectories, held_out=0, **keys):
        monkeypatch.setenv("TREADLE_DOMAINS", str(tmp_path / "counter"))
        counter(tmp_path / "counter", **keys)
        source = tmp_path / "t.jsonl"
        source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in trajectories))
        prepare(source, tmp_path / "data", PrepareSettings(held_out=held_out, replay=False))
        return Prepared(tmp_path / "data")

    return prepared


def rewarded(stage, rows, outputs):
    """The rewards of one output for each row, as TRL asks for them."""
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "prompt"}
    (function,) = rewards_of(stage)
    logged = {}
    given = function(prompts=[r["prompt"] for r in rows], completions=outputs, log_metric=logged.__setitem__, **columns)
    return given, logged


def test_a_function_of_the_world(make):
    data = make(trajectory(0, "counter", setup=SETUP), **WITH_WORLD)
    stage = RLVRStage(kind="rlvr")
    (row,) = training_rows(stage, data)
    assert (row["domain"], row["problem"], json.loads(row["setup"])) == ("counter", "problem 0", SETUP)
    assert "setup" not in str(row["prompt"])
    assert count_without_answer(stage, data) == 0
    rewards, logged = rewarded(stage, [row] * 3, OUTPUTS)
    assert rewards == [1.0, 0.0, 1.0]
    assert logged["answer/right"] == pytest.approx(2 / 3)
    assert logged["answer/unscorable"] == 0


def test_a_task_that_cannot_be_set_up_counts_as_unscorable(make):
    data = make(trajectory(0, "counter"), **WITH_WORLD)
    stage = RLVRStage(kind="rlvr")
    rewards, logged = rewarded(stage, list(training_rows(stage, data)), OUTPUTS[:1])
    assert rewards == [0.0]
    assert logged["answer/unscorable"] == 1


def test_a_function_of_the_attempt_beside_mathematics(make):
    rows = (trajectory(0, "counter", "7"), trajectory(1, "math", "8"), trajectory(2, "math"))
    data = make(*rows, verdict="judge.py:judge")
    stage = RLVRStage(kind="rlvr")
    rows = list(training_rows(stage, data))
    assert [(row["trajectory_id"], row["setup"]) for row in rows] == [("t0", None), ("t1", None)]
    assert count_without_answer(stage, data) == 1
    assert rewarded(stage, rows, [OUTPUTS[1]] * 2)[0] == [1.0, 0.0]
    assert rewarded(stage, rows, ["\\boxed{8}"] * 2)[0] == [0.0, 1.0]


def test_a_command(make):
    data = make(trajectory(0, "counter", "7"), judge=COMMAND, verdict=f"{{command: [{sys.executable}, judge.py]}}")
    stage = RLVRStage(kind="rlvr")
    (row,) = training_rows(stage, data)
    assert rewarded(stage, [row] * 2, ["\\boxed{7}", "\\boxed{raise}"])[0] == [1.0, 0.0]


def test_the_kind_of_a_domains_answers_counts(make):
    """0.33333 is a third for Minerva, within 1e-4, and for mathematics, in six decimals, it is none."""
    data = make(trajectory(0, "counter", "1/3"), trajectory(1, "math", "1/3"), verdict="minerva")
    stage = RLVRStage(kind="rlvr")
    assert rewarded(stage, list(training_rows(stage, data)), ["\\boxed{0.33333}"] * 2)[0] == [1.0, 0.0]


def test_the_experts_first_steps_belong_to_the_attempt(make):
    data = make(trajectory(0, "counter", setup=SETUP), **WITH_WORLD)
    stage = RLVRStage(kind="rlvr", prefix={"policy": "reverse"})
    (row,) = training_rows(stage, data)
    assert row["prefix_texts"] == ["+2", "+3"]
    given = [{**row, "prefix_length": length} for length in (0, 1, 1)]
    assert rewarded(stage, given, ["+3", "+3", "+2\n+3"])[0] == [0.0, 1.0, 0.0]


def test_steps_and_whole_problems_in_one_stage(make):
    data = make(trajectory(0, "counter", setup=SETUP), **WITH_WORLD)
    stage = RLVRStage(kind="rlvr", step_share=0.5)
    rows = sorted(training_rows(stage, data), key=lambda row: row["step"] or 0)
    assert [row["expert_action"] for row in rows] == [None, "+2"]
    rewards, _ = rewarded(stage, rows, [OUTPUTS[0], "<think>x</think>\n+2"])
    assert rewards == [1.0, 1.0]


def test_held_out_problems_of_a_stage_of_steps(make):
    data = make(*(trajectory(i, "counter", setup=SETUP) for i in range(3)), held_out=1, **WITH_WORLD)
    stage = SRLStage(kind="srl", validate_every=1, validation="answers", validation_rows=1)
    (row,) = validation_rows(stage, data, 0)
    assert rewarded(stage, [row], OUTPUTS[:1])[0] == [1.0]


def test_rows_of_mathematics_stay_as_they_are(make):
    data = make(trajectory(0, "math", "7"), trajectory(1, "miniature", "8"), verdict="judge.py:judge")
    for row in training_rows(RLVRStage(kind="rlvr"), data):
        assert set(row) == {"trajectory_id", "step", "answer", "prompt", "expert_action"}


def test_what_nobody_can_judge_is_said_before_training(make):
    data = make(trajectory(0, "counter", "7"))
    with pytest.raises(DomainError, match="domain 'counter': nobody can judge its attempts"):
        training_rows(RLVRStage(kind="rlvr"), data)


def test_code_that_is_none_is_said_before_training(make):
    data = make(trajectory(0, "counter", "7"), verdict="judge.py:judge", judge="def judge(task): return True")
    with pytest.raises(DomainError, match=r"found judge\(task\)"):
        training_rows(RLVRStage(kind="rlvr"), data)


def test_steps_by_their_domains_reward(make):
    data = make(trajectory(0, "counter"), trajectory(1, "math"), reward="exact")
    stage = SRLStage(kind="srl", reward="domain")
    check_rewards(stage, data, 0)
    rows = [row for row in training_rows(stage, data) if row["step"] == 1]
    assert rewarded(stage, rows, ["<think>x</think>\n+3"] * 2)[0] == [0.0, 0.5]


def test_a_domains_reward_that_is_none_is_said_before_training(make):
    data = make(trajectory(0, "counter"), trajectory(1, "math"), reward="answer")
    with pytest.raises(RecipeError, match=r"stages\.srl\.reward: .*reward: answer: goes by more than a step"):
        check_rewards(SRLStage(kind="srl", reward="domain", name="srl"), data, 0)
