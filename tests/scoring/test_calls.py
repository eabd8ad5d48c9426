"""Tool calls as text, the same for an expert's source and for a model's message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.sources.agents.calls import render
from treadle.scoring.calls import call_text, calls_of, parsed_call_text


@pytest.mark.parametrize(
    "arguments", [{}, {"cmd": "ls", "n": 3, "on": True}, {"text": "a\nb", "range": [1, 2], "none": None, "é": "ü"}]
)
def test_a_models_call_is_written_like_an_experts(arguments):
    call = {"type": "function", "function": {"name": "run", "arguments": arguments}}
    assert parsed_call_text(call) == render("run", arguments)
    assert parsed_call_text(call["function"]) == render("run", arguments)


def test_by_hand():
    call = {"function": {"name": "edit", "arguments": '{"path": "a.py", "lines": [1, 2], "text": "x\\ny"}'}}
    assert parsed_call_text(call) == (
        "<function=edit>\n<parameter=path>a.py</parameter>\n<parameter=lines>[1, 2]</parameter>\n"
        "<parameter=text>\nx\ny\n</parameter>\n</function>"
    )


def test_a_call_of_another_shape_does_not_vanish():
    assert parsed_call_text({"tool": "run"}) == '{"tool": "run"}'
    assert parsed_call_text("run") == '"run"'
    text = parsed_call_text({"function": {"name": "run", "arguments": "not json"}})
    assert text == "<function=run>\n<parameter=arguments>not json</parameter>\n</function>"


VALUES = st.one_of(
    st.integers(), st.booleans(), st.none(), st.text(st.characters(exclude_characters="<\r\n"), max_size=20)
)
CALLS = st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.dictionaries(st.sampled_from("abc"), VALUES))


@given(st.lists(CALLS, min_size=1, max_size=3))
def test_calls_are_read_back(made):
    def text_of(value):
        return value if isinstance(value, str) else json.dumps(value)

    expected = [(name, tuple((key, text_of(value)) for key, value in arguments.items())) for name, arguments in made]
    rendered = "So.\n" + "\nthen\n".join(call_text(name, arguments) for name, arguments in made)
    as_json = "\n".join(
        f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>" for name, arguments in made
    )
    for text in (rendered, as_json):
        assert [(call.name, call.arguments) for call in calls_of(text)] == expected
    assert [call.text for call in calls_of(rendered)] == [call_text(name, arguments) for name, arguments in made]


def test_what_is_written_otherwise():
    (call,) = calls_of("<function=run>\n<parameter=a>1</parameter><parameter=a>2</parameter><parameter=b>never ends")
    assert call == ("run", (("a", "1"), ("a", "2")), call.text)
    assert not call.is_command
    two = list(calls_of('[{"name": "a", "arguments": {}}, {"function": {"name": "b", "parameters": {"x": [1]}}}]'))
    assert [(call.name, call.arguments) for call in two] == [("a", ()), ("b", (("x", "[1]"),))]
    assert list(calls_of('{"name": "a"} and {"name": 1} or {broken')) == [("a", (), "<function=a>\n</function>")]
    assert list(calls_of("In May she sold 24 clips.")) == []
