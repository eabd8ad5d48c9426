"""Exact and near duplicates: a hash and a signature of each trajectory, then all of them compared.

What is compared is the problem together with the actions: two solutions of one problem are no duplicates unless the
solutions resemble each other too. Exact means equal but for white space. Near means that the sets of all runs of
five words (see `words.py`) have a Jaccard similarity of at least a threshold, estimated by MinHash.

The signatures are datasketch's. Its index (`MinHashLSH`) takes 7 kB and 0.17 ms a row, so that pairs are found here
by sorting: rows that agree in a band, some neighbouring values of their signatures, are candidates, and a candidate
counts if the share of all values that agree reaches the threshold. That share estimates the similarity with a
standard deviation of 0.035 at 0.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from treadle.data.curate.words import run_hashes, word_hashes
from treadle.errors import DataError
from treadle.trajectory import Trajectory

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
RUN = 5
LOWEST_THRESHOLD = 0.5
NEIGHBOURS = 32
_FOUND = 0.99
_BATCH = 512


def _compared_text(trajectory: Trajectory) -> str:
    return "\n\n".join((trajectory.problem, *(step.action for step in trajectory.steps)))


def content_hash(trajectory: Trajectory) -> int:
    """A number below 2^64 that equals another's where problem and actions are equal but for white space.

    For ten million different trajectories the chance of any false duplicate is below one in 100,000.
    """
    parts = (trajectory.problem, *(step.action for step in trajectory.steps))
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(" ".join(part.split()).encode("utf-8", "surrogatepass") + b"\0")
    return int.from_bytes(digest.digest(), "little")


@cache
def _empty_signature() -> MinHash:
    # Importing datasketch takes half a second and 50 MB, mostly for SciPy.
    from datasketch import MinHash

    return MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int, scheme="affine32")


def signature(trajectory: Trajectory) -> np.ndarray:
    """The MinHash signature of problem and actions, from the first 1,000,000 characters.

    A text of fewer than five words is one run, and one without words is a run of its own.

    Returns:
        uint32 array `[PERMUTATIONS]`, 512 bytes.
    """
    words = word_hashes(_compared_text(trajectory))
    runs = run_hashes(words, min(RUN, len(words))) if len(words) else np.array([content_hash(trajectory)], np.uint64)
    values = (runs >> np.uint64(32)).tolist()
    minhash = _empty_signature().copy()
    for start in range(0, len(values), _BATCH):  # batches that fit the processor's cache take half the time
        minhash.update_batch(values[start : start + _BATCH])
    return minhash.digest()


def check_threshold(threshold: float) -> None:
    """Raise `DataError` for a threshold that `near_duplicates` does not take."""
    if not LOWEST_THRESHOLD <= threshold <= 1:
        raise DataError(
            f"--near-threshold {threshold:g}: expected a similarity from {LOWEST_THRESHOLD} to 1, such as 0.8; "
            "below, unlike texts would count as duplicates"
        )


def duplicates(
    keys: Mapping[int, int],
    signatures: Callable[[list[int]], np.ndarray],
    threshold: float | None = 0.8,
    groups: Sequence[Hashable] | None = None,
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Rows that are the same as an earlier row, and among the others those that are nearly the same.

    Args:
        keys: `content_hash` of each row that is compared, in order.
        signatures: Gives the `[N, P]` of so many rows, see `signature`.
        threshold: Least similarity of near ones, from 0.5 to 1; `None` looks for none.
        groups: Of each row; near ones are of one group. `None` for a single one.

    Returns:
        Pairs of a row and an earlier one: the exact ones, and the near ones as `near_duplicates` finds them.

    Raises:
        DataError: The threshold is out of range.
    """
    first: dict[int, int] = {}
    exact = []
    apart: dict[Hashable, list[int]] = {}
    for row, key in keys.items():
        if (earlier := first.setdefault(key, row)) != row:
            exact.append((row, earlier))
        else:
            apart.setdefault(groups[row] if groups is not None else None, []).append(row)
    near = []
    for rows in apart.values() if threshold is not None else ():
        if len(rows) > 1:
            near += [(rows[later], rows[before]) for later, before in near_duplicates(signatures(rows), threshold)]
    return exact, near


def near_duplicates(signatures: np.ndarray, threshold: float = 0.8) -> list[tuple[int, int]]:
    """Rows that are nearly the same as an earlier row.

    A row is found by any earlier row, also by one that is itself a duplicate, so that of a chain of small changes
    only the beginning is left. Where more than `NEIGHBOURS` rows agree in a band, a row is compared there with the
    first of them and the `NEIGHBOURS` before it only; real duplicates meet in many bands.

    Args:
        signatures: `[N, P]` of equal dtype, a row for each trajectory as `signature` gives it.
        threshold: Least similarity, from 0.5 to 1.

    Returns:
        Pairs of a row and an earlier one that it resembles, in order, each row at most once as the first of a pair.

    Raises:
        DataError: The threshold is out of range.
    """
    check_threshold(threshold)
    count, width = signatures.shape
    earlier = np.full(count, -1, dtype=np.int64)
    size = _band_size(threshold, width)
    for start in range(0, width - size + 1, size):
        _compare_band(signatures, signatures[:, start : start + size], threshold, earlier)
    return [(int(row), int(earlier[row])) for row in np.flatnonzero(earlier >= 0)]


def _band_size(threshold: float, width: int) -> int:
    """The most values a band can have, if 99% of the pairs at the threshold are to agree in one band or more."""
    return max(
        (size for size in range(1, width + 1) if 1 - (1 - threshold**size) ** (width // size) >= _FOUND), default=1
    )


def _compare_band(signatures: np.ndarray, band: np.ndarray, threshold: float, earlier: np.ndarray) -> None:
    """Set `earlier` of the rows that have none yet and resemble one that agrees with them in this band."""
    multipliers = np.cumprod(np.full(band.shape[1], 0xD1342543DE82EF95, dtype=np.uint64), dtype=np.uint64)
    keys = band.astype(np.uint64) @ multipliers  # unlike bands with equal keys are only candidates more
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    new_group = np.concatenate(([True], keys[1:] != keys[:-1])) if len(keys) else np.zeros(0, dtype=bool)
    first = np.maximum.accumulate(np.where(new_group, np.arange(len(keys)), 0))
    places = np.flatnonzero(~new_group)
    places = _match(signatures, order, places, first[places], threshold, earlier)
    for distance in range(1, NEIGHBOURS + 1):
        places = places[places - distance > first[places]]  # the first of the group has been compared
        if not len(places):
            return
        places = _match(signatures, order, places, places - distance, threshold, earlier)


def _match(
    signatures: np.ndarray,
    order: np.ndarray,
    places: np.ndarray,
    others: np.ndarray,
    threshold: float,
    earlier: np.ndarray,
) -> np.ndarray:
    """Compare the rows at `places` of `order` with those at `others`; the places that are still unmatched."""
    left = []
    for begin in range(0, len(places), 16 * _BATCH):
        some = places[begin : begin + 16 * _BATCH]
        rows, before = order[some], order[others[begin : begin + 16 * _BATCH]]
        alike = (signatures[rows] == signatures[before]).mean(axis=1) >= threshold
        open_rows = earlier[rows] < 0
        found = alike & open_rows
        earlier[rows[found]] = before[found]
        left.append(some[open_rows & ~alike])
    return np.concatenate(left) if left else places
