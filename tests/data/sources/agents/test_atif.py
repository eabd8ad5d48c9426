"""Harbor's trajectories (ATIF), on rows by hand in the shape of its documentation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.atif import FORM
from treadle.data.sources.report import DropReason

LS = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
TOOLS = [{"type": "function", "function": {"name": "bash", "description": "runs", "parameters": {}}}]


def call(i="c1", name="bash", **arguments):
    return {"tool_call_id": i, "function_name": name, "arguments": arguments or {"command": "ls"}}


def results(*pairs):
    return {"results": [{"source_call_id": i, "content": text} for i, text in pairs]}


def agent(message, *calls, observation=None, **more):
    return {
        "source": "agent",
        "message": message,
        "tool_calls": list(calls) or None,
        "observation": observation,
        **more,
    }


def document(*steps, **more):
    opening = [{"source": "system", "message": "rules"}, {"source": "user", "message": "task"}]
    numbered = [{"step_id": k, **step} for k, step in enumerate([*opening, *steps], 1)]
    who = {"name": "a", "version": "1", "model_name": "m", "tool_definitions": TOOLS}
    return {"schema_version": "ATIF-v1.5", "session_id": "s", "agent": who, "steps": numbered, **more}


def test_a_run_by_hand():
    data = document(
        agent("I look.", call(), observation=results(("c1", "out")), reasoning_content="hm", metrics={}),
        agent("Done."),
    )
    trajectory = read(FORM, data)
    (step,) = trajectory.steps
    assert (step.action, step.observation, json.loads(step.call)) == (LS, "out", call())
    assert step.thought.endswith("I look.")
    assert (trajectory.id, trajectory.problem, trajectory.meta["model"]) == ("s", "task", "m")
    assert trajectory.system.startswith("rules\n\n")
    assert "bash: runs" in trajectory.system
    assert (trajectory.meta["epilogue"], trajectory.meta["reasoning"]) == ("Done.", {"0": "hm"})
    assert registry.detect(row(data)).name == "atif"


def test_calls_with_results_of_their_own_are_steps():
    calls = (call("a"), call("b", command="pwd"))
    trajectory = read(FORM, document(agent("x", *calls, observation=results(("b", "/"), ("a", "f")))))
    assert [step.observation for step in trajectory.steps] == ["f", "/"]
    assert [step.thought for step in trajectory.steps] == ["x", None]


def test_a_result_that_names_no_call_answers_all_of_its_turn():
    keys = (call("a", "bash_command", keystrokes="ls\n"), call("b", "mark_task_complete", x=1))
    (step,) = read(FORM, document(agent("x", *keys, observation=results((None, "screen"))))).steps
    assert step.action.count("<function=") == 2
    assert (step.observation, json.loads(step.call)) == ("screen", list(keys))


@pytest.mark.parametrize("named", [[], {}, 7, None])
def test_what_names_a_call_and_is_no_text_names_none(named):
    (step,) = read(FORM, document(agent("x", call(named), observation=results(("c1", "y"))))).steps
    assert (step.action, step.observation) == (LS, "y")


def test_a_message_that_is_terminus_json():
    said = '{"analysis": "a", "plan": "p", "commands": [{"keystrokes": "ls"}], "task_complete": false}'
    (step,) = read(FORM, document(agent(said, observation=results((None, "screen"))))).steps
    assert (step.action, step.thought, step.call) == (
        "<function=bash_command>\n<parameter=keystrokes>ls</parameter>\n</function>",
        "a\n\np",
        said,
    )


def test_messages_in_parts_and_nulls_of_tables():
    parts = [
        {"type": "text", "text": "see "},
        {"type": "image", "source": {"path": "a.png"}},
        {"type": "text", "text": "it"},
    ]
    data = document(agent(None, call(command="ls", timeout=None), observation=results(("c1", parts))))
    data |= {"notes": None, "final_metrics": None}
    data["steps"][1]["tool_calls"] = None
    trajectory = read(FORM, json.loads(json.dumps(data)))
    assert (trajectory.steps[0].action, trajectory.steps[0].observation) == (LS, "see it")
    assert trajectory.meta["passed"] == {"image": 1}


def test_steps_as_json_text():
    data = document(agent("x", call(), observation=results(("c1", "out"))))
    assert (
        read(FORM, data | {"steps": json.dumps(data["steps"]), "agent": json.dumps(data["agent"])}).steps[0].action
        == LS
    )


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([agent("Only words.")], DropReason.NO_ACTIONS),
        ([agent("x", {"tool_call_id": "a", "arguments": {}})], DropReason.BROKEN_CALL),
        ([agent(3, call())], DropReason.MALFORMED),
    ],
)
def test_what_cannot_be_used_is_dropped(steps, expected):
    assert reason(FORM, document(*steps)) == expected


TEXT = st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, min_size=1, max_size=2)), min_size=1, max_size=4))
def test_message_call_and_results_put_together_are_the_source(turns):
    steps = [
        agent(said, call(command=command), observation=results(*(("c1", text) for text in texts)))
        for said, command, texts in turns
    ]
    trajectory = read(FORM, document(*steps))
    found = [
        (step.text, json.loads(step.call)["arguments"]["command"], parts_of(trajectory, k))
        for k, step in enumerate(trajectory.steps)
    ]
    assert found == turns
