"""Thoughts in tags in agents' turns: parted off, put back, told from tags that an agent writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, replay, spoken
from tests.data.sources.agents.test_tool_calls import call
from tests.data.sources.agents.test_tool_calls import chat as call_chat
from tests.data.sources.agents.test_xml_calls import LS, chat
from treadle.data.sources.agents import fenced, tool_calls, xml_calls
from treadle.data.sources.agents.turn_thoughts import tagged, thought_end, untagged

BASH = "```bash\nls\n```"


@pytest.mark.parametrize(
    ("before", "thought"),
    [
        ("<think>\nI use ls.\n</think>\n\nI list.\n\n", "I use ls.\n\nI list."),
        ("<think>\nI use ls.\n</think>\n\n", "I use ls."),
        ("<think>\n\n</think>\n\n", None),
        ("<think>a</think>\n<think>b</think>\n", "a\n\nb"),
        ("<Thought>a</Thought>\n", "a"),
        ("<thinking>\na\n</thinking>\nb\n", "a\n\nb"),
        ("[THINK]a[/THINK]", "a"),
        ("<|begin_of_thought|>a<|end_of_thought|>\n\n<|begin_of_solution|>\n", "a"),
        ("I use ls.\n</think>\n\n", "I use ls."),
        ("I look.\n<think>\na\n</think>\n", "I look.\n\na"),
        ("<think>\nI use ls.\n\n", "I use ls."),
    ],
)
@pytest.mark.parametrize(("form", "action"), [(fenced.FORM, BASH), (xml_calls.FORM, LS)], ids=["fenced", "xml"])
def test_a_thought_has_no_tags(before, thought, form, action):
    data = chat((before + action, "<output>3</output>"), ("Done.",))
    trajectory = read(form, data)
    assert [step.thought for step in trajectory.steps] == [thought]
    assert trajectory.steps[0].action == (LS if action == LS else "ls")
    assert replay(trajectory) == spoken(data["messages"])


@pytest.mark.parametrize(("form", "action"), [(fenced.FORM, BASH), (xml_calls.FORM, LS)], ids=["fenced", "xml"])
@pytest.mark.parametrize("opening", ["<think>\n", ""])
def test_what_is_only_thought_of_is_no_action(form, action, opening):
    other = action.replace("ls", "rm x")
    data = chat((f"{opening}Perhaps\n{other}\nNo.\n</think>\n\n{action}", "<output>3</output>"))
    (step,) = read(form, data).steps
    assert step.action == (LS if action == LS else "ls")
    assert other in step.thought


@pytest.mark.parametrize(
    "said",
    [
        "I fix it.\n```bash\ngrep '<think>' f | sed 's#</think>##'\n```",
        "I fix it.\n```bash\nsed 's#</think>##' f\n```",
        "The tag `</think>` is not read.\n```bash\nls\n```",
        "I write <think> tags.\n```bash\nls\n```",
    ],
)
def test_tags_that_are_spoken_of_or_written_are_none(said):
    (step,) = read(fenced.FORM, chat((said, "<output>3</output>"))).steps
    assert step.text == said
    assert step.thought == said.partition("\n")[0]


def test_reasoning_apart_from_the_text_begins_the_thought():
    data = call_chat(("I list.", [call(id="a")], [("out", "a")]))
    data["messages"][2]["reasoning_content"] = "I use ls.\n"
    trajectory = read(tool_calls.FORM, data)
    assert trajectory.steps[0].thought == "I use ls.\n\nI list."
    assert trajectory.meta["reasoning"] == {"0": "I use ls.\n"}
    assert replay(trajectory) == spoken(data["messages"])
    data["messages"][2]["content"] = "<think>\nI use ls.\n</think>\n\nI list."
    both = read(tool_calls.FORM, data)
    assert both.steps[0].thought == "I use ls.\n\nI list."
    assert "reasoning" not in both.meta
    assert replay(both) == spoken(data["messages"])


PIECES = ["<think>", "</think>", "\n", " ", "a", "```", "\n```\n", "<Thought>", "</Thought>", "`", "<parameter=x>"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_tags_can_be_put_back(text):
    clean, cuts = untagged(text)
    assert tagged(clean, cuts) == text
    assert tagged(clean + "more", cuts) == text + "more"
    assert 0 <= thought_end(text) <= len(text)
