"""OpenAI-style tool calls: rendering, several calls a turn, broken calls, real rows put together again."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, replay, row, sample, spoken
from treadle.data.sources.agents import fenced, mini_swe_agent, openhands, swe_agent, xml_calls
from treadle.data.sources.agents.calls import read_call, render, with_tools
from treadle.data.sources.agents.tool_calls import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

HOW = (
    "You can call these functions, in this form:\n\n<function=NAME>\n<parameter=KEY>VALUE</parameter>\n</function>\n\n"
)
EARLIER = (swe_agent.FORM, openhands.FORM, mini_swe_agent.FORM)


def call(arguments='{"command": "ls"}', name="bash", **more):
    return {"function": {"name": name, "arguments": arguments}, "type": "function", **more}


def chat(*turns, **more):
    """A row of turns `(content, calls, answers)`; an answer is a text or a text with the id of its call."""
    messages = [{"role": "system", "content": "rules"}, {"role": "user", "content": "problem"}]
    for content, calls, answers in turns:
        messages.append({"role": "assistant", "content": content, "tool_calls": calls})
        for answer in answers:
            text, i = answer if isinstance(answer, tuple) else (answer, None)
            messages.append({"role": "tool" if i else "user", "content": text, "tool_call_id": i})
    return {"messages": messages, **more}


def test_a_trajectory_by_hand():
    data = chat(
        ("I look.\n\n", [call(id="a")], [("out", "a")]),
        (None, [call('{"message": "done"}', "finish", id="b")], []),
        instance_id="python__mypy-15976_0",
        resolved=True,
    )
    trajectory = read(FORM, data)
    first, last = trajectory.steps
    assert first.action == "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    assert (first.thought, first.before, first.after, first.text) == ("I look.", "\n\n", "", "I look.\n\n")
    assert (first.observation, json.loads(first.call)) == ("out", call(id="a"))
    assert (last.thought, last.text, last.observation) == (None, "", None)
    assert (trajectory.problem, trajectory.system, trajectory.repo) == ("problem", "rules", "python/mypy")
    assert trajectory.verified is True


def test_rendering_of_values():
    arguments = {"a": "x", "b": "two\nlines", "c": [790, 800], "d": True, "e": None, "f": {"k": "é"}, "g": ""}
    assert render("edit", arguments) == (
        "<function=edit>\n"
        "<parameter=a>x</parameter>\n"
        "<parameter=b>\ntwo\nlines\n</parameter>\n"
        "<parameter=c>[790, 800]</parameter>\n"
        "<parameter=d>true</parameter>\n"
        "<parameter=e>null</parameter>\n"
        '<parameter=f>{"k": "é"}</parameter>\n'
        "<parameter=g></parameter>\n"
        "</function>"
    )
    assert render("submit", {}) == "<function=submit>\n</function>"


@pytest.mark.parametrize("none", ["", " ", "{}", "null", None, {}])
def test_no_arguments(none):
    assert read_call(call(none, "submit"), "turn 1") == ("submit", {})


def test_arguments_as_an_object():
    assert read_call(call({"command": "ls", "path": None}), "turn 1") == ("bash", {"command": "ls"})
    assert read_call({"name": "bash", "arguments": '{"x": null}'}, "turn 1") == ("bash", {"x": None})


@pytest.mark.parametrize(
    "broken",
    [
        {},
        None,
        "bash",
        call(name=""),
        call(name=None),
        call(name=" "),
        call("{"),
        call('{"command": "ls"'),
        call("[1]"),
        call("3"),
        call([1]),
        call("[" * 5000),
        call("1" * 5000),
        {"function": {"name": "bash", "argument": "ls"}},
        {"function": None},
    ],
)
def test_broken_calls(broken):
    assert reason(FORM, chat(("x", [broken], ["out"]))) == DropReason.BROKEN_CALL


def test_several_calls_of_a_turn_are_steps_of_their_own():
    calls = [call(id="a"), call('{"command": "pwd"}', id="b"), call("", "submit", id="c")]
    data = chat(
        ("I look.", calls, [("two", "b"), ("one", "a"), ("three", "c"), "and a user"]),
        ("", [call(id="d")], [("out", "d")]),
    )
    trajectory = read(FORM, data)
    assert trajectory.meta["calls_per_turn"] == [3, 1]
    assert [step.thought for step in trajectory.steps] == ["I look.", None, None, None]
    assert [parts_of(trajectory, k) for k in range(4)] == [["one"], ["two"], ["three", "and a user"], ["out"]]
    assert [json.loads(step.call)["id"] for step in trajectory.steps] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("calls", "answers", "seen"),
    [
        ([call(id="a"), call(id="b")], [("out", "a")], "2 calls, of which 1 have a result"),
        ([call(id="a"), call(id="b")], ["out"], "2 calls and 1 results"),
        ([call(id="a"), call(id="b")], [], "2 calls and 0 results"),
        ([call(), call()], ["1", "2", "3"], "2 calls and 3 results"),
        ([call(id="a"), call(id="a")], [("out", "a")], "2 calls and 1 results"),
    ],
)
def test_several_calls_without_results_of_their_own(calls, answers, seen):
    with pytest.raises(Rejected, match=seen) as caught:
        FORM.read(row(chat(("x", calls, answers), ("y", [call(id="c")], [("z", "c")]))), ReadOptions())
    assert caught.value.reason == DropReason.SEVERAL_ACTIONS


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("a", "a"), (["a"], {}), ("a", None)])
@pytest.mark.parametrize("answering", [(None, None), ("", ""), ("a", "a")])
def test_as_many_results_as_calls_are_paired_in_order(ids, answering):
    calls = [call(id=i) for i in ids]
    messages = chat(("x", calls, []))["messages"]
    messages += [{"role": "tool", "content": t, "tool_call_id": i} for t, i in zip("12", answering, strict=True)]
    messages.append({"role": "user", "content": "and a user"})
    trajectory = read(FORM, {"messages": messages})
    assert [parts_of(trajectory, k) for k in range(2)] == [["1"], ["2", "and a user"]]


def test_ids_that_are_numbers():
    messages = chat(("x", [call(id=1), call(id=2)], []))["messages"]
    messages += [{"role": "tool", "content": f"of {i}", "tool_call_id": i} for i in (2, 1)]
    assert [step.observation for step in read(FORM, {"messages": messages}).steps] == ["of 1", "of 2"]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        '["one", "two"]',
        '[{"tool_call_id": "b", "content": "two"}, {"tool_call_id": "a", "content": "one"}]',
    ],
)
def test_one_message_with_the_results_of_all_calls(content):
    messages = chat(("x", [call(id="a"), call(id="b")], []))["messages"]
    data = {"messages": [*messages, {"role": "tool", "content": content}]}
    assert [step.observation for step in read(FORM, data).steps] == ["one", "two"]


def test_one_result_of_several_calls_follows_the_last_of_them():
    messages = chat(("x", [call(id="a"), call(id="b"), call(id="c")], [("3", "c")]))["messages"]
    messages.append({"role": "tool", "content": "both", "tool_call_ids": ["a", "b"]})
    assert [step.observation for step in read(FORM, {"messages": messages}).steps] == [None, "both", "3"]


def test_the_last_call_of_a_run_may_lack_a_result():
    steps = read(FORM, chat(("x", [call(id="a"), call(id="b", name="finish")], [("out", "a")]))).steps
    assert [step.observation for step in steps] == ["out", None]


@pytest.mark.parametrize("ids", [("a", "b"), (None, None)])
def test_calls_of_one_response_in_messages_of_their_own(ids):
    messages = chat(("one", [call(id=ids[0])], []), ("two", [call(id=ids[1])], []))["messages"]
    messages += [{"role": "tool", "content": t, "tool_call_id": i} for t, i in zip("12", ids, strict=True)]
    steps = read(FORM, {"messages": messages}).steps
    assert [(step.thought, step.observation) for step in steps] == [("one", "1"), ("two", "2")]


def test_calls_and_arguments_as_text():
    function = {"name": "bash", "arguments": '{"command": "ls"}'}
    for calls in (
        json.dumps([{"function": function}]),
        str([{"function": function}]),
        json.dumps({"function": function}),
        [json.dumps({"function": function})],
        [{"function": json.dumps(function)}],
        [{"function": {"name": "bash", "arguments": "{'command': 'ls'}"}}],
        [{"function": {"name": "bash", "arguments": json.dumps(json.dumps({"command": "ls"}))}}],
    ):
        data = chat(("x", calls, ["out"]), ("Done.", "[]", []))
        trajectory = read(FORM, data)
        assert [step.action for step in trajectory.steps] == [render("bash", {"command": "ls"})]
        assert trajectory.meta["epilogue"] == "Done."


def test_turns_without_call():
    turn = ("x", [call(id="a")], [("out", "a")])
    assert read(FORM, chat(turn, ("just talk", None, []))).meta["epilogue"] == "just talk"
    assert reason(FORM, chat(turn, ("just talk", None, [("a result", "a")]), turn)) == DropReason.TURN_WITHOUT_ACTION
    assert reason(FORM, chat(("talk", "calls", ["x"]))) == DropReason.MALFORMED
    assert reason(FORM, {"messages": chat(turn)["messages"][2:]}) == DropReason.EMPTY_PROBLEM


def test_prose_and_then_the_call_in_a_second_message():
    data = chat(("I look.", None, []), ("", [call(id="a")], [("out", "a")]), ("It is", None, []), ("done.", None, []))
    trajectory = read(FORM, data)
    assert [step.thought for step in trajectory.steps] == ["I look."]
    assert trajectory.meta["epilogue"] == "It is\n\ndone."
    assert replay(trajectory) == spoken(data["messages"])


def test_a_broken_call_that_a_harness_refused_is_no_step():
    turn = ("x", [call(id="a")], [("out", "a")])
    refusal = "Error parsing tool call arguments: Expecting value."
    trajectory = read(FORM, chat(turn, ("y", [call("{", id="b")], [(refusal, "b")]), turn))
    assert trajectory.meta["talk"] == [[1, "y", refusal]]


def test_the_older_function_call():
    old = {"name": "bash", "arguments": '{"command": "ls"}'}
    data = chat(("x", None, ["out"]))
    data["messages"][2]["function_call"] = old
    (step,) = read(FORM, data).steps
    assert (step.action, json.loads(step.call)) == (render("bash", {"command": "ls"}), old)


def test_swe_smiths_tool_split():
    """Messages as JSON text, results that name the ids of their calls in a list, thoughts beside the content."""
    messages = [
        {"role": "system", "content": "rules", "agent": "main", "message_type": "system_prompt"},
        {"role": "user", "content": [{"type": "text", "text": "problem"}], "message_type": "observation"},
        {"role": "assistant", "content": "I look.", "thought": "I look.", "action": "ls", "tool_calls": [call(id="a")]},
        {"role": "tool", "content": [{"type": "text", "text": "OBSERVATION:\nout"}], "tool_call_ids": ["a"]},
    ]
    data = {"messages": json.dumps(messages), "instance_id": "a__b.1d70d009.lm__x", "traj_id": "t", "resolved": True}
    assert not any(form.matches(row(data)) for form in EARLIER)
    trajectory = read(FORM, data)
    assert (trajectory.id, trajectory.repo, trajectory.problem) == ("t", "a/b", "problem")
    assert trajectory.steps[0].observation == "OBSERVATION:\nout"


def test_swe_rebench():
    messages = chat(("x", [call(id="a")], [("out", "a")]))["messages"]
    data = {
        "trajectory_id": "r",
        "instance_id": "a__b-1",
        "trajectory": messages,
        "resolved": 1,
        "exit_status": "submit",
    }
    assert not any(form.matches(row(data)) for form in EARLIER)
    trajectory = read(FORM, data)
    assert (trajectory.id, trajectory.verified, len(trajectory.steps)) == ("r", True, 1)


def test_tools_follow_the_system_text():
    tool = {
        "type": "function",
        "function": {
            "name": "bash",
            "description": "Run it.",
            "parameters": {
                "properties": {
                    "command": {"type": "string", "description": "What to run.", "enum": None},
                    "mode": {"type": "string", "enum": ["a", "b"]},
                    "absent": None,
                },
                "required": ["command"],
            },
        },
    }
    described = (
        HOW + "bash: Run it.\nParameters:\n- command (string, required): What to run.\n"
        '- mode (string, optional): no description One of ["a", "b"].\n\nsubmit: no description\nParameters: none'
    )
    tools = [tool, {"name": "submit"}, {"type": "function"}, None, 3]
    data = chat(("x", [call()], ["out"]), tools=json.dumps(tools))
    assert read(FORM, data).system == "rules\n\n" + described
    assert with_tools(None, tools) == described
    for nothing in (None, [], "x", [{}], 3):
        assert with_tools("rules", nothing) == "rules"
    assert with_tools("---- BEGIN FUNCTION #1: bash ----", tools) == "---- BEGIN FUNCTION #1: bash ----"


def test_swe_gyms_rows_put_together_again(data):
    rows = sample(data / "trajectories" / "swe_gym_openhands.jsonl")
    counts = []
    for each in rows:
        assert not any(form.matches(each) for form in EARLIER)
        trajectory = read(FORM, each.data)
        counts.append(len(trajectory.steps))
        assert replay(trajectory) == spoken(each.data["messages"])
        calls = [c for m in each.data["messages"] for c in m["tool_calls"] or ()]
        assert [json.loads(step.call) for step in trajectory.steps] == calls
        assert trajectory.verified is True
        assert len(trajectory.meta["talk"]) == 2
    assert counts == [21, 9]


def test_completion_logs_put_together_again(data):
    counts = []
    for path in sorted((data / "trajectories" / "openhands_sdk").glob("llm-logs*.json")):
        (each,) = sample(path)
        assert not any(form.matches(each) for form in EARLIER)
        trajectory = read(FORM, each.data)
        counts.append(len(trajectory.steps))
        final = each.data["response"]["choices"][0]["message"]
        assert replay(trajectory) == spoken([*each.data["messages"], final])
        assert json.loads(trajectory.steps[-1].call) == final["tool_calls"][0]
        assert trajectory.system.startswith(each.data["messages"][0]["content"][0]["text"] + "\n\nYou can call")
    assert counts == [1, 6]


def test_the_rendering_is_openhands_own(data):
    """Logs of calls that were sent as text hold each call both ways: OpenHands' own rendering is the reference."""
    compared = 0
    for path in sorted((data / "trajectories" / "openhands_sdk").glob("nonfncall*.json")):
        log = json.loads(path.read_text())
        for native, text in zip(log["raw_messages"], log["messages"], strict=True):
            for each in native.get("tool_calls") or ():
                assert text["content"].endswith("\n\n" + render(*read_call(each, "turn")))
                compared += 1
    assert compared == 3


