"""Rows for each kind of training, from a prepared folder with known trajectories."""

from __future__ import annotations

import json

import pytest

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import DataError
from treadle.recipe.schema import RLVRStage, SFTStage, SRLStage
from treadle.recipe.training_data import count_without_answer, training_rows
from treadle.trajectory import Step, Trajectory


def trajectory(i, answer="7", epilogue="So \\boxed{7}."):
    steps = (Step("1. first", thought="hm"), Step("2. second"), Step("3. third", thought="ah"))
    return Trajectory(f"t{i}", f"problem {i}", steps, answer, "math", True, {"epilogue": epilogue})


@pytest.fixture
def make(tmp_path):
    def prepared(trajectories, **settings):
        source = tmp_path / "t.jsonl"
        source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in trajectories))
        prepare(source, tmp_path / "data", PrepareSettings(held_out=0, **settings), overwrite=True)
        return Prepared(tmp_path / "data")

    return prepared


def test_whole_solutions_end_with_what_follows_the_last_step(make):
    data = make([trajectory(0)])
    (row,) = training_rows(SFTStage(kind="sft"), data)
    assert row["completion"][0]["content"] == "1. first\n2. second\n3. third\nSo \\boxed{7}."
    (row,) = training_rows(SFTStage(kind="sft", target="traces"), data)
    assert row["completion"][0]["content"] == (
        "<think>hm</think>1. first\n2. second\n<think>ah</think>3. third\nSo \\boxed{7}."
    )
    (row,) = training_rows(SRLStage(kind="srl", unit="solution"), data)
    assert row["expert_action"].endswith("3. third\nSo \\boxed{7}.")
    data = make([trajectory(0, epilogue="")])
    (row,) = training_rows(SFTStage(kind="sft"), data)
    assert row["completion"][0]["content"].endswith("3. third\nThe final answer is \\boxed{7}.")


def test_gsm8ks_answer_line_is_trained_as_the_box_that_the_prompt_asks_for(make):
    data = make([trajectory(0, epilogue="#### 7"), trajectory(1, answer=None, epilogue="#### x")])
    texts = [row["completion"][0]["content"] for row in training_rows(SFTStage(kind="sft"), data)]
    assert texts[0] == "1. first\n2. second\n3. third\nThe final answer is \\boxed{7}."
    assert texts[1].endswith("3. third\n#### x")


def test_single_steps_are_the_instances_without_the_last(make):
    rows = training_rows(SRLStage(kind="srl"), make([trajectory(0), trajectory(1)]))
    assert [(r["trajectory_id"], r["step"]) for r in rows] == [("t0", 1), ("t0", 2), ("t1", 1), ("t1", 2)]


def test_rlvr_leaves_out_what_has_no_answer_and_counts_it(make):
    data = make([trajectory(0), trajectory(1, answer=None), trajectory(2, answer="")])
    stage = RLVRStage(kind="rlvr")
    assert [r["trajectory_id"] for r in training_rows(stage, data)] == ["t0"]
    assert count_without_answer(stage, data) == 2
    assert count_without_answer(SRLStage(kind="srl"), data) == 0


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 0.95])
def test_the_share_of_steps_is_as_wished(make, share):
    rows = training_rows(
        RLVRStage(kind="rlvr", step_share=share), make([trajectory(i) for i in range(20)], targets="all")
    )
    found = sum(r["expert_action"] is not None for r in rows) / len(rows)
    assert found == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    "stage",
    [SFTStage(kind="sft"), SRLStage(kind="srl", unit="solution"), SFTStage(kind="sft", unit="both")],
    ids=["sft", "one step", "both"],
)
def test_agents_have_no_whole_solutions_to_train_on(make, stage):
    steps = (Step("ls", observation="a"), Step("cat a", observation="b"))
    data = make([Trajectory("a", "issue", steps, None, "agent")])
    with pytest.raises(DataError, match=r"domain 'agent' has no prompt for whole solutions .*set `unit` to steps"):
        training_rows(stage, data)[0]


def test_agents_are_fine_tuned_on_their_steps(make):
    steps = (Step("ls", thought="look", observation="a"), Step("cat a", thought="read", observation="b"))
    data = make([Trajectory("a", "issue", steps, None, "agent", system="rules")], context=1)
    rows = training_rows(SFTStage(kind="sft", unit="steps", target="traces"), data)
    assert [[m["role"] for m in r["prompt"]] for r in rows] == [["system", "user"]] * 2
    assert rows[1]["completion"][0]["content"] == "<think>read</think>cat a"
    assert rows[1]["prompt"][1]["content"].endswith("Action 1:\nls\nObservation 1:\na")


def test_as_many_conversations_as_are_asked_for_the_first(make):
    data, stage = make([trajectory(0), trajectory(1)]), SFTStage(kind="sft", unit="steps")
    every = list(training_rows(stage, data))
    assert len(every) == 6
    assert list(training_rows(stage, data, most=4)) == every[:4]
    assert list(training_rows(stage, data, most=9)) == every
