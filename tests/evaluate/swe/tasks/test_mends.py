"""Edits of whole lines: each stands once in its file and makes the new text of the old one."""

from __future__ import annotations

import pytest

from treadle.evaluate.swe.tasks.mends import changed_lines, mend_of


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("a\nb\nc\n", "a\nx\nc\n", "b", "x"),
        ("b\na\nb\nc\n", "b\na\nx\nc\n", "a\nb\nc", "a\nx\nc"),
        ("a\nc\n", "a\nb\nc\n", "a\nc", "a\nb\nc"),
        ("a\n\nb\n", "a\n\nc\nb\n", "\nb", "\nc\nb"),
        ("b\nb", "b\nx", "b\nb", "b\nx"),
        ("", "b", None, None),
        ("a\n", "a\n", None, None),
    ],
)
def test_edits_stand_once(before, after, old, new):
    found = mend_of({"f": before}, {"f": after})
    assert (found and found.old, found and found.new) == (old, new)
    if found:
        assert before.count(found.old) == 1
        assert before.replace(found.old, found.new) == after


def test_further_lines_up_to_a_blank_one():
    before, after = "a\n\nb\nc\nd\ne\n", "a\n\nb\nx\nd\ne\n"
    found = mend_of({"f": before}, {"f": after}, above=2, below=1)
    assert (found.old, found.new) == ("b\nc\nd", "b\nx\nd")
    assert (found.line, found.first, found.last) == (4, 3, 5)


def test_lines_that_differ():
    assert changed_lines("    a\n    b\n    c", "    a\n    x\n    c") == ("b", "x")
    assert changed_lines("a\nc", "a\n  b\nc") == ("", "b")