def test_the_rendering_is_swe_smiths_own(data):
    """A call of SWE-smith's XML, taken apart by the expressions that SWE-agent reads it with, is rendered as it was."""
    compared = 0
    for name in ("swe_smith_messages.jsonl", "swe_smith_xml.jsonl"):
        for each in sample(data / "trajectories" / name):
            for message in each.data["messages"]:
                if message["role"] != "assistant":
                    continue
                function = re.search(r"<function=([^>]+)>\n(.*?)</function>", message["content"], re.DOTALL)
                found = re.findall(r"<parameter=([^>]+)>(.*?)</parameter>", function[2], re.DOTALL)
                values = {key: re.sub(r"^\n|\n$", "", value) for key, value in found}
                values = {k: json.loads(v) if k == "view_range" else v for k, v in values.items()}
                assert render(function[1], values) == function[0]
                compared += 1
    assert compared == 137


@given(
    prose=st.none() | st.text(),
    name=st.text(min_size=1).filter(str.strip),
    arguments=st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.booleans())),
    answer=st.text(),
)
def test_any_call_is_kept_byte_for_byte(prose, name, arguments, answer):
    text = json.dumps(arguments)
    (step,) = read(FORM, chat((prose, [call(text, name)], [answer]))).steps
    assert step.text == (prose or "")
    assert step.observation == answer
    assert json.loads(step.call)["function"] == {"name": name, "arguments": text}
    assert step.thought is None or step.thought == (prose or "").rstrip()


