from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.report.parts import LONGEST, Part, as_json, cut, fitting, limit_for, parts, size
from treadle.scoring.thoughts import ThoughtTags

PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "so", "4", "\n", "x = 2", "", " ", "</script>", "\ud800"]), max_size=30
).map("".join)


def test_thoughts_are_told_from_the_rest():
    assert parts("<think>a</think>b<think>c</think>d") == [
        (Part.THOUGHT, "<think>a</think>"),
        (Part.TEXT, "b"),
        (Part.THOUGHT, "<think>c</think>"),
        (Part.TEXT, "d"),
    ]
    assert parts("b<think>cut of") == [(Part.TEXT, "b"), (Part.THOUGHT, "<think>cut of")]
    assert parts("opened in the prompt</think>b") == [(Part.THOUGHT, "opened in the prompt</think>"), (Part.TEXT, "b")]
    assert parts("") == []


def test_steps_of_the_loop_are_found_after_their_thoughts():
    text = "<think>is it 4?</think>4\n<think>4 again</think>\n4\n<think>no end"
    assert parts(text, ["is it 4?", "4 again"], ["4", "4"]) == [
        (Part.THOUGHT, "<think>is it 4?</think>"),
        (Part.STEP, "4"),
        (Part.TEXT, "\n"),
        (Part.THOUGHT, "<think>4 again</think>"),
        (Part.TEXT, "\n"),
        (Part.STEP, "4"),
        (Part.TEXT, "\n"),
        (Part.THOUGHT, "<think>no end"),
    ]


@given(PIECES, st.lists(PIECES, max_size=3), st.lists(PIECES, max_size=3), st.integers(0, 60))
def test_nothing_is_lost_but_what_a_marker_counts(text, thoughts, steps, limit):
    whole = parts(text, thoughts, steps)
    assert "".join(piece for _, piece in whole) == text
    long = [(kind, piece * 50) for kind, piece in whole]
    shown = cut(long, limit)
    joined, markers = "".join(p for _, p in long), [p for kind, p in shown if kind is Part.CUT]
    kept = "".join(p for kind, p in shown if kind is not Part.CUT)
    if not markers:
        assert kept == joined
    else:
        left_out = int(markers[0].split(" characters")[0].split()[-1].replace(",", ""))
        assert left_out == len(joined) - len(kept)
        assert len(kept) <= limit
        assert joined.startswith(kept[: limit // 2])


def test_the_limit_is_the_largest_that_fits():
    assert limit_for([]) == LONGEST
    assert limit_for([(1000, 1000)] * 10, budget=10_000) == LONGEST
    # Ten texts in 10,000 bytes, 60 of each for its marker: 940 characters; half as many where characters take two.
    assert limit_for([(5000, 5000)] * 10, budget=10_000) == 940
    assert limit_for([(5000, 10_000)] * 10, budget=10_000) == 470
    # Short texts leave their share to the long ones.
    assert limit_for([(100, 100)] * 9 + [(50_000, 50_000)], budget=10_000) == 10_000 - 900 - 60
    assert limit_for([(5000, 5000)] * 1000, budget=10_000) == 0


@pytest.mark.parametrize("text", ["</script><!--", "\u2028\u2029", "\ud800", "😀", "\x00\x1b", 'a"\\'])
def test_json_cannot_end_its_script(text):
    found = as_json({"text": text})
    assert found.isascii()
    assert "<" not in found
    assert json.loads(found) == {"text": text}
    assert size(text) == (len(text), len(as_json(text)))


def test_fitting_says_whether_anything_is_left_out():
    texts = {"a": [(Part.TEXT, "x" * 100)], "b": [(Part.THOUGHT, "y" * 1000)]}
    assert fitting(texts, 1000) == (texts, False)
    shown, shortened = fitting(texts, 500)
    assert shortened
    assert shown["a"] == texts["a"]
    marker = (Part.CUT, "[... 500 characters left out ...]")
    assert shown["b"] == [(Part.THOUGHT, "y" * 250), marker, (Part.THOUGHT, "y" * 250)]


def test_a_runs_own_tags_and_a_block_that_the_prompt_opened():
    tags = ThoughtTags("[T]", "[/T]", "opened")
    assert parts("a[/T]x[T]b[/T]y", thought_tags=tags) == [
        (Part.THOUGHT, "a[/T]"), (Part.TEXT, "x"), (Part.THOUGHT, "[T]b[/T]"), (Part.TEXT, "y"),
    ]  # fmt: skip
    assert parts("never closed", thought_tags=tags) == [(Part.THOUGHT, "never closed")]
    loop = parts("a[/T]x\nb[/T]y", ["a", "b"], ["x", "y"], tags)
    assert [(kind, text.strip()) for kind, text in loop] == [
        (Part.THOUGHT, "a[/T]"), (Part.STEP, "x"), (Part.THOUGHT, "b[/T]"), (Part.STEP, "y"),
    ]  # fmt: skip


def test_what_an_environment_answered_stands_behind_its_step():
    found = parts("<think>a</think>push 1\nadd", ["a", ""], ["push 1", "add"], observations=["[1]", "cannot add"])
    assert found == [
        (Part.THOUGHT, "<think>a</think>"),
        (Part.STEP, "push 1"),
        (Part.OBSERVATION, "[1]"),
        (Part.TEXT, "\n"),
        (Part.STEP, "add"),
        (Part.OBSERVATION, "cannot add"),
    ]
