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


def test_pages_of_marks_take_no_time():
    """Linear: ten times as long takes about ten times the time, not a hundred."""

    def seconds(n):
        started = time.perf_counter()
        sentences("." * n + "x" + '."' * n + "x")
        return time.perf_counter() - started

    seconds(1000)
    assert seconds(400_000) < 60 * max(seconds(40_000), 1e-3)