def test_logs_of_calls_sent_as_text_are_left_to_the_other_form():
    log = {
        "messages": [{"role": "user", "content": "problem"}],
        "raw_messages": [{"role": "user", "content": "problem"}],
        "response": {"choices": [{"message": {"content": "x", "tool_calls": [call()]}}]},
    }
    assert not FORM.matches(row(log))
    (step,) = read(xml_calls.FORM, log).steps
    assert step.action == render("bash", {"command": "ls"})
    del log["raw_messages"]
    assert FORM.matches(row(log))
    assert not fenced.FORM.matches(row(log))


def test_a_value_too_deep_for_json_is_a_reason_and_no_crash():
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(Rejected):
        render("f", {"a": deep})
    assert reason(FORM, chat(("x", [call({"a": deep})], ["out"]))) == DropReason.BROKEN_CALL


def test_results_are_paired_by_the_names_of_tools_where_nothing_else_tells():
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call("", "f"), call("", "g")]}]
    messages += [{"role": "tool", "name": name, "content": f"of {name}"} for name in ("g", "f")]
    first, second = read(FORM, {"messages": messages}).steps
    assert (first.observation, second.observation) == ("of f", "of g")


def test_a_result_that_comes_late_belongs_to_its_call():
    data = chat(("x", [call(id="a")], []), ("I wait.", None, [("of a", "a")]), ("y", [call(id="b")], [("of b", "b")]))
    first, second = read(FORM, data).steps
    assert (first.observation, second.observation) == ("of a", "of b")
    assert second.thought == "I wait.\n\ny"


