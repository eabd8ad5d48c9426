"""Arguments by name: each kind's worth by hand."""

from __future__ import annotations

import pytest

from treadle.scoring.argument_match import matched, value_similarity, within
from treadle.scoring.rewards import step_similarity


@pytest.mark.parametrize(
    ("key", "value", "expert", "expected"),
    [
        ("command", "view", "view", 1.0),
        ("command", "create", "view", 0.0),  # half of the letters are no half of a command
        ("limit", "13", "12", 0.0),
        ("path", "/a/b/d.py", "/a/b/c.py", 2 / 3),  # a and b of three each
        ("path", "/a/./b/c.py", "/a/b/c.py", 1.0),
        ("path", "/a", "/a/b/c.py", 0.5),  # 2 * 1 / (1 + 3)
        ("path", "x.py", "c.py", 0.0),
        ("view_range", "[1, 30]", "[1, 20]", 0.5),
        ("view_range", "[1]", "[1, 20]", 0.5),
        ("view_range", "all", "[1, 20]", 0.0),
        ("view_range", "[1, 20", "[1, 20]", 0.0),
        ("ids", "[1]", "[]", 0.0),
        ("new_str", "return a + c", "return a + b", 11 / 12),
        ("new_str", "  x y ", "x y", 1.0),
    ],
)
def test_a_value(key, value, expert, expected):
    assert value_similarity(key, value, expert) == pytest.approx(expected)


def test_texts_are_compared_as_the_paper_does():
    pair = ("def f(x): return 2", "def g(y): return 3")
    assert value_similarity("new_str", *pair) == step_similarity(*pair)


def test_missing_and_superfluous_arguments_count():
    expert = [("path", "/a"), ("n", "1")]
    assert matched([("n", "1"), ("path", "/a")], expert) == (2.0, 2)
    assert matched([("path", "/a")], expert) == (1.0, 2)
    assert matched([*expert, ("x", "1")], expert) == (2.0, 3)
    assert matched([("n", "2"), ("n", "1")], expert) == (0.0, 3)  # the first of a key is the one that is compared
    assert matched(expert, expert, but={"path"}) == (1.0, 1)


def test_what_is_superfluous_is_left_out():
    expert = [("path", "/a"), ("n", "1")]
    assert within([("x", "1"), ("n", "2"), ("path", "/b"), ("path", "/a")], expert) == (("n", "2"), ("path", "/b"))
