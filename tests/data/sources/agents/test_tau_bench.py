"""tau-bench's and tau2's conversations: words to the user are actions; put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, row
from treadle.data.sources import registry
from treadle.data.sources.agents.tau_bench import FORM

GET = "<function=get_order>\n<parameter=id>7</parameter>\n</function>"


def respond(text):
    return f"<function=respond>\n<parameter=content>{text}</parameter>\n</function>"


def call(i="c1"):
    return {"id": i, "type": "function", "function": {"name": "get_order", "arguments": '{"id": 7}'}}


def said(text=None, *calls):
    return {"role": "assistant", "content": text, "tool_calls": list(calls) or None}


def user(text):
    return {"role": "user", "content": text}


def tool(text, i="c1"):
    return {"role": "tool", "tool_call_id": i, "name": "get_order", "content": text}


def traj(*messages, **more):
    opening = [{"role": "system", "content": "policy"}, user("Cancel order 7")]
    info = {"task": {"user_id": "u", "instruction": "hidden"}}
    return {"task_id": 3, "reward": 1.0, "info": info, "traj": [*opening, *messages], "trial": 0, **more}


def test_a_conversation_by_hand():
    data = traj(said(None, call()), tool("open"), said("Shall I?"), user("yes"), said("Done."), user("###STOP###"))
    trajectory = read(FORM, data)
    assert [(step.action, step.observation) for step in trajectory.steps] == [
        (GET, "open"),
        (respond("Shall I?"), "yes"),
        (respond("Done."), "###STOP###"),
    ]
    assert json.loads(trajectory.steps[1].call) == {"name": "respond", "arguments": {"content": "Shall I?"}}
    assert (trajectory.problem, trajectory.verified, trajectory.id) == ("Cancel order 7", True, "file.3.0")
    assert trajectory.system.startswith("policy\n\nTo speak to the user")
    assert "hidden" not in trajectory.system
    assert registry.detect(row(data)).name == "tau-bench"


@pytest.mark.parametrize(("reward", "verified"), [(1.0, True), (0.0, False), (1, True), (None, None)])
def test_what_the_reward_says(reward, verified):
    assert read(FORM, traj(said("Hi"), user("x"), reward=reward)).verified is verified


def test_the_first_of_several_calls_is_carried_out():
    trajectory = read(FORM, traj(said("I look.", call("a"), call("b")), tool("open", "a")))
    assert [(step.action, step.thought, step.observation) for step in trajectory.steps] == [(GET, "I look.", "open")]


def test_turns_in_text():
    text = 'Thought:\nI look.\nAction:\n{"name": "get_order", "arguments": {"id": 7}}'
    trajectory = read(
        FORM, traj(said(text), user("API output: open"), said("Thought:\nx\nAction:\nHello"), user("bye"))
    )
    first, second = trajectory.steps
    assert (first.action, first.thought, first.call) == (GET, "Thought:\nI look.", text[text.index("{") :])
    assert second.action.startswith("<function=respond>")


def test_tau2_greets_and_hides_the_tools_of_the_user():
    messages = [
        said("Hi! How can I help?"),
        user("No signal."),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "name": "get_order", "arguments": {"id": 7}}],
        },
        {"role": "tool", "id": "a", "content": "open", "requestor": "assistant"},
        said("Toggle the phone's airplane mode."),
        {"role": "user", "content": None, "tool_calls": [{"id": "u", "name": "toggle", "arguments": {}}]},
        {"role": "tool", "id": "u", "content": "on", "requestor": "user"},
        user("It works."),
    ]
    data = {
        "id": "sim",
        "task_id": "t",
        "messages": messages,
        "reward_info": {"reward": 1.0},
        "termination_reason": "user_stop",
    }
    trajectory = read(FORM, data)
    assert [(step.action, step.observation) for step in trajectory.steps] == [
        (GET, "open"),
        (respond("Toggle the phone's airplane mode."), "It works."),
    ]
    assert (trajectory.problem, trajectory.meta["preamble"]) == ("No signal.", "Hi! How can I help?")
    assert (trajectory.id, trajectory.verified) == ("sim", True)
    assert trajectory.meta["passed"] == {"messages of the user's own tools": 2}


WORDS = st.text(min_size=1).filter(str.strip).filter(lambda text: "Action:" not in text)


@given(st.lists(st.tuples(WORDS, st.text()), min_size=1, max_size=4))
def test_words_and_replies_put_together_are_the_source(turns):
    messages = [message for words, reply in turns for message in (said(words), user(reply))]
    trajectory = read(FORM, traj(*messages))
    found = [(json.loads(step.call)["arguments"]["content"], step.observation) for step in trajectory.steps]
    assert found == turns
