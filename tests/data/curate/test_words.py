"""Hashes of words and runs against Python's own regular expressions and tuples."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.curate.words import MOST_CHARACTERS, run_hashes, word_hashes

WORD = re.compile("[0-9a-z_\u00c0-\u1fff]+|[\u3000-\U0010ffff]")
TEXT = st.text(alphabet="ab B1_.- \n\x00$«×éßЖ\u0130अ\u200b\u2019\u2211中。あ가\U0001f600\ud800", max_size=60)


def same_equalities(left: list, right: list) -> bool:
    """Whether both lists have equal entries at the same positions."""
    return [left.index(x) for x in left] == [right.index(x) for x in right]


@given(TEXT)
def test_words_are_those_of_the_regular_expression(text):
    words = WORD.findall(text.lower())
    hashes = word_hashes(text).tolist()
    assert same_equalities(words, hashes)


@given(st.lists(st.sampled_from(["a", "b", "ab", "ba", "b_a"]), max_size=12), st.integers(1, 5))
def test_runs_are_equal_where_their_words_are(words, length):
    runs = [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
    hashes = run_hashes(word_hashes(" ".join(words)), length).tolist()
    assert same_equalities(runs, hashes)


def test_many_words_do_not_collide_and_fill_all_bits():
    hashes = word_hashes(" ".join(map(str, range(100_000))))
    assert len(np.unique(hashes)) == 100_000
    ones = [np.mean(hashes >> np.uint64(bit) & np.uint64(1)) for bit in range(64)]
    assert all(0.48 < share < 0.52 for share in ones)


def test_other_processes_get_the_same_numbers():
    text = "Let x be 中 and ЖЖ."
    code = f"from treadle.data.curate.words import word_hashes; print(word_hashes({text!r}).tolist())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"LANG": "C"})
    assert run.stdout.strip() == str(word_hashes(text).tolist())


def test_only_the_beginning_of_a_huge_text_counts():
    text = "ab " * (MOST_CHARACTERS // 3 + 1)
    assert len(word_hashes(text + " more words")) == MOST_CHARACTERS // 3 + 1
