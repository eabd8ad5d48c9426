"""Chats without any action say what was seen in them."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import row
from treadle.data.sources.agents.plain_chat import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.registry import detect
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

RUN = {"role": "assistant", "content": "<run>x</run>"}


def seen(messages):
    data = {"messages": messages}
    assert detect(row(data)) is FORM
    with pytest.raises(Rejected) as caught:
        FORM.read(row(data), ReadOptions())
    return caught.value


def test_roles_parts_and_tags_are_named():
    talk = [
        {"role": r, "content": t} for r, t in zip(["user", "assistant"] * 2, ["hi", "hello", "bye", "bye"], strict=True)
    ]
    found = seen(talk)
    assert found.reason is DropReason.NO_ACTIONS
    assert found.detail.startswith("column messages: 4 messages; roles user (2), assistant (2): a chat without")
    assert "solutions with one question and one answer a row" in found.detail
    shown = seen([{"role": "user", "content": [{"type": "x"}, {"type": "text", "text": "what"}]}, *talk[1:3], RUN])
    assert "parts x (1), text (1)" in shown.detail
    assert "tags <run> (1)" in shown.detail
    assert seen([*talk, {"role": "robot", "content": "x"}]).reason is DropReason.UNKNOWN_FORM


@pytest.mark.parametrize("data", [{"messages": "x"}, {"messages": []}, {"problem": "x", "solution": "y"}])
def test_rows_without_chat(data):
    assert not FORM.matches(row(data))
