"""Pairs of a chosen and a rejected answer are named as what they are."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import row
from treadle.data.sources.agents.preference import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.registry import detect
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

CHAT = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "```bash\nls\n```"},
    {"role": "user", "content": "3"},
]


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "--columns problem=NAME,solution=chosen"),
        ({"prompt": "q", "chosen": CHAT, "rejected": CHAT, "messages": CHAT}, "write them as rows of `messages`"),
        ({"conversations": CHAT, "chosen": CHAT[1], "rejected": CHAT[1]}, "write them as rows of `messages`"),
        ({"input": {}, "preferred_output": CHAT, "non_preferred_output": CHAT}, "preferred_output"),
        ({"prompt": "q", "chosen_response": "a", "rejected_response": "b"}, "solution=chosen_response"),
    ],
)
def test_pairs(data, remedy):
    assert detect(row(data)) is FORM
    with pytest.raises(Rejected) as caught:
        FORM.read(row(data), ReadOptions())
    assert caught.value.reason == DropReason.PREFERENCE_PAIR
    assert remedy in caught.value.detail


@pytest.mark.parametrize(
    "data", [{"chosen": "a"}, {"chosen": True, "rejected": False}, {"chosen": None, "rejected": "b"}]
)
def test_other_columns_of_these_names(data):
    assert not FORM.matches(row(data))
