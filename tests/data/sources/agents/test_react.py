"""Thoughts and actions as labelled lines, in a chat and in one text; put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, replay, row, spoken
from treadle.data.sources import registry
from treadle.data.sources.agents.react import FORM
from treadle.data.sources.report import DropReason

PAPER = (
    "Thought 1: I need to search Bonn.\nAction 1: Search[Bonn]\nObservation 1: Bonn is a city.\nIt has a river.\n"
    "Thought 2: It is the Rhine.\nAction 2: Finish[Rhine]\nObservation 2: Episode finished\n"
)


def chat(*turns, **more):
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[k % 2], "content": text} for k, text in enumerate(turns)], **more}


def whole(trajectory):
    steps = "".join(step.text + (step.observation or "") for step in trajectory.steps)
    return trajectory.meta.get("preamble", "") + steps + trajectory.meta.get("epilogue", "")


def test_a_chat_by_hand():
    data = chat(
        "Weather?",
        'Thought: I look.\nAction: weather\nAction Input: {"city": "Bonn"}',
        "Observation: 9",
        "Thought: I know.\nFinal Answer: 9 degrees",
    )
    trajectory = read(FORM, data)
    assert [(step.thought, step.action, step.observation) for step in trajectory.steps] == [
        ("Thought: I look.", 'Action: weather\nAction Input: {"city": "Bonn"}', "Observation: 9"),
        ("Thought: I know.", "Final Answer: 9 degrees", None),
    ]
    assert replay(trajectory) == spoken(data["messages"])
    assert registry.detect(row(data)).name == "react"


def test_a_chat_that_begins_with_instructions():
    data = chat(
        "You are in a house.", "OK", "Put the mug away.", "THOUGHT: I go.\nACTION: go to desk 1", "You are there."
    )
    trajectory = read(FORM, data)
    assert trajectory.problem == "You are in a house.\n\nPut the mug away."
    assert [(step.action, step.observation) for step in trajectory.steps] == [("go to desk 1", "You are there.")]
    assert trajectory.meta["talk"] == [[0, "OK", "Put the mug away."]]


def test_a_turn_in_several_messages():
    said = ("Thought: x", "Action: f", "Action Input: {}")
    messages = [{"role": "user", "content": "x"}, *({"role": "assistant", "content": text} for text in said)]
    (step,) = read(FORM, {"messages": [*messages, {"role": "user", "content": "Observation: y"}]}).steps
    assert (step.thought, step.action, step.observation) == (
        "Thought: x",
        "Action: f\n\nAction Input: {}",
        "Observation: y",
    )


def test_an_answer_ends_a_chat_and_chooses_an_element():
    chosen = "Thought: x\nAnswer: C.\nAction: SELECT\nValue: Bonn"
    trajectory = read(FORM, chat("x", chosen, "page", "Thought: y\nAnswer: The Rhine."))
    assert [step.action for step in trajectory.steps] == [
        "Answer: C.\nAction: SELECT\nValue: Bonn",
        "Answer: The Rhine.",
    ]


def test_the_action_below_its_label():
    (step,) = read(FORM, chat("Buy.", "Thought:\nI search.\n\nAction:\nsearch[red shoes]", "results")).steps
    assert (step.action, step.before) == ("search[red shoes]", "\n\nAction:\n")


def test_the_paper_in_one_text():
    trajectory = read(FORM, {"question": "Which river?", "trajectory": PAPER})
    assert [(step.action, step.observation) for step in trajectory.steps] == [
        ("Search[Bonn]", "Observation 1: Bonn is a city.\nIt has a river.\n"),
        ("Finish[Rhine]", "Observation 2: Episode finished\n"),
    ]
    assert (trajectory.problem, whole(trajectory)) == ("Which river?", PAPER)
    assert registry.detect(row({"question": "Which river?", "output": PAPER})).name == "react"


def test_one_text_with_its_question_and_examples_before():
    text = f"Solve it.\nQuestion: Old?\n{PAPER}\nQuestion: Which river?\n{PAPER}"
    trajectory = read(FORM, {"text": text})
    assert (trajectory.problem, len(trajectory.steps), whole(trajectory)) == ("Which river?", 2, text)


def test_one_answer_of_a_chat():
    text = PAPER + "Thought: done.\nFinal Answer: Rhine"
    trajectory = read(FORM, chat("Which river?", text))
    assert [step.action for step in trajectory.steps][1:] == ["Action 2: Finish[Rhine]", "Final Answer: Rhine"]
    assert whole(trajectory) == text


@pytest.mark.parametrize(
    "text",
    [
        "**Thought:** x\n**Action:** Search[a]\n**Observation:** y\n**Action:** Finish[b]",
        "Think: x\nAct: Search[a]\nObs: y\nThink: z\nAct: Finish[b]",
        "thought: x\naction: Search[a]\nobservation: y\naction: Finish[b]",
        "### Thought: x\n### Action: Search[a]\n### Observation: y\n### Action: Finish[b]",
    ],
)
def test_other_spellings_of_labels(text):
    trajectory = read(FORM, chat("x", text))
    assert [step.action for step in trajectory.steps] == ["Search[a]", "Finish[b]"]
    assert whole(trajectory) == text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (chat("x", "Action: a\nThought: x\nAction: b", "y"), DropReason.SEVERAL_ACTIONS),
        ({"text": "Thought: x\nAction: a\nObservation: y\n"}, DropReason.EMPTY_PROBLEM),
        ({"question": "x", "text": "Action: a\nThought: b\nAction: c\nObservation: y"}, DropReason.SEVERAL_ACTIONS),
        ({"question": "x", "a": PAPER, "b": PAPER}, DropReason.MALFORMED),
        (chat("x", "Thought: x\nAction:", "y"), DropReason.EMPTY_ACTION),
    ],
)
def test_what_cannot_be_used_is_dropped(data, expected):
    assert reason(FORM, data) == expected


@pytest.mark.parametrize(
    "data",
    [
        chat("x", "Action: take the train.", "y"),
        chat("x", "Think: x\n\nAct: bash\n\n```bash\nls\n```", "y"),
        {"prompt": PAPER, "completion": "Bonn"},
        {"text": "Call to action: now. Observation: none"},
    ],
)
def test_what_is_not_of_this_form(data):
    assert FORM.matches(row(data)) is False


WORDS = st.text(st.characters(exclude_characters=":<>[]`", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(WORDS, WORDS.filter(str.strip), WORDS), min_size=1, max_size=4), WORDS)
def test_a_run_put_together_is_its_text(turns, opening):
    text = opening + "".join(f"\nThought: {t}\nAction: {a}\nObservation: {o}" for t, a, o in turns)
    assert whole(read(FORM, {"question": "x", "trajectory": text})) == text


@pytest.mark.parametrize(
    "said",
    ["ReAct is:\n\nThought: I search.\nAction: Search[x]\nObservation: y\n", "Thought: you are busy.\nAction: rest."],
)
def test_a_chat_with_a_person_is_no_run(said):
    data = chat("Help me.", said, "Thanks, what about the afternoon?", said)
    assert reason(FORM, data) == DropReason.NOT_EXECUTED


def test_a_text_with_actions_and_observations_alone_needs_calls():
    assert not FORM.matches(row({"prompt": "x", "response": "Action: cut prices.\nObservation: sales rose.\n"}))
    run = "Action 1: Search[x]\nObservation 1: y\nAction 2: Finish[y]\n"
    assert [step.action for step in read(FORM, {"question": "x", "run": run}).steps] == ["Search[x]", "Finish[y]"]
