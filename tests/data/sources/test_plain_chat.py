"""Chats without any action say what was seen in them."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import row
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.plain_chat import FORM
from treadle.data.sources.registry import detect
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected


def seen(messages):
    data = {"messages": messages}
    assert detect(row(data)) is FORM
    with pytest.raises(Rejected) as caught:
        FORM.read(row(data), ReadOptions())
    assert caught.value.reason == DropReason.NO_ACTIONS
    return caught.value.detail


def test_roles_parts_and_tags_are_named():
    talk = [
        {"role": r, "content": t} for r, t in zip(["user", "assistant"] * 2, ["hi", "hello", "bye", "bye"], strict=True)
    ]
    assert seen(talk).startswith("a chat of 4 messages (2 user, 2 assistant), no tags")
    parts = [{"type": "pasted", "pasted": "x"}, {"type": "text", "text": "what is it"}]
    shown = seen([{"role": "user", "content": parts}, *talk[1:3], {"role": "assistant", "content": "<run>x</run>"}])
    assert "1 pasted, 1 text" in shown
    assert "tags run" in shown


@pytest.mark.parametrize("data", [{"messages": "x"}, {"messages": []}, {"problem": "x", "solution": "y"}])
def test_rows_without_chat(data):
    assert not FORM.matches(row(data))