@pytest.mark.parametrize(
    "spelled",
    [
        {"id": "1", "type": "function", "function": "bash", "arguments": {"command": "ls"}},  # inspect_ai
        {"name": "bash", "parameters": {"command": "ls"}},
        {"name": "bash", "args": {"command": "ls"}, "id": "1", "type": "tool_call"},
        {"tool": "bash", "input": '{"command": "ls"}'},
    ],
)
def test_spellings_of_a_call(spelled):
    assert read_call(spelled, "turn 1") == ("bash", {"command": "ls"})


def test_a_call_of_nothing_but_its_name_has_no_arguments():
    assert read_call({"id": "1", "type": "function", "function": {"name": "finish"}}, "turn 1") == ("finish", {})


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        ({"output": "a.py", "exit_code": 0}, None, '{"output": "a.py", "exit_code": 0}'),
        ([{"title": "x"}, {"title": "ä"}], None, '[{"title": "x"}, {"title": "ä"}]'),
        (4, None, "4"),
        ("", {"type": "timeout", "message": "timed out"}, "timed out"),
        (None, "refused", "refused"),
        ("out", {"message": "timed out"}, "out"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None, "ab"),
    ],
)
def test_results_that_are_no_text(content, error, text):
    data = chat(("x", [call(id="a")], []))
    data["messages"].append({"role": "tool", "tool_call_id": "a", "content": content, "error": error})
    assert read(FORM, data).steps[0].observation == text


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "I look."}]},
        {"content": [{"type": "reasoning", "reasoning": "why"}, {"type": "text", "text": "I look."}]},
        {"content": "I look.", "thinking": "why"},
        {"content": "I look.", "thinking_blocks": [{"type": "thinking", "thinking": "why", "signature": "s"}]},
        {"content": "I look.", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"content": "I look.", "reasoning": {"summary": [{"text": "why"}]}},
    ],
)
def test_reasoning_beside_the_text(message):
    data = chat(("I look.", [call(id="a")], [("out", "a")]))
    data["messages"][2] |= message
    (step,) = read(FORM, data).steps
    assert step.thought == "why\n\nI look."


def test_a_boxed_answer_in_the_last_words_is_compared():
    turns = (("x", [call(id="a")], [("4", "a")]), ("So it is \\boxed{4}.", None, []))
    assert read(FORM, chat(*turns, answer="4")).verified is True
    assert read(FORM, chat(*turns, answer="5")).verified is False
    assert read(FORM, chat(*turns)).verified is None
