"""Turns without action: talk, words to a user, prose before a call, unknown."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import read, reason, replay, row, spoken
from tests.data.sources.agents.test_tool_calls import call
from tests.data.sources.agents.test_tool_calls import chat as call_chat
from tests.data.sources.agents.test_xml_calls import chat as fenced_chat
from treadle.data.sources.agents import fenced, tool_calls
from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.turns import Turn, assemble, outside_steps
from treadle.data.sources.report import DropReason
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


ACTS = (None, [call(id="a")], [("ok", "a")])


@pytest.mark.parametrize(
    "text",
    [
        "OK",
        "Ok.",
        "Understood. I'll follow your instructions.",
        "I've understood your instruction, start please.",
        "OK. I'll follow your instructions and try my best to solve the task.",
        "Sure, please give me the first task.",
        "Got it!",
        "好的。",
        "明白，请开始。",
    ],
)
def test_acknowledgements(text):
    trajectory = read(tool_calls.FORM, call_chat((text, None, ["Cancel 7"]), ACTS))
    assert (trajectory.problem, len(trajectory.steps)) == ("problem\n\nCancel 7", 1)


@pytest.mark.parametrize(
    "text",
    [
        "Of course! I can help you with that. Please tell me what ingredients you have.",
        "Sure, please provide me with the list of numbers.",
        "OK. Which one?",
        "当然，我可以帮助您。您能提供给我贷款总额吗？",
        "当然，我可以帮助你。请告诉我贷款金额。",
        "I think that the bug is in a.py.",
    ],
)
def test_a_first_turn_that_asks_or_says_something_is_a_step(text):
    trajectory = read(tool_calls.FORM, call_chat((text, None, ["7"]), ACTS))
    assert (trajectory.problem, len(trajectory.steps)) == ("problem", 2)
    assert (trajectory.steps[0].action, trajectory.steps[0].observation) == (render("respond", {"content": text}), "7")


def test_blank_messages_are_no_turn():
    data = call_chat(ACTS, ("", None, [""]), (" ", None, ["hurry"]), ACTS)
    first, second = read(tool_calls.FORM, data).steps
    assert (first.observation, second.observation) == ("ok\n\nhurry", "ok")


def test_where_the_environment_speaks_as_the_user_its_output_is_no_users_words():
    for said in ("I run\n  ```bash\n  ls\n  ```", "ok\n```bash\ncat a.py"):  # indented, and cut off
        data = fenced_chat((said, "a.py\nb.py"), ("```bash\nls\n```", "<output>a.py"), ("```bash\npwd\n```", "/x"))
        assert reason(fenced.FORM, data) == DropReason.TURN_WITHOUT_ACTION
    data = fenced_chat(
        ("```bash\nls\n```", "a.py"), ("Which one?", "the first one please"), ("```bash\npwd\n```", "/x")
    )
    assert read(fenced.FORM, data).steps[1].action == render("respond", {"content": "Which one?"})
