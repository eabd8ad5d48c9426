"""Cutting a trace into sentences."""

import re
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.behaviours import sentences


def test_hand_cut():
    trace = 'First, 3.5 * 2 = 7.\n\nIs it "right?" Yes!  So\n7'
    assert [s.text for s in sentences(trace)] == ["First, 3.5 * 2 = 7.", 'Is it "right?"', "Yes!", "So", "7"]


def test_positions_are_middles():
    first, second = sentences("aaaa bbbb")[0], sentences("aa.\nbb.")[1]
    assert first.position == 0.5
    assert second.position == (4 + 7) / 2 / 7


def test_nothing():
    assert sentences("") == []
    assert sentences(" \n\t ") == []


@given(st.text(alphabet=st.sampled_from(list("ab .!?\n\t\"')…é")), max_size=80))
def test_nothing_but_white_space_is_lost_and_places_are_true(trace):
    found = sentences(trace)
    assert re.sub(r"\s", "", "".join(s.text for s in found)) == re.sub(r"\s", "", trace)
    for s in found:
        assert trace[s.start : s.end] == s.text
        assert 0 < s.position < 1
    assert all(a.end <= b.start for a, b in pairwise(found))


ONE_BY_ONE = re.compile(r"\S(?:[^\n]*?(?<![.!?])[.!?]++[\"')\]”’*]*+(?=\s|$)|[^\n]*)")
"""The same cut, written to be read: from a first character to the next end that is found."""


@given(st.text(alphabet=st.sampled_from(list("ab .!?\n\t\"')…é\x85\u2028")), max_size=80))
def test_sentences_are_cut_as_if_one_by_one(trace):
    assert [s.text for s in sentences(trace)] == [m.group().rstrip() for m in ONE_BY_ONE.finditer(trace)]


def test_pages_of_marks_take_no_time():
    """Linear: it takes a fraction of a second, where the square of the length would take hours."""
    started = time.perf_counter()
    sentences("." * 400_000 + "x" + '."' * 400_000 + "x")
    assert time.perf_counter() - started < 5
