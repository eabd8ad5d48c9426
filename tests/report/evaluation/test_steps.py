from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.evaluation.runs import step
from treadle.report.blocks import marked
from treadle.report.evaluation.steps import LONGEST_MATCHED, Part, compared, step_row, step_texts
from treadle.scoring.completion import FormatFault
from treadle.scoring.rewards import step_similarity

WORDS = st.lists(st.sampled_from(["x = 2", "so ", "\n", "a<b", "é", "😀", "4"]), max_size=12).map("".join)


def test_both_sides_by_hand():
    assert compared("abXcd", "abYYcd") == [
        (Part.BOTH, "ab"),
        (Part.MODEL, "X"),
        (Part.EXPERT, "YY"),
        (Part.BOTH, "cd"),
    ]
    assert compared("", "abc") == [(Part.EXPERT, "abc")]


@given(WORDS, WORDS)
def test_marked_are_the_blocks_that_the_reward_counts(action, expert):
    found = compared(action, expert)
    assert "".join(text for kind, text in found if kind is not Part.EXPERT) == action
    assert "".join(text for kind, text in found if kind is not Part.MODEL) == expert
    both = sum(len(text) for kind, text in found if kind is Part.BOTH)
    if action or expert:
        assert 2 * both / (len(action) + len(expert)) == pytest.approx(step_similarity(action, expert))
    # The same blocks, on the model's side, as on the quick start's page.
    blocks = [text for kind, text in found if kind is Part.BOTH]
    assert marked(action, expert).count("<mark>") == len(blocks)


def test_texts_of_a_step():
    texts = step_texts(step("t", 1, "ab", "ac"))
    assert texts["prompt"] == [(Part.TEXT, "[user]\nNext step?\n")]
    assert texts["thought"] == [(Part.THOUGHT, "hm")]
    assert texts["blocks"] == [(Part.BOTH, "a"), (Part.MODEL, "b"), (Part.EXPERT, "c")]
    broken = step_texts(step("t", 1, None, "ac", FormatFault.EMPTY_ACTION, text="<think>hm</think>"))
    assert "blocks" not in broken
    assert broken["model"] == [(Part.THOUGHT, "<think>hm</think>")]
    assert broken["expert"] == [(Part.TEXT, "ac")]


def test_a_huge_action_is_shown_without_blocks():
    # All characters alike take the matcher longest.
    sample = step("t", 1, "x", "y", text="").__class__(
        **{**vars(step("t", 1, "x", "y")), "action": "x" * (LONGEST_MATCHED + 1), "expert_action": "x"}
    )
    texts = step_texts(sample)
    assert texts["model"] == [(Part.TEXT, sample.action)]
    assert step_row(sample)["unmatched"]
