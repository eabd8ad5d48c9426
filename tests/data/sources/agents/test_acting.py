"""Chats whose turns act in more than one way."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import read, replay, spoken
from tests.data.sources.agents.test_tool_calls import call
from tests.data.sources.agents.test_tool_calls import chat as call_chat
from tests.data.sources.agents.test_xml_calls import LS, chat
from treadle.data.sources.agents import tool_calls, xml_calls
from treadle.data.sources.agents.calls import render

SUBMIT = "<function=submit>\n</function>"


def actions(form, data):
    trajectory = read(form, data)
    assert replay(trajectory) == spoken(data["messages"])
    return [step.action for step in trajectory.steps]


@pytest.mark.parametrize("answer", ["<returncode>0</returncode>", "3"])
def test_a_call_in_text_ends_fenced_commands(answer):
    data = chat(("a\n\n```bash\nls\n```", answer), ("b\n\n```bash\npwd\n```", answer), (f"c\n\n{SUBMIT}",))
    assert actions(xml_calls.FORM, data) == ["ls", "pwd", SUBMIT]


def test_a_native_call_ends_calls_in_text():
    data = chat((LS, "OBSERVATION:\nout"), ("c",))
    data["messages"][-1]["tool_calls"] = [call("{}", "submit")]
    assert actions(tool_calls.FORM, data) == [LS, render("submit", {})]


def test_a_fenced_command_among_calls_counts_where_a_program_answered():
    turn, ls = ("x", [call(id="a")], [("out", "a")]), render("bash", {"command": "ls"})
    for answer in (("out", "b"), "OBSERVATION:\nout"):
        data = call_chat(turn, ("so\n```bash\npwd\n```", None, [answer]), turn)
        assert actions(tool_calls.FORM, data) == [ls, "pwd", ls]
    shown = call_chat(turn, ("For example:\n```python\nprint(1)\n```", None, ["Now count b."]), turn)
    assert "<function=respond>" in actions(tool_calls.FORM, shown)[1]
    assert len(actions(tool_calls.FORM, call_chat(turn, ("In short:\n```bash\nls\n```", None, [])))) == 1


def test_a_call_written_into_a_file_is_not_carried_out():
    write = f"cat > f <<E\n{LS}\nE"
    data = chat(("```bash\nls\n```", "<output>a</output>"), (f"```bash\n{write}\n```", "<output></output>"))
    assert actions(xml_calls.FORM, data) == ["ls", write]
    wrapped = chat((f"x\n```xml\n{LS}\n```", "OBSERVATION:\na"), (SUBMIT,))
    assert actions(xml_calls.FORM, wrapped) == [LS, SUBMIT]
