from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from math_verify import parse, verify

from treadle.answers import last_boxed, plainly_equal


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
    ("answer", "reference", "expected"),
    [("7", "007", True), ("-3", "3", False), ("x+1", "x+1", True), ("0.5", "1/2", None), ("+4", "4", True)],
)
def test_plainly_equal(answer, reference, expected):
    assert plainly_equal(answer, reference) is expected


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_short_cut_agrees_with_math_verify(a, b):
    expected = verify(parse(rf"\boxed{{{b}}}"), parse(rf"\boxed{{{a}}}"))
    assert plainly_equal(str(a), str(b)) == expected
