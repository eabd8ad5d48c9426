from __future__ import annotations

import difflib
import html
import re

from hypothesis import given
from hypothesis import strategies as st

from treadle.report.blocks import marked


def test_an_example_by_hand():
    assert marked("abXd", "abcd") == "<mark>ab</mark>X<mark>d</mark>"
    assert marked("<b>", "<i>") == "<mark>&lt;</mark>b<mark>&gt;</mark>"
    assert marked("x", "") == "x"


@given(st.text("ab<>& \n", max_size=40), st.text("ab<>& \n", max_size=40))
def test_the_text_is_kept_and_the_marks_are_difflibs_matches(action, expert):
    page = marked(action, expert)
    assert html.unescape(re.sub("</?mark>", "", page)) == action
    inside = sum(len(html.unescape(part)) for part in re.findall("<mark>(.*?)</mark>", page, re.S))
    blocks = difflib.SequenceMatcher(None, action, expert, False).get_matching_blocks()
    assert inside == sum(block.size for block in blocks)
