from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from math_verify import parse, verify

from treadle.scoring.answers import boxes, final_answer, last_boxed, plainly_equal
from treadle.scoring.thoughts import ThoughtTags


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{1} then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed {x}", "x"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\text{a } b}", r"\text{a } b"),
        (r"\boxed{1} and then \boxed{2", "1"),
        (r"\boxed{}", ""),
        ("no box", None),
        ("", None),
    ],
)
def test_last_boxed(text, expected):
    assert last_boxed(text) == expected


@given(st.recursive(st.text("ab1", max_size=3), lambda inner: inner.map(lambda s: "{" + s + "}"), max_leaves=5))
def test_balanced_content_comes_back(content):
    assert last_boxed(rf"text \boxed{{{content}}} more") == content.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no box", []),
        ("\\boxed{1} and \\boxed {\\frac{1}{2}}", ["1", "\\frac{1}{2}"]),
        ("\\fbox{ a }", ["a"]),
        ("\\boxed{\\{1, 2\\}}", ["\\{1, 2\\}"]),
        ("\\boxed{1", []),
        ("{ \\boxed{1} and \\boxed{2", ["1"]),
        ("} \\boxed{1}", ["1"]),
        ("a \\\\\\boxed{1} \\\\boxed{2}", ["1", "2"]),
        ("\\boxed{\\boxed{5}}", ["\\boxed{5}", "5"]),
        ("\\boxed{\\begin{pmatrix}1\\\\2\\end{pmatrix}}", ["\\begin{pmatrix}1\\\\2\\end{pmatrix}"]),
    ],
)
def test_boxes(text, expected):
    assert boxes(text) == expected


def by_counting(text):
    """The last box by looking from each opening, the last first, for the brace that closes it."""
    for match in reversed(list(re.finditer(r"\\(?:boxed|fbox)\s*\{", text))):
        depth = 1
        for position in range(match.end(), len(text)):
            if text[position - 1] != "\\":
                depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                return text[match.end() : position].strip()
    return None


@given(st.lists(st.sampled_from(["\\boxed{", "\\fbox {", "{", "}", "a", "\\{", "\\}", " "]), max_size=12).map("".join))
def test_the_last_box_against_counting_braces(text):
    assert last_boxed(text) == by_counting(text)


@pytest.mark.parametrize("text", ["\\boxed{" * 150_000, "{" * 10**6, "\\" * 10**6, "\\boxed {}" * 100_000])
def test_a_megabyte_of_braces_takes_no_time(text):
    began = time.monotonic()
    last_boxed(text)
    boxes(text)
    final_answer(text, "phrase")
    assert time.monotonic() - began < 10


def test_a_megabyte_of_boxes_in_boxes_takes_no_memory():
    depth = 100_000
    text = r"\boxed{" * depth + "5" + "}" * depth
    assert sum(map(len, boxes(text))) <= 8 * len(text)
    assert last_boxed(text) == final_answer(text) == "5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{1} and \boxed{2}", "2"),
        (r"<think>\boxed{3}</think> so \boxed{4}", "4"),
        (r"so \boxed{5} <think>or \boxed{6}? no</think> done", "5"),
        (r"opened by the prompt \boxed{3}</think> \boxed{4}", "4"),
        (r"<think>\boxed{3}</think> done", "3"),
        (r"<think>cut off after \boxed{3}", "3"),
        (r"\boxed{2} and \boxed{ }", "2"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{7} and \boxed{8", "7"),
        ("The final answer is 5.", None),
        ("", None),
    ],
)
def test_final_answer(text, expected):
    assert final_answer(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"the answer is 3, so \boxed{4}", "4"),
        (r"The final answer is $\frac{1}{2}$. I hope it is correct.", r"$\frac{1}{2}$"),
        ("The answer is 3. Then the answer is 4.5 meters\nThanks", "4.5 meters"),
        ("**Final Answer:** **12**", "12"),
        ("Answer: B", "B"),
        ("**Answer:** Jason has **250 minutes** left this month.", "250"),
        ("we get 3 and then 1,234.5.", "1,234.5"),
        ("so x = -7", "-7"),
        ("<think>the answer is 3, or 4</think> I do not know", None),
        ("nothing", None),
    ],
)
def test_final_answer_after_a_phrase(text, expected):
    assert final_answer(text, fallback="phrase") == expected


def test_an_unknown_fallback_is_refused():
    with pytest.raises(ValueError, match="expected 'none' or 'phrase'"):
        final_answer("", fallback="number")


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [("7", "007", True), ("-3", "3", False), ("x+1", "x+1", True), ("0.5", "1/2", None), ("+4", "4", True)],
)
def test_plainly_equal(answer, reference, expected):
    assert plainly_equal(answer, reference) is expected


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_short_cut_agrees_with_math_verify(a, b):
    expected = verify(parse(rf"\boxed{{{b}}}"), parse(rf"\boxed{{{a}}}"))
    assert plainly_equal(str(a), str(b)) == expected


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        (r"<t>\boxed{1}</t>\boxed{2}<t>\boxed{3}</t>", ThoughtTags("<t>", "</t>"), "2"),
        (r"<think>\boxed{1}</think>", ThoughtTags("<t>", "</t>"), "1"),
        (r"\boxed{1}</think>\boxed{2}<think>\boxed{3}", ThoughtTags(block="opened"), "2"),
        (r"so \boxed{1} or \boxed{2}", ThoughtTags(block="opened"), "2"),  # all is thought: the last of its boxes
        (r"\boxed{1}", ThoughtTags(block="closed"), "1"),
    ],
)
def test_the_answer_stands_outside_of_a_runs_own_tags(text, tags, expected):
    assert final_answer(text, thought_tags=tags) == expected


def test_phrases_count_outside_of_thoughts_alone():
    opened = ThoughtTags(block="opened")
    assert final_answer("the answer is 1</think>the answer is 2", "phrase", opened) == "2"
    assert final_answer("the answer is 1", "phrase", opened) is None
    assert final_answer("[T]the answer is 1[/T]", "phrase", ThoughtTags("[T]", "[/T]")) is None
