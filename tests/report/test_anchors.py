from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.report.anchors import LONGEST, Anchors, anchor

NAMES = st.text(st.sampled_from("a-b~/ é\ud800<'\"&"), max_size=6)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("aime24", "60"), "aime24-60"),
        (("amc23-first-5", "3"), "amc23-first-5-3"),
        (("my set", 'a"b<c>'), "my~20set-a~22b~3cc~3e"),
        (("math", "algebra/1.json"), "math-algebra~2f1.json"),
        (("math", "é"), "math-~c3~a9"),
        (("math", "a~20"), "math-a~7e20"),
        (("math", ""), "math-"),
    ],
)
def test_names_stand_in_the_address_as_far_as_addresses_can_hold_them(names, expected):
    assert anchor(*names) == expected


def test_a_page_of_text_as_a_name_gives_a_short_address_of_its_own():
    long = [anchor("set", "x" * 5000), anchor("set", "x" * 4999 + "y")]
    assert long[0].startswith("set-xxxx")
    assert len(set(long)) == 2
    assert max(map(len, long)) <= LONGEST


@given(st.lists(st.tuples(NAMES, NAMES), max_size=8, unique=True))
def test_no_two_addresses_of_a_page_are_alike(given_names):
    anchors = Anchors(["results"])
    found = [anchors.take(*names) for names in given_names]
    assert len({*found, "results"}) == len(found) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]+", one) for one in found)


def test_what_is_given_away_gets_a_number():
    anchors = Anchors(["steps-1"])
    assert [anchors.take("a-b", "c"), anchors.take("a", "b-c"), anchors.take("steps", "1")] == [
        "a-b-c", "a-b-c-2", "steps-1-2",
    ]  # fmt: skip
