from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import Completion, FormatFault, parse_completion
from treadle.scoring.thoughts import thoughts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", Completion("a", "b")),
        ("\n<think>\nfirst\n</think>\n\n1. **T** b\n", Completion("first", "1. **T** b")),
        ("b", FormatFault.NO_THINK_BLOCK),
        ("", FormatFault.NO_THINK_BLOCK),
        ("<think>a", FormatFault.NO_THINK_BLOCK),
        ("a</think>b", FormatFault.NO_THINK_BLOCK),
        ("</think>a<think>b", FormatFault.NO_THINK_BLOCK),
        ("<think>a</think>b<think>c</think>d", FormatFault.SEVERAL_THINK_BLOCKS),
        ("<think>a</think>b</think>c", FormatFault.SEVERAL_THINK_BLOCKS),
        ("Sure! <think>a</think>b", FormatFault.TEXT_BEFORE_THINK),
        ("<think> \n</think>b", FormatFault.EMPTY_THOUGHT),
        ("<think>a</think>", FormatFault.EMPTY_ACTION),
        ("<think>a</think> \n ", FormatFault.EMPTY_ACTION),
    ],
)
def test_strict(text, expected):
    assert parse_completion(text) == expected


@pytest.mark.parametrize(
    ("text", "lenient", "optional"),
    [
        ("a</think>b", Completion("a", "b"), Completion("a", "b")),
        ("Sure! <think>a</think>b", Completion("a", "b"), Completion("a", "b")),
        ("<think></think>b", Completion("", "b"), Completion("", "b")),
        ("b", FormatFault.NO_THINK_BLOCK, Completion("", "b")),
        (" ", FormatFault.NO_THINK_BLOCK, FormatFault.EMPTY_ACTION),
        ("<think>a", FormatFault.NO_THINK_BLOCK, FormatFault.NO_THINK_BLOCK),
        ("<think>a</think>", FormatFault.EMPTY_ACTION, FormatFault.EMPTY_ACTION),
    ],
)
def test_other_strictness(text, lenient, optional):
    assert parse_completion(text, think_tags="lenient") == lenient
    assert parse_completion(text, think_tags="optional") == optional


def test_truncation_comes_first_because_the_action_is_cut():
    assert parse_completion("<think>a</think>b", truncated=True) is FormatFault.TRUNCATED


def test_unknown_strictness_is_named():
    with pytest.raises(ValueError, match="expected 'strict', 'lenient' or 'optional'"):
        parse_completion("x", think_tags="loose")


plain = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="<>"), min_size=1).filter(str.strip)


@given(plain, plain)
def test_what_is_put_together_is_taken_apart(thought, action):
    assert parse_completion(f"<think>{thought}</think>{action}") == Completion(thought.strip(), action.strip())


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n"]), max_size=8).map("".join))
def test_never_raises_and_never_returns_an_empty_action(text):
    for strictness in ("strict", "lenient", "optional"):
        result = parse_completion(text, think_tags=strictness)
        assert isinstance(result, FormatFault) or result.action


def test_thoughts_of_an_interleaved_solution():
    assert thoughts("<think>a</think>x\n<think> b </think>y<think>cut off") == ["a", "b", "cut off"]
