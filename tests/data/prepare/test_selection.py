"""Decisions over all trajectories, on facts worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.data.prepare.parts import Facts
from treadle.data.prepare.selection import select
from treadle.data.prepare.settings import PrepareSettings

RANDOM = np.random.default_rng(0).integers(0, 2**32, (8, 128), dtype=np.uint32)


def facts(*rows):
    return [Facts(id, repo, 1, key, None) for id, repo, key in rows]


def test_the_first_of_equal_ids_stays_even_if_its_content_differs():
    found = select(facts(("a", None, 1), ("b", None, 2), ("a", None, 3)), RANDOM[:3], PrepareSettings(held_out=0))
    assert found.dropped == {2: ("duplicate_id", "a")}


def test_exact_duplicates_are_dropped_before_the_cap_counts():
    rows = facts(("a", "r", 1), ("b", "r", 1), ("c", "r", 2), ("d", "r", 3), ("e", None, 4))
    settings = PrepareSettings(held_out=0, duplicates="drop", repo_cap=2)
    found = select(rows, RANDOM[:5], settings)
    assert found.dropped == {1: ("exact_duplicate", "like a"), 3: ("repository_cap", "r")}
    assert (found.duplicates, found.duplicate_examples) == ({"exact": 1}, [("b", "a")])


def test_near_duplicates_agree_in_most_of_their_signatures():
    signatures = RANDOM[:4].copy()
    signatures[2] = signatures[0]
    signatures[2, :13] += 1  # 90% agree
    signatures[3] = signatures[1]
    signatures[3, :64] += 1  # 50% agree
    rows = facts(*((str(i), None, i) for i in range(4)))
    found = select(rows, signatures, PrepareSettings(held_out=0, duplicates="drop"))
    assert found.dropped == {2: ("near_duplicate", "like 0")}
    assert select(rows, signatures, PrepareSettings(held_out=0)).dropped == {}
    assert select(rows, signatures, PrepareSettings(held_out=0, duplicates="drop", near_threshold=0.95)).dropped == {}


def test_the_held_out_are_drawn_from_what_is_left():
    rows = facts(*((str(i % 6), None, i) for i in range(8)))
    found = select(rows, RANDOM, PrepareSettings(held_out=3, duplicates="off"))
    assert sorted(found.dropped) == [6, 7]
    assert len(found.held_out) == 3
    assert not found.held_out & found.dropped.keys()


@pytest.mark.parametrize("seed", range(5))
def test_no_repository_is_on_both_sides(seed):
    repos = ["a", "b", "b", "c", "c", "c", "d", None]
    rows = facts(*((str(i), repo, i) for i, repo in enumerate(repos)))
    found = select(rows, RANDOM, PrepareSettings(held_out=2, seed=seed))
    held = {repos[n] for n in found.held_out} - {None}
    assert not held & {repos[n] for n in range(8) if n not in found.held_out}
    assert found.held_out
