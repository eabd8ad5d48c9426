"""Turns without action: talk, words to a user, prose before a call, unknown."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import read, replay, row, spoken
from tests.data.sources.test_tool_calls import call
from tests.data.sources.test_tool_calls import chat as call_chat
from treadle.data.sources import tool_calls
from treadle.data.sources.calls import render
from treadle.data.sources.turns import Turn, assemble, outside_steps
from treadle.files.rows import Rejected
from treadle.trajectory import Step

STAND_IN = "Please continue working on the task on whatever approach you think is suitable.\nX"
ACT = Turn("ls", [Step("ls")], [["out"]])
ASKED = call_chat(
    (None, [call(id="a")], [("open", "a")]),
    ("Shall I cancel it?", None, ["yes"]),
    (None, [call(id="b")], [("ok", "b")]),
    ("Done.", None, ["###STOP###"]),
)


def test_a_harness_that_found_no_action_is_no_step():
    trajectory = assemble(row({}), "problem", [ACT, Turn("done", [], [[STAND_IN]]), ACT, Turn("end", [], [["bye"]])])
    assert trajectory.meta["talk"] == [[1, "done", STAND_IN]]
    assert (trajectory.meta["epilogue"], trajectory.meta["epilogue_observation"]) == ("end", "bye")
    assert {what: count for what, count in outside_steps(trajectory).items() if count} == {
        "exchanges outside steps (a turn that did nothing, kept in meta)": 1,
        "trajectories with exchanges outside steps": 1,
        "last turns without action, which are no step (kept in meta)": 1,
    }


def test_words_that_a_user_answered_are_a_step():
    trajectory = read(tool_calls.FORM, ASKED)
    steps = trajectory.steps
    assert [step.action for step in steps[1::2]] == [
        render("respond", {"content": text}) for text in ("Shall I cancel it?", "Done.")
    ]
    assert [step.observation for step in steps] == ["open", "yes", "ok", "###STOP###"]
    assert trajectory.meta["responds"] == 2
    assert trajectory.system == "rules\n\nTo speak to the user, call:\n\n" + render("respond", {"content": "WORDS"})
    assert replay(trajectory) == spoken(ASKED["messages"])


def test_a_last_turn_that_nobody_answered_is_the_epilogue():
    data = {"messages": ASKED["messages"][:-1]}
    trajectory = read(tool_calls.FORM, data)
    assert (len(trajectory.steps), trajectory.meta["epilogue"]) == (3, "Done.")


def test_a_greeting_that_asks_is_a_step_and_one_that_acknowledges_is_none():
    act = (None, [call(id="a")], [("ok", "a")])
    asks = read(tool_calls.FORM, call_chat(("How can I help?", None, ["Cancel 7"]), act))
    assert (asks.problem, len(asks.steps), asks.steps[0].observation) == ("problem", 2, "Cancel 7")
    data = call_chat(("Ok.", None, ["Cancel 7"]), act)
    ok = read(tool_calls.FORM, data)
    assert (ok.problem, len(ok.steps), ok.meta["talk"]) == ("problem\n\nCancel 7", 1, [[0, "Ok.", "Cancel 7"]])
    assert ok.meta["problem_parts"] == [7, 8]
    assert replay(ok) == spoken(data["messages"])


def test_an_assistant_that_speaks_first_has_no_problem_yet():
    messages = [{"role": "assistant", "content": "How can I help?"}, {"role": "user", "content": "Cancel 7"}]
    messages += call_chat((None, [call(id="a")], [("ok", "a")]))["messages"][2:]
    assert read(tool_calls.FORM, {"messages": messages}).problem == "Cancel 7"


def test_words_to_a_user_after_a_thought():
    data = call_chat((None, [call(id="a")], [("x", "a")]), ("<think>\nI ask.\n</think>\n\nShall I?", None, ["yes"]))
    data["messages"] += data["messages"][2:4]
    step = read(tool_calls.FORM, data).steps[1]
    assert (step.thought, step.action) == ("I ask.", render("respond", {"content": "Shall I?"}))
    assert replay(read(tool_calls.FORM, data)) == spoken(data["messages"])


def test_what_a_turn_did_may_be_unknown():
    unknown = Turn("done", [], [["out"]], answered_by="tool")
    with pytest.raises(Rejected, match=r"turn_without_action: turn 2, answered by a tool: 'done'"):
        assemble(row({}), "problem", [ACT, unknown, ACT])


def test_a_turn_that_nothing_answered_begins_the_next():
    trajectory = assemble(row({}), "problem", [Turn("I", [], [[]]), Turn("look", [], []), ACT])
    assert trajectory.meta["said_parts"] == {"0": [1, 4, 2]}
    (step,) = trajectory.steps
    assert (step.thought, step.before, step.action) == ("I\n\nlook", "\n\n", "ls")
