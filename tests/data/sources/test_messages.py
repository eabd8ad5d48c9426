"""Chat messages taken apart: roles, content, system text, problem, demonstration."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, row
from treadle.data.sources.agents.turns import Turn, assemble
from treadle.data.sources.messages import chat, completion, conversation_of, peek, split
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def test_a_conversation_by_hand():
    conversation = split(
        [
            message("system", "rules"),
            message("user", "problem"),
            message("assistant", "one"),
            message("tool", "out"),
            message("user", "more"),
            message("assistant", None),
        ]
    )
    assert (conversation.system, conversation.problem, conversation.meta) == ("rules", "problem", {})
    first, second = conversation.exchanges
    assert (first.number, first.message.text, [a.text for a in first.answers]) == (1, "one", ["out", "more"])
    assert (second.number, second.message.text, second.answers) == (2, "", [])


@pytest.mark.parametrize(
    "names",
    [
        ("system", "user", "assistant"),
        ("developer", "human", "gpt"),
        ("System", "User", "ai"),
        ("system", "prompter", "bot"),
    ],
)
def test_roles_of_other_tools(names):
    for keys in (("role", "content"), ("from", "value"), ("role", "text")):
        texts = ("rules", "problem", "one")
        conversation = split([{keys[0]: n, keys[1]: t} for n, t in zip(names, texts, strict=True)])
        assert (conversation.system, conversation.problem) == ("rules", "problem")
        assert [e.message.text for e in conversation.exchanges] == ["one"]


def test_text_parts_are_joined_as_they_are_and_can_be_taken_apart():
    parts = [{"type": "text", "text": "one "}, "two", {"type": "text", "text": "!"}]
    conversation = split([message("user", parts), message("assistant", parts[:1])])
    assert conversation.problem == "one two!"
    assert conversation.meta == {"content_parts": {"0": [4, 3, 1]}}


def test_empty_pieces_and_a_single_part():
    parts = [{"type": "text", "text": None, "image_url": None}, None, {"type": "text", "text": "x"}]
    conversation = split([message("user", {"type": "text", "text": "q"}), message("assistant", parts)])
    assert (conversation.problem, conversation.exchanges[0].message.text) == ("q", "x")


@pytest.mark.parametrize("role", ["tool", "function", "ipython", "environment", "observation", "tool_response"])
def test_roles_of_what_answers_an_agent(role):
    conversation = split([message("user", "q"), message("assistant", "a"), message(role, "r")])
    assert [answer.role for answer in conversation.exchanges[0].answers] == ["tool"]


def test_several_opening_messages_are_joined_by_a_blank_line():
    conversation = split([message("user", "a"), message("system", "s"), message("user", "bc"), message("system", "t")])
    assert (conversation.problem, conversation.system) == ("a\n\nbc", "s\n\nt")
    assert conversation.meta == {"problem_parts": [1, 2], "system_parts": [1, 1]}


def test_demonstrations_are_kept_apart():
    opening = "Here is a demonstration of how to correctly accomplish this task.\nIt is included ..."
    conversation = split(
        [
            message("user", "see", is_demo=True),
            message("assistant", "do", is_demo=True),
            message("user", opening),
            message("user", "problem"),
            message("assistant", "one"),
        ]
    )
    assert conversation.problem == "problem"
    assert conversation.meta == {"demonstration": ["see", "do", opening]}
    assert len(conversation.exchanges) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        message("narrator", "x"),
        message(None, "x"),
        message("user", 3),
        message("user", {"parts": ["x"]}),
        message("user", [{"type": "image_url", "image_url": {"url": "data:"}}]),
        message("assistant", [{"type": "tool_use", "name": "bash"}]),
        message("user", [3]),
    ],
)
def test_what_is_no_message_is_malformed(wrong):
    with pytest.raises(Rejected) as caught:
        split([message("user", "x"), wrong])
    assert caught.value.reason == DropReason.MALFORMED
    assert "message 1" in str(caught.value)


def test_columns_and_json_text():
    messages = [message("user", "x"), message("assistant", "y")]
    for column in ("messages", "conversations", "trajectory", "conversation", "dialogue"):
        assert chat({column: str(messages)}) == messages
        assert chat({column: {"role": ["user", "assistant"], "content": ["x", "y"]}}) == messages
        assert chat({column: messages}) == chat({column: " " + json.dumps(messages)}) == messages
    for value in (None, [], "[", "[1]", "{}", [1], [{}], 7, "x" * 200, "[" * 5000):
        assert chat({"messages": value}) is None
        assert list(peek({"messages": value})) == []
    with pytest.raises(Rejected) as caught:
        conversation_of({"messages": "[" * 5000})
    assert caught.value.reason == DropReason.MISSING_COLUMN


def test_the_response_of_a_completion_log_is_its_last_message():
    log = {
        "messages": [message("user", "x")],
        "response": {"choices": [{"finish_reason": "stop", "message": message("assistant", "y")}]},
    }
    assert [m["content"] for m in chat(log)] == ["x", "y"]
    raw = {"choices": [{"message": {"content": "<function=f>\n"}}]}
    assert completion(log | {"raw_response": raw})["content"] == "<function=f>\n"
    assert completion(log | {"raw_response": json.dumps(raw)})["content"] == "<function=f>\n"
    for response in (None, "text", {}, {"choices": []}, {"choices": [None]}, {"choices": [{"message": "y"}]}):
        assert chat(log | {"response": response}) == log["messages"]


def test_ids_of_trajectories():
    steps = [Step("ls", observation="out")]
    turns = [Turn("ls", steps, [["out"]])]

    def id_of(turns=turns, **data):
        return assemble(row(data), "problem", turns).id

    assert id_of() == "file-1"
    assert id_of(instance_id="a__b-1", id=7, traj_id="t") == "t"
    assert id_of(instance_id="a__b-1", id=7) == "7"
    assert id_of(instance_id="a__b-1", run_id="r") == "a__b-1.r"
    only = id_of(instance_id="a__b-1")
    assert only.startswith("a__b-1.")
    assert len(only) == len("a__b-1.") + 8
    assert only == id_of(instance_id="a__b-1")
    others = ([Step("ls -a")], [["out"]]), (steps, [["else"]]), ([Step("ls", before=" ")], [["out"]])
    assert len({only, *(id_of([Turn("", s, a)], instance_id="a__b-1") for s, a in others)}) == 4


def test_what_the_source_says_about_a_run():
    turns = [Turn("ls", [Step("ls")], [[]])]
    data = {"instance_id": "psf__requests-17", "info": {"exit_status": "submitted"}, "model": "m", "resolved": False}
    trajectory = assemble(row(data), "problem", turns, "rules", meta={"more": 1, "none": None})
    assert trajectory.meta == {"source": "file.jsonl, line 1", "model": "m", "exit_status": "submitted", "more": 1}
    assert (trajectory.repo, trajectory.verified, trajectory.system) == ("psf/requests", False, "rules")
    assert trajectory.domain == "agent"
    assert trajectory.steps[0].observation is None


def test_no_problem_and_no_action():
    act = Turn("ls", [Step("ls")], [[]])
    for turns, problem, reason in (
        ([], "p", DropReason.NO_ACTIONS),
        ([Turn("x", [], [[]])], "p", DropReason.NO_ACTIONS),
        ([act], " \n", DropReason.EMPTY_PROBLEM),
    ):
        with pytest.raises(Rejected) as caught:
            assemble(row({}), problem, turns)
        assert caught.value.reason == reason


@given(st.lists(st.lists(st.text(), max_size=4), min_size=1, max_size=5))
def test_joined_observations_can_be_taken_apart(answers):
    trajectory = assemble(row({}), "problem", [Turn("x", [Step("ls")], [texts]) for texts in answers])
    assert [parts_of(trajectory, k) for k in range(len(answers))] == answers
