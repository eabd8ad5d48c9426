"""What counts as an answer, by each rule: cases written by hand, and what holds for every text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.extraction import EXTRACTIONS, extract
from treadle.scoring.thoughts import ThoughtTags


@pytest.mark.parametrize(
    ("text", "kind", "boxed", "phrase", "auto"),
    [
        (r"so \boxed{24}", "math", "24", "24", "24"),
        (r"The answer is 7. \boxed{24}", "math", "24", "24", "24"),
        ("So the answer is 24.", "math", None, "24", "24"),
        ("24", "integer", None, "24", "24"),
        ("Half.\nx = 5", "math", None, "5", "x = 5"),
        ("She sold 72 clips.", "integer", None, "72", "72"),
        ("She sold 72 clips in 2 months.", "integer", None, "2", None),
        ("We tried 3 ways.\nNone of them works.", "integer", None, "3", None),
        ("work\n#### 1,540", "integer", None, "1,540", "1,540"),
        ("<answer>a</answer> then <solution>1, 2</solution>", "text", None, "2", "1, 2"),
        ("<answer>5</answer> and <answer>", "math", None, "5", "5"),
        ("<think>the answer is 5</think>No idea", "math", None, None, None),
        ("The correct choice is (B).", "choice", None, None, "B"),
        ("Therefore the answer is (C) 35.", "choice", None, "(C) 35", "C"),
        ("The best answer is B because it fits", "choice", None, "B because it fits", "B"),
        ("Option D", "choice", None, None, "D"),
        ("**B**", "choice", None, None, "B"),
        ("so it must be\nB) 35", "choice", None, "35", "B"),
        ("My answer: DDDDD", "choice", None, "D", "D"),
        ("I choose vitamin (C) and zinc", "choice", None, None, None),
        ("A car is red", "choice", None, None, None),
        ("Hence the final answer is\n\n$$\n24\n$$", "math", None, "24", "24"),
        ("The answer is: \\[ x = 24. \\]\nDone.", "math", None, "x = 24", "x = 24"),
        ("The answer is therefore 42.", "math", None, "42", "42"),
        ("the answer is 12 so we stop", "math", None, "12", "12"),
        ("Nothing", "text", None, None, None),
        ("", "math", None, None, None),
    ],
)
def test_rules(text, kind, boxed, phrase, auto):
    assert [extract(text, how, kind) for how in ("boxed", "phrase", "auto")] == [boxed, phrase, auto]


def test_the_whole_text_is_what_is_outside_thoughts():
    assert extract("<think>5 + 5</think> ten ", "whole") == "ten"
    assert extract(r"\boxed{3}", "whole") == r"\boxed{3}"
    assert extract("[T]5[/T] ten", "whole", thought_tags=ThoughtTags("[T]", "[/T]")) == "ten"
    assert extract("<think>never closed", "whole") is None


def test_a_text_that_was_cut_off_states_only_what_it_says():
    assert extract("then 3 + 4", "auto", cut_off=True) is None
    assert extract("It has 12 sides", "auto", cut_off=True) is None
    assert extract("The answer is 12. Let me ch", "auto", cut_off=True) == "12"


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="extract='box': expected one of boxed, phrase, whole, auto"):
        extract("1", "box")


PIECES = st.sampled_from(
    [
        "\\boxed{",
        "}",
        "the answer is ",
        "24",
        ". ",
        "\n",
        "<think>",
        "</think>",
        "#### ",
        "<answer>",
        "</answer>",
        "(B)",
        "x",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from(["math", "integer", "choice", "text"]))
def test_what_has_a_box_is_answered_by_it_and_nothing_is_answered_by_blanks(text, kind):
    if (boxed := extract(text, "boxed", kind)) is not None:
        assert extract(text, "phrase", kind) == extract(text, "auto", kind) == boxed
    for how in EXTRACTIONS:
        found = extract(text, how, kind)
        assert found is None or found.strip()


@pytest.mark.parametrize(
    "text",
    [
        "the answer is " * 70_000,
        "<answer>" * 120_000,
        "####\n" * 200_000,
        "9" * 1_000_000,
        "(A) " * 250_000,
        "\\boxed{" * 140_000,
    ],
    ids=lambda text: text[:8].strip(),
)
def test_a_megabyte_takes_seconds_at_most(text):
    started = time.monotonic()
    for how in EXTRACTIONS:
        extract(text, how, "choice")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $\boxed 7$.", "7"),
        (r"\boxed 1,234.", "1,234"),
        (r"$\boxed\frac12$", r"\frac12"),
        (r"\boxed{7}, not \boxed 8", "7"),
        (r"\boxed 72^2", None),
        (r"\boxed x", None),
    ],
)
def test_a_box_without_braces_counts_where_there_is_no_other(text, answer):
    assert extract(text) == answer
