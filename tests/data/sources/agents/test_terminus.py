"""Terminus' JSON and XML turns: thought, keystrokes, and what is none; put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, row
from treadle.data.sources import registry
from treadle.data.sources.agents.terminus import FORM, step_of

COMMAND = '{"keystrokes": "ls\\n", "duration": 0.1}'
LS = f'{{"analysis": "empty", "plan": "look", "commands": [{COMMAND}], "task_complete": false}}'
DONE = '{"analysis": "done", "plan": "", "commands": [], "task_complete": true}'
KEYS = "<parameter=keystrokes>\nls\n\n</parameter>"
LS_TEXT = f"<function=bash_command>\n{KEYS}\n<parameter=duration>0.1</parameter>\n</function>"
COMPLETE = "<function=mark_task_complete>\n</function>"


def chat(*said, **more):
    turns = [{"role": "user", "content": "task"}]
    for text in said:
        turns += [{"role": "assistant", "content": text}, {"role": "user", "content": "New Terminal Output:\n$"}]
    return {"conversations": turns, **more}


def test_a_run_by_hand():
    data = chat(LS, DONE, result=1.0)
    trajectory = read(FORM, data)
    assert [(s.action, s.thought, s.observation) for s in trajectory.steps] == [
        (LS_TEXT, "empty\n\nlook", "New Terminal Output:\n$"),
        (COMPLETE, "done", "New Terminal Output:\n$"),
    ]
    assert (trajectory.steps[0].call, trajectory.verified) == (LS, True)
    assert registry.detect(row(data)).name == "terminus"


@pytest.mark.parametrize(
    ("result", "verified"), [(0.0, False), ("AgentTimeoutError", False), ("1.0", True), (None, None)]
)
def test_what_the_result_says(result, verified):
    assert read(FORM, chat(LS, result=result)).verified is verified


@pytest.mark.parametrize(
    ("before", "after"),
    [("```json\n", "\n```"), ("<think>\nhm {x}\n</think>\n\n", ""), ("Here {so}: ", "\nThat is it."), ("", "\n\n")],
)
def test_what_stands_around_the_object(before, after):
    step = step_of(before + LS + after)
    assert (step.before, step.call, step.after, step.action) == (before, LS, after, LS_TEXT)
    assert step.thought == ("hm {x}\n\n" if "<think>" in before else "") + "empty\n\nlook"


def test_terminus_1_by_hand():
    said = {
        "state_analysis": "a",
        "explanation": "e",
        "commands": [{"keystrokes": "x\n", "is_blocking": True, "timeout_sec": 5}],
        "is_task_complete": False,
    }
    step = step_of(json.dumps(said))
    assert step.thought == "a\n\ne"
    assert step.action == (
        "<function=bash_command>\n<parameter=keystrokes>\nx\n\n</parameter>\n<parameter=is_blocking>true</parameter>\n"
        "<parameter=timeout_sec>5</parameter>\n</function>"
    )


def test_xml_by_hand():
    text = (
        "<response>\n<analysis>a</analysis>\n<plan>p</plan>\n<commands>\n"
        '<keystrokes duration="0.1">ls\n</keystrokes>\n</commands>\n<task_complete>true</task_complete>\n</response>'
    )
    step = step_of(text)
    assert (step.action, step.thought, step.call) == (f"{LS_TEXT}\n{COMPLETE}", "a\n\np", text)


def test_several_keystrokes_are_one_step_and_none_only_looks():
    several = json.dumps({"commands": [{"keystrokes": "a"}, {"keystrokes": "b"}], "task_complete": False})
    assert step_of(several).action.count("<function=bash_command>") == 2
    assert step_of('{"analysis": "wait", "commands": []}').action == (
        "<function=bash_command>\n<parameter=keystrokes></parameter>\n</function>"
    )


def test_an_object_without_its_last_bracket_is_read_as_the_harness_mends_it():
    step = step_of(LS[:-1])
    assert (step.action, step.call, step.after) == (LS_TEXT, LS[:-1], "")


@pytest.mark.parametrize("text", ["I am done.", '{"commands": "ls"}', '{"commands": []}', "{", '{"a": 1}', ""])
def test_what_is_no_response(text):
    assert step_of(text) is None


def test_a_turn_that_the_harness_could_not_read_is_no_step():
    data = chat("not JSON", LS)
    data["conversations"][2]["content"] = (
        "Previous response had parsing errors:\nERROR: No valid JSON found in response"
    )
    trajectory = read(FORM, data)
    assert [step.action for step in trajectory.steps] == [LS_TEXT]
    assert [entry[1] for entry in trajectory.meta["talk"]] == ["not JSON"]


@given(st.text(), st.lists(st.builds(dict, keystrokes=st.text(), duration=st.floats(0, 9)), max_size=3), st.booleans())
def test_the_pieces_put_together_are_the_turn(analysis, commands, done):
    text = json.dumps({"analysis": analysis, "plan": "p", "commands": commands, "task_complete": done})
    step = step_of(f"```json\n{text}\n```")
    assert step.before + step.call + step.after == f"```json\n{text}\n```"
