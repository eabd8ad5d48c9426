"""Tool calls as text, the same for an expert's source and for a model's message."""

from __future__ import annotations

import pytest

from treadle.data.sources.agents.calls import render
from treadle.scoring.calls import parsed_call_text


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
