"""Messages of LangChain in its three serialisations, and an executor's intermediate steps."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.langchain import FORM
from treadle.data.sources.report import DropReason

CALL = {"name": "search", "args": {"q": "Bonn"}, "id": "c1", "type": "tool_call"}
TEXT = "<function=search>\n<parameter=q>Bonn</parameter>\n</function>"
CLASSES = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage", "system": "SystemMessage"}


def state(kind, content, **more):
    return {"type": kind, "content": content, "additional_kwargs": {}, "response_metadata": {}, "name": None, **more}


def as_dict(kind, content, **more):
    return {"type": kind, "data": state(kind, content, **more)}


def constructed(kind, content, **more):
    path = ["langchain", "schema", "messages", CLASSES[kind]]
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": {"content": content, **more}}


def run(message):
    return [
        message("system", "rules"),
        message("human", "Weather?"),
        message("ai", "I search.", tool_calls=[CALL]),
        message("tool", "9", tool_call_id="c1"),
        message("ai", "It is 9."),
    ]


@pytest.mark.parametrize("message", [state, as_dict, constructed])
@pytest.mark.parametrize("wrap", [dict, lambda **data: {"values": data}, lambda **data: {"output": data}])
def test_the_same_run_in_each_serialisation(message, wrap):
    data = wrap(messages=run(message))
    trajectory = read(FORM, data)
    (step,) = trajectory.steps
    assert (step.action, step.thought, step.observation, json.loads(step.call)) == (TEXT, "I search.", "9", CALL)
    assert (trajectory.system, trajectory.problem, trajectory.meta["epilogue"]) == ("rules", "Weather?", "It is 9.")
    assert registry.detect(row(data)).name == "langchain"


def test_messages_as_json_text():
    assert read(FORM, {"messages": json.dumps(run(state))}).steps[0].action == TEXT


def test_parallel_calls_and_parts_of_another_provider():
    parts = [{"type": "text", "text": "Twice."}, {"type": "tool_use", "id": "a", "name": "search", "input": {}}]
    calls = [CALL | {"id": "a"}, CALL | {"id": "b"}]
    messages = [state("human", "x"), state("ai", parts, tool_calls=calls)]
    messages += [state("tool", "2", tool_call_id="b"), state("tool", "1", tool_call_id="a")]
    trajectory = read(FORM, {"messages": messages})
    assert [step.observation for step in trajectory.steps] == ["1", "2"]
    assert trajectory.steps[0].thought == "Twice."


def test_calls_of_additional_kwargs():
    call = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q": "Bonn"}'}}
    messages = [state("human", "x"), state("ai", "") | {"additional_kwargs": {"tool_calls": [call]}}]
    (step,) = read(FORM, {"messages": [*messages, state("tool", "9", tool_call_id="c1")]}).steps
    assert (step.action, json.loads(step.call)) == (TEXT, call)


def test_intermediate_steps_by_hand():
    action = {
        "tool": "search",
        "tool_input": {"q": "Bonn"},
        "log": 'Thought: I search.\nAction: search\nAction Input: "x"',
    }
    data = {"input": "Weather?", "output": "It is 9.", "intermediate_steps": [[action, "9"]]}
    trajectory = read(FORM, data)
    (step,) = trajectory.steps
    assert (step.action, step.thought, step.observation) == (TEXT, "Thought: I search.", "9")
    assert (trajectory.problem, trajectory.meta["epilogue"], json.loads(step.call)) == ("Weather?", "It is 9.", action)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"tool": "search", "tool_input": "Bonn", "log": ""}, TEXT.replace("=q>", "=input>")),
        ({"tool": "search", "tool_input": '{"q": "Bonn"}', "log": "\nInvoking: `search`\n"}, TEXT),
        ({"lc": 1, "id": ["AgentAction"], "kwargs": {"tool": "search", "tool_input": {"q": "Bonn"}}}, TEXT),
        (["search", '{"q": "Bonn"}', "Thought: x\nAction: search"], TEXT),
        ({"tool": "now", "tool_input": "", "log": ""}, "<function=now>\n</function>"),
    ],
)
def test_actions_of_intermediate_steps(action, expected):
    (step,) = read(FORM, {"input": "x", "intermediate_steps": [[action, {"t": 9}]]}).steps
    assert (step.action, step.observation) == (expected, '{"t": 9}')


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"messages": [state("human", "x"), {"type": "picture", "content": ""}]}, DropReason.MALFORMED),
        ({"messages": [state("human", "x"), state("ai", "words")]}, DropReason.NO_ACTIONS),
        ({"input": "x", "intermediate_steps": [["AgentAction(tool='a')", "9"]]}, DropReason.MALFORMED),
        ({"input": "x", "intermediate_steps": [[{"tool_input": {}}, "9"]]}, DropReason.BROKEN_CALL),
    ],
)
def test_what_cannot_be_used_is_dropped(data, expected):
    assert reason(FORM, data) == expected


WORDS = st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4))
def test_text_call_and_result_put_together_are_the_source(turns):
    messages = [state("human", "x")]
    for said, query, answer in turns:
        call = {"name": "search", "args": {"q": query}, "id": "c"}
        messages += [state("ai", said, tool_calls=[call]), state("tool", answer, tool_call_id="c")]
    steps = read(FORM, {"messages": messages}).steps
    assert [(s.text, json.loads(s.call)["args"]["q"], s.observation) for s in steps] == turns


def test_calls_that_could_not_be_parsed_did_nothing():
    invalid = {"name": "w", "args": '{"c": ', "id": "1", "error": "cut"}
    call = {"name": "w", "args": {"c": "B"}, "id": "2"}
    messages = [
        {"type": "human", "content": "x"},
        {"type": "ai", "content": "", "tool_calls": [], "invalid_tool_calls": [invalid]},
        {"type": "tool", "content": "invalid arguments", "tool_call_id": "1"},
        {"type": "ai", "content": "", "tool_calls": [call]},
        {"type": "tool", "content": "9", "tool_call_id": "2"},
    ]
    trajectory = read(FORM, {"messages": messages})
    assert (len(trajectory.steps), trajectory.meta["talk"]) == (1, [[0, "", "invalid arguments"]])
