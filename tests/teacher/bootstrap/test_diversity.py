"""Figures of diversity against ones worked out by hand, or with Python's own counters."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from treadle.teacher.bootstrap.diversity import distinct_share, run_entropy


def test_distinct_solutions_are_counted_by_problem():
    texts = [("a", "x = 1"), ("a", "x  =\n1"), ("a", "x = 2"), ("b", "x = 1")]
    assert distinct_share(texts) == 3 / 4
    assert distinct_share([]) is None


def test_entropy_is_that_of_runs_of_four_words():
    rng = random.Random(0)
    texts = [" ".join(rng.choices(["one", "two", "three"], k=30)) for _ in range(20)]
    counts = Counter(tuple(text.split()[i : i + 4]) for text in texts for i in range(27))
    shares = [count / counts.total() for count in counts.values()]
    assert run_entropy(texts) == pytest.approx(-sum(share * math.log2(share) for share in shares))


def test_entropy_of_one_text_again_and_again_does_not_grow():
    assert run_entropy(["a b c d"]) == run_entropy(["a b c d"] * 9) == 0
    assert run_entropy(["a b c d", "e f g h"]) == 1
    assert run_entropy(["a b c"]) is None
    assert run_entropy([]) is None


def test_a_round_of_many_texts_is_looked_at_evenly():
    texts = ["a b c d"] * 50 + ["e f g h"] * 50
    assert run_entropy(texts, compared=10) == 1
