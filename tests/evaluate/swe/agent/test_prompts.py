import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.sources.agents.xml_blocks import step_of
from treadle.evaluate.swe.agent.prompts import NAMES, Call, CallFault, call_text, parse_call, system_text, task_text

DATA = Path(os.environ.get("TREADLE_DATA", "/nowhere")) / "trajectories/swe_smith_xml.jsonl"


@pytest.fixture(scope="module")
def rows():
    if not DATA.is_file():
        pytest.skip("needs TREADLE_DATA")
    return [json.loads(line)["messages"] for line in DATA.read_text().splitlines()]


def test_system_and_task_are_those_of_the_trajectories_to_the_letter(rows):
    for messages in rows:
        assert messages[0]["content"].rstrip("\n") == system_text()
        task = messages[1]["content"].rstrip("\n")
        issue = task.split("<pr_description>\n", 1)[1].rsplit("\n</pr_description>\n\nCan you", 1)[0]
        assert task == task_text(issue)


def test_every_call_of_the_trajectories_is_read_and_written_as_it_stands(rows):
    turns = [m["content"] for messages in rows for m in messages if m["role"] == "assistant"]
    calls = [parse_call(turn) for turn in turns if "<function=" in turn]
    assert len(calls) > 80
    assert {call.name for call in calls} == set(NAMES)
    for call in calls:
        assert call_text(call.name, **call.arguments) == call.text


def test_every_parameter_is_described_to_the_model():
    text = system_text()
    for name, parameters in NAMES.items():
        described = text.split(f": {name} ----")[1].split("---- END")[0]
        assert [f") {p} (" in described for p in parameters] == [True] * len(parameters)


def test_an_issue_with_braces_is_left_as_it_is():
    assert "{{ 7 * 7 }}{% x %}" in task_text("{{ 7 * 7 }}{% x %}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I give up.", "no function call was found"),
        ("", "no function call was found"),
        ("<function=bash>\n<parameter=command>ls", "not complete"),
        ("<function=submit>\n</function>\n<function=submit>\n</function>", "2 function calls"),
        ("<function=python>\n<parameter=code>1</parameter>\n</function>", "no function 'python'"),
        ("<function=bash>\n<parameter=cmd>ls</parameter>\n</function>", "no parameter 'cmd': it has command"),
        ("<function=submit>\n<parameter=why>x</parameter>\n</function>", "it has none"),
        (
            "<function=bash>\n<parameter=command>a</parameter>\n<parameter=command>b</parameter>\n</function>",
            "given twice",
        ),
    ],
)
def test_what_is_no_call_is_said(text, reason):
    found = parse_call(text)
    assert isinstance(found, CallFault)
    assert reason in found.reason


def test_prose_before_and_after_a_call_is_no_part_of_it():
    found = parse_call("Let me look.\n\n<function=bash>\n<parameter=command>ls</parameter>\n</function>\nThat was it.")
    assert found.text == "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    assert found.before == "Let me look."


def test_a_stop_sequence_may_have_taken_the_end():
    text = "<function=bash>\n<parameter=command>ls</parameter>\n"
    assert parse_call(text).arguments == {"command": "ls"}
    assert "cut off" in parse_call(text, whole=False).reason


VALUES = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60).filter(
    lambda text: "<parameter=" not in text and "</parameter>" not in text and "\r" not in text
)


@given(st.sampled_from(sorted(NAMES)), st.data())
def test_what_is_written_is_read_back(name, data):
    keys = data.draw(st.lists(st.sampled_from(NAMES[name]), unique=True) if NAMES[name] else st.just([]))
    arguments = {key: data.draw(VALUES) for key in keys}
    found = parse_call(call_text(name, **arguments))
    assert isinstance(found, Call)
    assert found.arguments == arguments
    assert step_of(found.text, "here").action == found.text


def test_a_value_may_hold_calls_and_tags():
    inner = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    text = call_text("str_replace_editor", command="create", path="/testbed/a.md", file_text=inner)
    assert parse_call(text).arguments["file_text"] == inner
