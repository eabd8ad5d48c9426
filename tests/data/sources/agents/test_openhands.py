"""Event histories of OpenHands, on small rows in the shape of its serialisers (no history is among the samples)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, replay, row, sample
from treadle.data.sources.agents import swe_agent
from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.openhands import FORM
from treadle.data.sources.report import DropReason

LS = "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
STAND_IN = "Please continue working on the task on whatever approach you think is suitable.\nIf you think ..."


def call(command="ls", name="execute_bash", i="a"):
    return {"function": {"name": name, "arguments": json.dumps({"command": command})}, "id": i, "type": "function"}


def acted(i, *calls, text="I look.\n", which=0, action="run", response="r", **args):
    """An action of generation 0, one of the `calls` of a response."""
    message = {"role": "assistant", "content": text, "tool_calls": list(calls)}
    return {
        "id": i,
        "timestamp": "2025-05-01T12:00:00",
        "source": "agent",
        "message": "Running command: ls",
        "action": action,
        "args": {"command": "ls", "is_input": False, "thought": text, "blocking": False, **args},
        "tool_call_metadata": {
            "function_name": calls[which]["function"]["name"],
            "tool_call_id": calls[which]["id"],
            "model_response": {"id": response, "model": "m", "choices": [{"message": message}]},
            "total_calls_in_response": len(calls),
        },
    }


def result(cause, content="out", observation="run", **more):
    return {
        "id": 90,
        "source": "agent",
        "message": "Command executed",
        "cause": cause,
        "observation": observation,
        "content": content,
        "extras": {"command": "ls", "metadata": {"exit_code": 0}},
        **more,
    }


def spoke(text, source="user", i=1):
    args = {"content": text, "image_urls": None, "wait_for_response": False}
    return {"id": i, "source": source, "message": text, "action": "message", "args": args}


SYSTEM = {
    "id": 0,
    "source": "agent",
    "action": "system",
    "args": {
        "content": "rules",
        "tools": [{"type": "function", "function": {"name": "finish", "description": "End."}}],
    },
}
RECALL = [
    {"id": 2, "source": "user", "action": "recall", "args": {"recall_type": "workspace_context", "query": "problem"}},
    {"id": 3, "source": "environment", "cause": 2, "observation": "recall", "content": "Added", "extras": {}},
    {"id": 4, "source": "environment", "observation": "agent_state_changed", "content": "", "extras": {}},
]
OPENING = [SYSTEM, spoke("problem"), *RECALL]


def test_a_row_of_an_evaluation():
    finish = acted(7, call("", "finish", "b"), text="", action="finish", response="s")
    data = {
        "instance_id": "django__django-11099",
        "instruction": "not used",
        "history": [*OPENING, acted(5, call()), result(5), finish],
        "test_result": {"git_patch": "diff", "report": {"resolved": False}},
        "metadata": {"llm_config": {"model": "m"}},
        "metrics": {},
        "error": None,
    }
    trajectory = read(FORM, data)
    first, last = trajectory.steps
    assert (first.action, first.thought, first.before, first.text) == (LS, "I look.", "\n", "I look.\n")
    assert (first.observation, json.loads(first.call)) == ("out", call())
    assert (last.action, last.thought, last.observation) == (
        "<function=finish>\n<parameter=command></parameter>\n</function>",
        None,
        None,
    )
    assert trajectory.problem == "problem"
    form = "<function=NAME>\n<parameter=KEY>VALUE</parameter>\n</function>"
    tools = f"You can call these functions, in this form:\n\n{form}\n\nfinish: End.\nParameters: none"
    assert trajectory.system == f"rules\n\n{tools}"
    assert (trajectory.repo, trajectory.verified) == ("django/django", False)
    assert trajectory.meta["model"] == "m"
    assert trajectory.meta["passed_events"] == {
        "recall": 1,
        "recall (observation)": 1,
        "agent_state_changed (observation)": 1,
    }
    assert replay(trajectory) == [("said", "I look.\n"), ("answer", "out"), ("said", "")]


@pytest.mark.parametrize("column", ["history", "trajectory", "events"])
def test_columns_and_json_text(column):
    history = [*OPENING, acted(5, call()), result(5)]
    steps = read(FORM, {column: history}).steps
    assert read(FORM, {column: json.dumps(history)}).steps == steps
    assert [step.action for step in steps] == [LS]


def test_without_the_models_response_the_action_is_rendered():
    run = {
        "id": 5,
        "source": "agent",
        "action": "run",
        "args": {"command": "ls", "thought": "I look.", "blocking": True},
    }
    read_file = {
        "id": 6,
        "source": "agent",
        "action": "read",
        "args": {"path": "/x", "start": 0, "thought": "", "end": None},
    }
    think = {"id": 7, "source": "agent", "action": "think", "args": {"thought": "so it is"}}
    new = {
        "id": 8,
        "source": "agent",
        "action": "run",
        "args": {"command": "ls", "thought": {"text": "Hm.", "reasoning_content": "why"}},
    }
    done = {"id": 9, "source": "agent", "action": "finish", "args": {"outputs": {}, "thought": "Done."}}
    trajectory = read(
        FORM, {"history": [*OPENING, run, result(5), read_file, result(6, "text", "read"), think, new, done]}
    )
    assert [step.action for step in trajectory.steps] == [
        "<function=run>\n<parameter=command>ls</parameter>\n</function>",
        "<function=read>\n<parameter=path>/x</parameter>\n<parameter=start>0</parameter>\n</function>",
        "<function=think>\n<parameter=thought>so it is</parameter>\n</function>",
        "<function=run>\n<parameter=command>ls</parameter>\n</function>",
        "<function=finish>\n<parameter=outputs>{}</parameter>\n</function>",
    ]
    assert [step.thought for step in trajectory.steps] == ["I look.", None, None, "why\n\nHm.", "Done."]
    assert json.loads(trajectory.steps[0].call) == {"action": "run", "args": run["args"]}
    assert trajectory.meta["reasoning"] == {"3": "why"}


def test_several_calls_of_a_response_are_one_turn():
    calls = [call(i="a"), call("pwd", i="b")]
    history = [*OPENING]
    for which, i in ((0, 5), (1, 7)):
        history += [acted(i, *calls, which=which), result(i, f"out {which}")]
    history += [acted(9, call(i="c"), text="Next.", response="s"), result(9)]
    trajectory = read(FORM, {"history": history})
    assert trajectory.meta["calls_per_turn"] == [2, 1]
    assert [step.thought for step in trajectory.steps] == ["I look.", None, "Next."]
    assert [step.observation for step in trajectory.steps] == ["out 0", "out 1", "out"]
    assert [json.loads(step.call)["id"] for step in trajectory.steps] == ["a", "b", "c"]


def test_results_find_their_actions():
    history = [
        *OPENING,
        acted(5, call()),
        acted(6, call(i="b"), response="s"),
        result(6, "second"),
        result(5, "first"),
        result(None, "an error of the agent", "error"),
        result(None, "by the call", tool_call_metadata={"tool_call_id": "a"}),
        spoke("hurry"),
    ]
    trajectory = read(FORM, {"history": history})
    assert parts_of(trajectory, 0) == ["first", "by the call"]
    assert parts_of(trajectory, 1) == ["second", "an error of the agent", "hurry"]


def test_pairs_of_action_and_observation():
    run = {"source": "agent", "action": "run", "args": {"command": "ls", "thought": "I look."}}
    null = {"observation": "null", "content": "", "extras": {}}
    with_ids = [[{**run, "id": 4}, result(4)], [{**run, "id": 6}, {**result(0), "cause": 6}]]
    without = [[run, {"observation": "run", "content": "out", "extras": {}}] for _ in range(2)]
    for pairs in (with_ids, without):
        trajectory = read(FORM, {"history": [[spoke("problem"), null], *pairs, [spoke("Done.", "agent"), null]]})
        assert [step.observation for step in trajectory.steps] == ["out", "out"]
        assert trajectory.problem == "problem"
        assert trajectory.meta["epilogue"] == "Done."


def test_messages_of_the_agent():
    turn = [acted(5, call()), result(5)]
    later = [acted(9, call(i="b"), response="s"), result(9)]
    talk = [*OPENING, *turn, spoke("Done?", "agent"), spoke(STAND_IN), *later]
    assert read(FORM, {"history": talk}).meta["talk"] == [[1, "Done?", STAND_IN]]
    other = [*OPENING, *turn, spoke("Done?", "agent"), spoke("No."), *later]
    asked = read(FORM, {"history": other}).steps[1]
    assert (asked.action, asked.observation) == (render("respond", {"content": "Done?"}), "No.")
    assert read(FORM, {"history": other[:-3]}).meta["epilogue"] == "Done?"
    assert reason(FORM, {"history": [*OPENING, spoke("Hello.", "agent")]}) == DropReason.NO_ACTIONS


def test_the_instruction_stands_in_for_a_problem():
    history = [SYSTEM, acted(5, call()), result(5)]
    assert read(FORM, {"history": history, "instruction": "the task"}).problem == "the task"
    assert reason(FORM, {"history": history}) == DropReason.EMPTY_PROBLEM
    two = read(FORM, {"history": [spoke("one"), spoke("two"), *history]})
    assert (two.problem, two.meta["problem_parts"]) == ("one\n\ntwo", [3, 3])


def v1(kind, source="agent", **more):
    return {"id": kind, "timestamp": "2025-09-04T15:44:00", "source": source, "kind": kind, **more}


def text(*parts):
    return [{"cache_prompt": False, "type": "text", "text": part} for part in parts]


def v1_call(i, thought=(), response="r", command="ls"):
    native = {"id": i, "name": "terminal", "arguments": json.dumps({"command": command}), "origin": "completion"}
    return v1(
        "ActionEvent",
        thought=text(*thought),
        action={"kind": "TerminalAction", "command": command, "is_input": False},
        tool_name="terminal",
        tool_call_id=i,
        tool_call=native,
        llm_response_id=response,
        reasoning_content="hm" if thought else None,
    )


def v1_result(i, *parts, **more):
    observation = {"kind": "TerminalObservation", "content": text(*parts), "is_error": False}
    return v1("ObservationEvent", "environment", observation=observation, tool_call_id=i, tool_name="terminal", **more)


V1_OPENING = [
    v1("SystemPromptEvent", system_prompt=text("rules")[0], tools=[]),
    v1(
        "MessageEvent",
        "user",
        llm_message={"role": "user", "content": text("problem")},
        extended_content=text("\nmore"),
    ),
]


def test_events_of_the_sdk():
    history = [
        *V1_OPENING,
        v1_call("a", ["I look.", "\n"]),
        v1_call("b", command="pwd"),
        v1_result("a", "one", " two"),
        v1_result("b", "three"),
        v1("ConversationStateUpdateEvent", "environment", key="x", value="y"),
        {"id": "c", "kind": "Condensation", "source": "environment", "summary": "s"},
        v1_call("c", response="s"),
        v1("AgentErrorEvent", error="no such tool", tool_call_id="c", tool_name="terminal"),
        v1_call("d", response="t"),
        v1("UserRejectObservation", "environment", rejection_reason="not now", tool_call_id="d"),
        v1("MessageEvent", llm_message={"role": "assistant", "content": text("Done.")}),
    ]
    trajectory = read(FORM, {"history": history})
    assert [step.action for step in trajectory.steps][:2] == [render("terminal", {"command": c}) for c in ("ls", "pwd")]
    assert [step.thought for step in trajectory.steps] == ["hm\n\nI look.", None, None, None]
    assert [step.observation for step in trajectory.steps] == ["one two", "three", "no such tool", "not now"]
    assert json.loads(trajectory.steps[0].call) == history[2]["tool_call"]
    assert trajectory.meta["calls_per_turn"] == [2, 1, 1]
    assert trajectory.meta["passed_events"] == {"ConversationStateUpdateEvent": 1, "Condensation": 1}
    assert trajectory.meta["reasoning"] == {"0": "hm"}
    assert (trajectory.system, trajectory.problem) == ("rules", "problem\nmore")
    assert replay(trajectory) == [
        ("said", "I look.\n"),
        ("answer", "one two"),
        ("answer", "three"),
        ("said", ""),
        ("answer", "no such tool"),
        ("said", ""),
        ("answer", "not now"),
        ("said", "Done."),
    ]


def test_events_of_the_sdk_in_other_shapes():
    chat_call = v1_call("a") | {
        "tool_call": {"id": "a", "function": {"name": "terminal", "arguments": '{"command": "ls"}'}}
    }
    no_call = {k: v for k, v in v1_call("b", response="s").items() if k != "tool_call"}
    old = v1("ObservationEvent", "environment", observation={"output": "out", "exit_code": 0}, tool_call_id="a")
    trajectory = read(FORM, {"events": [*V1_OPENING, chat_call, old, no_call, v1_result("b", "out")]})
    assert [step.observation for step in trajectory.steps] == ["out", "out"]
    assert trajectory.steps[0].action == render("terminal", {"command": "ls"})
    assert trajectory.steps[1].action == render("terminal", {"command": "ls", "is_input": False})


def test_broken_events():
    good = [*OPENING, acted(5, call()), result(5)]
    for wrong, expected in (
        ("text", DropReason.MALFORMED),
        ({}, DropReason.MALFORMED),
        ([{}, {}, {}], DropReason.MALFORMED),
        (result(5, ["x"]), DropReason.MALFORMED),
        ({"action": "run", "args": "ls"}, DropReason.MALFORMED),
        (acted(6, call(name=""), response="s"), DropReason.BROKEN_CALL),
        (v1("ActionEvent", thought=[], tool_name="x"), DropReason.BROKEN_CALL),
        (v1("ActionEvent", thought=[{"type": "image"}]), DropReason.MALFORMED),
        (v1("AgentErrorEvent"), DropReason.MALFORMED),
    ):
        assert reason(FORM, {"history": [*good, wrong]}) == expected


def test_predictions_hold_no_trajectory(data):
    rows = sample(data / "trajectories" / "openhands_swebench.json")
    assert len(rows) == 30
    for each in rows:
        assert not swe_agent.FORM.matches(each)
        assert FORM.matches(each)
        assert reason(FORM, each.data) == DropReason.NO_TRAJECTORY
    for more in ({"model_patch": ""}, {"git_patch": None}, {"test_result": {"git_patch": "diff"}, "history": []}):
        assert reason(FORM, {"instance_id": "a__b-1", **more}) == DropReason.NO_TRAJECTORY


def test_rows_of_other_kinds():
    messages = [{"role": "user", "content": "x"}]
    for data in (
        {},
        {"history": []},
        {"history": messages},
        {"instance_id": "a__b-1", "model_patch": "x", "messages": messages},
        {"instance_id": "a__b-1", "patch": "x", "problem_statement": "y"},
        {"instance_id": 1, "model_patch": "x"},
    ):
        assert not FORM.matches(row(data))


@given(st.text(), st.text(), st.text())
def test_any_text_is_put_together_again(thought, command, answer):
    for history in (
        [*OPENING, acted(5, call(command), text=thought), result(5, answer)],
        [*V1_OPENING, v1_call("a", [thought], command=command), v1_result("a", answer)],
    ):
        trajectory = read(FORM, {"history": history})
        assert replay(trajectory) == [("said", thought), ("answer", answer)]
        native = json.loads(trajectory.steps[0].call)
        assert json.loads(native.get("function", native)["arguments"]) == {"command": command}
