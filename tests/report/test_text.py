from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.report.text import label, number, shorten, split_lead
from treadle.trajectory import Step

ANY = st.text(st.characters(), max_size=60)  # lone surrogates and control characters too
LINES = st.text("ab \n", max_size=400)


@given(LINES, st.integers(0, 5), st.integers(0, 5), st.integers(1, 120))
def test_a_shortened_text_says_exactly_what_it_leaves_out(text, first, last, characters):
    head, marker, tail = shorten(text, first, last, characters)
    if marker is None:
        assert head + tail == text
        return
    assert text.startswith(head)
    assert text.endswith(tail)
    assert max(len(head), len(tail)) <= characters
    assert head.count("\n") <= first
    assert tail.removesuffix("\n").count("\n") <= last
    lines, left_out = re.fullmatch(r"\[\.\.\. (?:(\d+) lines?, )?(\d+) characters left out \.\.\.\]", marker).groups()
    middle = text[len(head) : len(text) - len(tail)]
    assert (int(lines or 0), int(left_out)) == (middle.count("\n"), len(middle))


def test_lines_and_characters_left_out_by_hand():
    text = "".join(f"line {k}\n" for k in range(100))
    # "line 2" to "line 98": 8 of 7 characters, 89 of 8
    assert shorten(text, 2, 1, 1000) == ("line 0\nline 1\n", "[... 97 lines, 768 characters left out ...]", "line 99\n")
    assert shorten("x" * 5000, 8, 4, 100)[1] == "[... 4,800 characters left out ...]"
    assert shorten("a\nb\nc\nd\n", 1, 1, 100)[1] is None, "two short lines are no longer than the marker"


@given(LINES, st.integers(1, 5), st.integers(1, 120))
def test_lead_and_rest_are_the_text(text, lines, characters):
    lead, rest = split_lead(text, lines, characters)
    assert lead + rest == text
    if rest:
        assert len(lead) <= characters
        assert lead.count("\n") <= lines


def test_a_lead_ends_at_a_line_or_word():
    text = "first line of some length\nsecond line, which is longer " + "word " * 200
    assert split_lead(text, 5, 40)[0] == "first line of some length\n"
    assert split_lead("word " * 200, 5, 48)[0] == "word " * 9


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("1. **Add**: 1 + 1", title="Add"), "Add"),
        (Step("ls -la"), "ls -la"),
        (Step("<function=bash>\n<parameter=command>cd /testbed && grep -n x /a/b/c.py</parameter>\n</function>"),
         "bash grep -n x …/c.py"),
        (Step("<function=submit>\n</function>"), "submit"),
        (Step("if a < b > c: </div>"), "if a < b > c: </div>"),
        (Step("word " * 50), "word " * 11 + "word…"),
    ],
)  # fmt: skip
def test_labels(step, expected):
    assert label(step) == expected


def test_numbers():
    assert [number(v) for v in (0, 7, 1234567, 12.34, 0.12345, 2847.8, 3.0)] == [
        "0", "7", "1,234,567", "12.3", "0.123", "2,848", "3",
    ]  # fmt: skip
