"""Entries of a dialogue as turns: what belongs to which step, and what is dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, row
from treadle.data.sources.agents.dialogue import Entry, gather, trajectory_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected


def call(key, name="ls", message="m"):
    return Entry("call", key=key, action=name, call=f'{{"id": "{key}"}}', message=message)


def trajectory(*entries):
    return trajectory_of(row({}), gather([Entry("user", "Do it."), *entries]), None)


def reason(*entries):
    with pytest.raises(Rejected) as caught:
        trajectory(*entries)
    return caught.value.reason


def test_results_find_their_calls_in_any_order():
    steps = trajectory(call("a"), call("b"), Entry("result", "B", "b"), Entry("result", "A", "a")).steps
    assert [step.observation for step in steps] == ["A", "B"]


def test_results_without_id_are_paired_in_order():
    steps = trajectory(call(None), call(None), Entry("result", "1"), Entry("result", "2")).steps
    assert [step.observation for step in steps] == ["1", "2"]


def test_an_id_that_each_turn_uses_again_means_the_latest_call():
    turns = [call("0"), Entry("result", "1", "0"), call("0"), Entry("result", "2", "0")]
    assert [step.observation for step in trajectory(*turns).steps] == ["1", "2"]


def test_a_call_that_is_logged_twice_is_one_step():
    found = trajectory(call("a"), call("a"), Entry("result", "A", "a"))
    assert len(found.steps) == 1
    assert found.meta["passed_events"] == {"call that was logged twice": 1}


def test_words_beside_results_follow_the_last_of_them():
    found = trajectory(
        call("a"), call("b"), Entry("result", "A", "a"), Entry("result", "B", "b"), Entry("user", "Go on."), call("c")
    )
    assert [parts_of(found, k) for k in range(3)] == [["A"], ["B", "Go on."], []]


def test_a_result_of_no_call_is_kept_and_counted():
    found = trajectory(call("a"), Entry("result", "A", "a"), Entry("result", "?", "z"))
    assert parts_of(found, 0) == ["A", "?"]
    assert found.meta["passed_events"] == {"result of a call that is not there": 1}


def test_text_and_reasoning_belong_to_the_call_behind_them():
    found = trajectory(
        Entry("thought", "t1"),
        Entry("said", "one, ", message=1),
        Entry("said", "first", message=1),
        call("a"),
        Entry("thought", "t2"),
        Entry("said", "two", message=2),
        call("b"),
        Entry("said", "three", message=3),
        call("c"),
        Entry("said", "tail", message=3),
        Entry("result", "A", "a"),
        Entry("result", "B", "b"),
        Entry("result", "C", "c"),
        Entry("said", "Done.", message=4),
    )
    assert [step.thought for step in found.steps] == ["t1\n\none, first", "t2\n\ntwo", "three"]
    assert [step.after for step in found.steps] == ["", "", "tail"]
    assert found.meta["reasoning"] == {"0": "t1", "1": "t2"}
    assert found.meta["epilogue"] == "Done."


def test_reasoning_that_is_logged_behind_its_call_is_its_own():
    found = trajectory(call("a"), Entry("thought", "why"), Entry("result", "A", "a"), call("b"))
    assert [step.thought for step in found.steps] == ["why", None]


def test_calls_of_which_some_were_not_answered_are_dropped_but_at_the_end():
    unanswered = [call("a"), call("b"), Entry("result", "A", "a")]
    assert reason(*unanswered, call("c")) == DropReason.SEVERAL_ACTIONS
    assert reason(*unanswered, Entry("user", "Stop."), call("c")) == DropReason.SEVERAL_ACTIONS
    assert [step.observation for step in trajectory(*unanswered).steps] == ["A", None]


def test_what_is_seen_as_images_alone_is_dropped():
    seen = [call("a"), Entry("result", "[image]", "a")]
    assert reason(*seen) == DropReason.IMAGES
    assert reason(call("b"), Entry("result", "text", "b"), *seen) == DropReason.IMAGES
    found = trajectory(call("b"), Entry("result", "text", "b"), call("c"), Entry("result", "c[image]", "c"), *seen)
    assert [step.observation for step in found.steps] == ["text", "c[image]", "[image]"]
    with pytest.raises(Rejected, match="the problem is an image"):
        trajectory_of(row({}), gather([Entry("user", "[image]"), call("a")]), None)


PIECES = st.lists(
    st.sampled_from(["said", "thought", "call", "result", "user"]).flatmap(
        lambda kind: st.tuples(st.just(kind), st.text("ab \n", min_size=1, max_size=4))
    ),
    max_size=12,
)


@given(pieces=PIECES)
def test_nothing_that_was_said_or_answered_is_lost(pieces):
    entries = [Entry("user", "problem"), call("first"), Entry("result", "r", "first")]
    said, heard = "", "r"
    for number, (kind, text) in enumerate(pieces):
        key = f"c{number}"
        entries.append(call(key) if kind == "call" else Entry(kind, text, None, message=number))
        said += text if kind == "said" else ""
        heard += text if kind in ("result", "user") else ""
    made = gather(entries)
    turns = [turn.turn() for turn in made.turns]
    spoken = "".join("".join(step.text for step in turn.steps) if turn.steps else turn.text for turn in turns)
    answers = "".join(text for turn in turns for texts in turn.answers for text in texts)
    assert spoken.replace("\n", "").replace(" ", "") == said.replace("\n", "").replace(" ", "")
    assert sorted(answers) == sorted(heard)
    assert sum(len(turn.steps) for turn in turns) == 1 + sum(kind == "call" for kind, _ in pieces)
