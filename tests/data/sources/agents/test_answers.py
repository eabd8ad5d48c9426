"""The answer that ends a run, in text and in calls, against the row's reference."""

from __future__ import annotations

import json

import pytest

from tests.data.sources.agent_samples import read
from tests.data.sources.agents.test_tool_calls import call
from tests.data.sources.agents.test_tool_calls import chat as call_chat
from tests.data.sources.agents.test_xml_calls import chat
from treadle.data.sources.agents import fenced, tool_calls
from treadle.data.sources.agents.answers import ending, given_answer, reference_answer
from treadle.trajectory import Step

BLOCK = ("Think: count.\n\nAct: bash\n\n```bash\nwc -l a.txt\n```", "The output of the OS:\n12")


@pytest.mark.parametrize(
    ("said", "action", "thought", "answer"),
    [
        ("Think: done.\n\nAct: answer(12)", "answer(12)", "Think: done.", "12"),
        ("Act: answer(There are\n12 (twelve) files.)", "answer(There are\n12 (twelve) files.)", None, None),
        ("Think: done.\n\nAct: finish", "finish", "Think: done.", None),
        ("Thought: so\nAction 3: finish[Paris]", "finish[Paris]", "Thought: so", "Paris"),
        ("**Action:** submit", "submit", None, None),
        ('So.\nAction: Answer\nFinal Answer: ["12"]', 'Answer\nFinal Answer: ["12"]', "So.", "12"),
    ],
)
def test_an_action_with_a_head_ends_the_run(said, action, thought, answer):
    step = read(fenced.FORM, chat(BLOCK, (said,))).steps[-1]
    assert (step.action, step.thought, step.text) == (action, thought, said)
    assert answer is None or given_answer(step) == answer


@pytest.mark.parametrize(
    ("named", "said", "action"),
    [
        ("Say TASK_COMPLETE at the end.", "All is done.\n\nTASK_COMPLETE", "TASK_COMPLETE"),
        ("End with answer(...).", "So it is.\nanswer(12)", "answer(12)"),
        ("finish[answer] ends it", "finish[12]", "finish[12]"),
        ("Use <solution> to answer.", "I know.\n<solution>12</solution>", "<solution>12</solution>"),
    ],
)
def test_an_action_without_head_counts_where_the_first_messages_name_it(named, said, action):
    start, begin, end = ending(said, named)
    assert (said[begin:end], said[:start].strip()) == (action, said[: said.index(action)].strip())
    assert ending(said, "Count the lines.") is None


@pytest.mark.parametrize(
    "said", ["", "The answer is 12.", "Act: bash", "I act: finish it later today", "HTTP_OK is fine"]
)
def test_prose_is_no_action(said):
    assert ending(said, "HTTP_OK answer( finish[") is None


def test_several_tasks_in_one_chat_stay_apart_by_the_answer_between_them():
    second = ("Act: bash\n\n```bash\nwhoami\n```", "root")
    data = chat(BLOCK, ("Act: answer(12)", "Now a new problem: who am I?"), second, ("Act: answer(root)",))
    assert [(step.action, step.observation) for step in read(fenced.FORM, data).steps] == [
        ("wc -l a.txt", "The output of the OS:\n12"),
        ("answer(12)", "Now a new problem: who am I?"),
        ("whoami", "root"),
        ("answer(root)", None),
    ]


def final(value, **more):
    ends = call(json.dumps({"answer": value, "code": None}), "final_answer", id="b")
    return read(tool_calls.FORM, call_chat(("x", [call(id="a")], [("2", "a")]), ("y", [ends], []), **more))


def test_the_agents_answer_is_compared_with_the_rows():
    assert (final("2", answer="5").verified, final("2", answer="5").answer) == (False, "5")
    assert final("2", answer="5").meta["final_answer"] == "2"
    assert final(5, answer="5").verified is True
    assert final("about five", answer="5").verified is True
    assert final("a handful", answer="5").verified is None
    assert final("2", answer="5", resolved=True).verified is True
    assert final("2").verified is None
    assert final(None, answer="5").verified is None


def test_what_is_no_answer():
    assert given_answer(Step("ls")) is None
    assert given_answer(Step("finish")) is None
    assert given_answer(Step("x", call='{"name": "bash", "arguments": {"answer": "2"}}')) is None
    assert given_answer(Step("x", call='{"name": "final_answer", "arguments": "{"}')) is None
    assert reference_answer({"answer": True}) is None
    assert reference_answer({"answer": 5}) == "5"
