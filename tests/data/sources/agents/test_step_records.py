"""Lists of records with thought, action and observation, and DSPy's numbered names; put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.step_records import FORM
from treadle.data.sources.report import DropReason

TEXT = "<function=search>\n<parameter=q>Bonn</parameter>\n</function>"


def test_text_actions_by_hand():
    records = [
        {"thought": "I look.", "action": "ls -l\n", "observation": "a b"},
        {"thought": None, "action": "cat a", "observation": None},
        {"thought": "All read.", "action": None, "final_answer": "It is a.", "observation": None},
    ]
    data = {"task": "Read.", "steps": records, "success": True}
    trajectory = read(FORM, data)
    assert [(s.thought, s.action, s.after, s.observation) for s in trajectory.steps] == [
        ("I look.", "ls -l", "\n", "a b"),
        (None, "cat a", "", None),
    ]
    assert (trajectory.problem, trajectory.verified, trajectory.meta["epilogue"]) == ("Read.", True, "It is a.")
    assert registry.detect(row(data)).name == "step-records"


@pytest.mark.parametrize(
    "record",
    [
        {"action": "search", "action_input": {"q": "Bonn", "n": None}},
        {"action": "search", "action_input": '{"q": "Bonn"}'},
        {"action": {"name": "search", "arguments": {"q": "Bonn"}}},
        {"action": '{"tool": "search", "args": {"q": "Bonn"}}'},
        {"action": {"type": "search", "q": "Bonn"}},
        {"tool": "search", "args": {"q": "Bonn"}},
        {"tool_name": "search", "tool_input": {"q": "Bonn"}},
    ],
)
def test_spellings_of_a_call(record):
    data = {"question": "x", "trajectory": [{"reasoning": "hm", **record, "result": {"t": 9}}]}
    (step,) = read(FORM, data).steps
    assert (step.action, step.thought, step.observation) == (TEXT, "hm", '{"t": 9}')
    assert json.loads(step.call) in (record, record.get("action"))


def test_dspy_by_hand():
    trajectory = {
        "thought_0": "hm",
        "tool_name_0": "search",
        "tool_args_0": {"q": "Bonn"},
        "observation_0": "a city",
        "thought_1": "done",
        "tool_name_1": "finish",
        "tool_args_1": {},
        "observation_1": "Completed.",
    }
    steps = read(FORM, {"question": "x", "trajectory": trajectory}).steps
    assert [(s.action, s.observation) for s in steps] == [
        (TEXT, "a city"),
        ("<function=finish>\n</function>", "Completed."),
    ]


def test_records_as_json_text():
    records = json.dumps([{"action": "ls", "observation": "a"}])
    assert read(FORM, {"goal": "x", "trace": records}).steps[0].action == "ls"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"steps": [{"action": "ls", "observation": "a"}]}, DropReason.EMPTY_PROBLEM),
        ({"task": "x", "steps": [{"action": "ls", "observation": "a"}, 3]}, DropReason.MALFORMED),
        ({"task": "x", "steps": [{"action": {"q": 1}, "observation": "a"}]}, DropReason.BROKEN_CALL),
        ({"task": "x", "steps": [{"tool": "f", "args": [1], "observation": "a"}]}, DropReason.MALFORMED),
    ],
)
def test_what_cannot_be_used_is_dropped(data, expected):
    assert reason(FORM, data) == expected


@pytest.mark.parametrize(
    "data",
    [
        {"problem": "x", "steps": ["a", "b"]},
        {"problem": "x", "steps": [{"text": "a", "result": 1}]},
        {"problem": "x", "steps": [{"action": "ls"}]},
        {"history": [{"role": "user", "action": "x", "observation": "y"}]},
        {"observations": [[0.1]], "actions": [[1]], "rewards": [0.0]},
    ],
)
def test_what_is_not_of_this_form(data):
    assert FORM.matches(row(data)) is False


PROSE = st.text(st.characters(exclude_characters="<>[]{", exclude_categories=["Cs"]), max_size=20)
FILLED = PROSE.filter(str.strip)


@given(st.lists(st.tuples(PROSE, FILLED, FILLED), min_size=1, max_size=4))
def test_thought_action_and_observation_are_the_source(turns):
    records = [{"thought": t, "action": a, "observation": o} for t, a, o in turns]
    found = [
        (s.thought or "", s.before + s.action + s.after, s.observation)
        for s in read(FORM, {"task": "x", "steps": records}).steps
    ]
    assert found == turns


def test_a_thought_without_action_is_no_words_to_a_user():
    records = [
        {"thought": "t", "action": "a", "observation": "o"},
        {"thought": "u", "action": None, "observation": "p"},
    ]
    data = {"task": "x", "steps": [*records, records[0]]}
    assert reason(FORM, data) == DropReason.TURN_WITHOUT_ACTION
