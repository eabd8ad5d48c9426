"""Duplicates against exact Jaccard similarities of sets and against datasketch's own index."""

from __future__ import annotations

import random
import re
from itertools import combinations

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.curate.duplicates import (
    NEIGHBOURS,
    PERMUTATIONS,
    content_hash,
    duplicates,
    near_duplicates,
    signature,
)
from treadle.errors import DataError
from treadle.trajectory import Step, Trajectory

WORDS = [f"w{i}" for i in range(2000)]


def trajectory(problem: str, *actions: str) -> Trajectory:
    return Trajectory("t", problem, tuple(map(Step, actions)))


def shingles(t: Trajectory) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", " ".join([t.problem, *(step.action for step in t.steps)]).lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def jaccard(a: Trajectory, b: Trajectory) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@pytest.fixture(scope="module")
def corpus() -> list[Trajectory]:
    """Twelve texts of 300 words, each with copies in which up to 40 words were replaced."""
    generator = random.Random(0)
    found = []
    for _ in range(12):
        words = generator.choices(WORDS, k=300)
        for changes in (0, 1, 3, 6, 12, 20, 40):
            copy = list(words)
            for place in generator.sample(range(300), changes):
                copy[place] = generator.choice(WORDS)
            found.append(trajectory(" ".join(copy[:100]), " ".join(copy[100:200]), " ".join(copy[200:])))
    generator.shuffle(found)
    return found


def test_exact_duplicates_differ_in_white_space_only():
    base = content_hash(trajectory("What is 1 + 1?", "1. **Add**", "2. Done."))
    assert base == content_hash(trajectory(" What  is\n1 + 1? ", "1. **Add**\n", "2.\tDone."))
    others = [
        trajectory("What is 1 + 1?", "1. **Add** 2. Done."),
        trajectory("What is 1 + 1?", "2. Done.", "1. **Add**"),
        trajectory("what is 1 + 1?", "1. **Add**", "2. Done."),
        trajectory("What is 1 + 2?", "1. **Add**", "2. Done."),
    ]
    assert base not in map(content_hash, others)
    assert 0 <= base < 2**64


def test_signatures_estimate_the_jaccard_similarity(corpus):
    signatures = [signature(t) for t in corpus]
    assert signatures[0].dtype == np.uint32
    assert signatures[0].nbytes <= 512
    errors = [
        (a == b).mean() - jaccard(t, u) for (t, a), (u, b) in combinations(zip(corpus, signatures, strict=True), 2)
    ]
    # One estimate's standard deviation is at most 0.5 / sqrt(128) = 0.044.
    assert max(map(abs, errors)) < 4.5 * 0.044
    assert abs(np.mean(errors)) < 0.01


def test_signatures_of_short_and_wordless_texts():
    assert np.array_equal(signature(trajectory("A b", "C")), signature(trajectory("a", "B c.")))
    assert not np.array_equal(signature(trajectory("a b", "c")), signature(trajectory("a b", "d")))
    assert not np.array_equal(signature(trajectory("???", "!")), signature(trajectory("...", "!")))


def test_near_duplicates_are_those_of_the_sets(corpus):
    pairs = dict(near_duplicates(np.stack([signature(t) for t in corpus]), 0.8))
    for row, t in enumerate(corpus):
        nearest = max((jaccard(t, u) for u in corpus[:row]), default=0.0)
        if nearest > 0.9:
            assert row in pairs
        elif nearest < 0.7:
            assert row not in pairs
    assert pairs
    assert all(earlier < row and jaccard(corpus[row], corpus[earlier]) > 0.7 for row, earlier in pairs.items())


@given(st.integers(0, 2**32), st.sampled_from([0.7, 0.8, 0.9]))
def test_near_duplicates_are_those_of_datasketchs_index(seed, threshold):
    generator = np.random.default_rng(seed)
    signatures = generator.integers(0, 2**32, (40, PERMUTATIONS), dtype=np.uint32)
    for row in range(10, 40):
        source = generator.integers(0, row)
        kept = generator.random(PERMUTATIONS) < generator.uniform(0.6, 1)
        signatures[row] = np.where(kept, signatures[source], signatures[row])
    minhashes = [
        MinHash(hashvalues=row, permutations=MinHash(PERMUTATIONS).permutations, scheme="affine32")
        for row in signatures
    ]
    bands = {0.7: (32, 4), 0.8: (21, 6), 0.9: (12, 10)}[threshold]
    index = MinHashLSH(num_perm=PERMUTATIONS, params=bands)
    expected = {}
    for row, minhash in enumerate(minhashes):
        expected[row] = {j for j in index.query(minhash) if minhash.jaccard(minhashes[j]) >= threshold}
        index.insert(row, minhash)
    found = dict(near_duplicates(signatures, threshold))
    assert found.keys() == {row for row, earlier in expected.items() if earlier}
    assert all(earlier in expected[row] for row, earlier in found.items())


def test_large_groups_of_equal_and_of_unlike_rows():
    generator = np.random.default_rng(0)
    equal = np.repeat(generator.integers(0, 2**32, (1, PERMUTATIONS), dtype=np.uint32), 5000, axis=0)
    assert near_duplicates(equal) == [(row, 0) for row in range(1, 5000)]
    # All rows agree in their first half and so in ten bands, but only in half of their values.
    unlike = generator.integers(0, 2**32, (5 * NEIGHBOURS, PERMUTATIONS), dtype=np.uint32)
    unlike[:, :64] = unlike[0, :64]
    assert near_duplicates(unlike) == []
    # A duplicate far away in those bands is found by another one.
    unlike[-1, 64:120] = unlike[1, 64:120]
    assert near_duplicates(unlike) == [(5 * NEIGHBOURS - 1, 1)]


def test_no_rows_and_one_row():
    assert near_duplicates(np.zeros((0, PERMUTATIONS), dtype=np.uint32)) == []
    assert near_duplicates(np.zeros((1, PERMUTATIONS), dtype=np.uint32)) == []


@pytest.mark.parametrize("threshold", [0.3, 1.1, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(DataError, match=r"--near-threshold .*: expected a similarity from 0.5 to 1"):
        near_duplicates(np.zeros((2, PERMUTATIONS), dtype=np.uint32), threshold)


def test_real_duplicates(data):
    import json

    rows = [json.loads(line) for line in (data / "math" / "amc_aime_solutions.jsonl").open()]
    read = [trajectory(row["problem"], row["solution"]) for row in rows]
    hashes = [content_hash(t) for t in read]
    assert len(hashes) - len(set(hashes)) == 2
    pairs = near_duplicates(np.stack([signature(t) for t in read]))
    assert len(pairs) > 15
    for row, earlier in pairs:  # each was looked at by hand: the same problem, entered twice
        assert read[row].problem.split()[:4] == read[earlier].problem.split()[:4]


def test_near_ones_are_looked_for_among_what_is_not_exact_and_within_groups():
    # Rows 0, 1 and 4 have one signature; 2 is compared with nobody, as the row that is left out.
    rows = np.array([[1] * 16, [1] * 16, [1] * 16, [7] * 16, [1] * 16], dtype=np.uint32)
    keys = {0: 10, 1: 11, 3: 10, 4: 12}
    assert duplicates(keys, lambda chosen: rows[chosen]) == ([(3, 0)], [(1, 0), (4, 0)])
    assert duplicates(keys, lambda chosen: rows[chosen], groups=["a", "b", "a", "a", "b"]) == ([(3, 0)], [(4, 1)])
    assert duplicates(keys, lambda chosen: rows[chosen], threshold=None) == ([(3, 0)], [])
