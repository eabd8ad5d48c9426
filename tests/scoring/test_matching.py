"""Similarity to a text that stays, against difflib itself."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import read_trajectories
from treadle.scoring import matching
from treadle.scoring.matching import FixedText

TEXTS = st.text("ab \n", max_size=60)


def ratio(first: str, second: str, autojunk: bool = False) -> float:
    return difflib.SequenceMatcher(None, first, second, autojunk).ratio()


@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_each_action_is_compared_as_by_difflib(text, actions):
    fixed = FixedText(text)
    assert [fixed.similarity(action) for action in actions] == [ratio(action, text) for action in actions]


@given(st.text("abcd \n", max_size=80), st.text("abcd \n", max_size=80))
def test_parts_searched_by_themselves_change_nothing(action, text):
    length, matching._LONG = matching._LONG, 2
    try:
        assert FixedText(text).similarity(action) == ratio(action, text)
    finally:
        matching._LONG = length


def test_real_actions_short_and_long(data):
    steps = [step.action for t in read_trajectories(data / "math" / "s1k.jsonl") for step in t.steps]
    steps = [*sorted(steps, key=len)[-4:], *steps[:4]]
    assert len(steps[0]) >= matching._LONG > len(min(steps, key=len))
    for text in steps:
        fixed = FixedText(text)
        assert [fixed.similarity(a[:1500]) for a in steps] == [ratio(a[:1500], text) for a in steps]


@pytest.mark.parametrize(("order", "expected"), [("model_first", 0.25), ("expert_first", 0.5)])
def test_the_order_of_arguments_is_kept(order, expected):
    assert FixedText("diet", argument_order=order).similarity("tide") == expected


def test_autojunk_is_kept():
    text = "x = 1; " * 60
    assert FixedText(text, autojunk=True).similarity("y" + text) == ratio("y" + text, text, True) < 0.01
