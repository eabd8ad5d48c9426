"""Words and runs of words as 64-bit numbers, for a whole text at once.

A word is a run of letters, digits and `_`, in lower case; in scripts without spaces (from U+3000 on: Chinese,
Japanese, Korean, and emoji) each character is a word. All else separates: ASCII punctuation, U+0080 to U+00BF, and
U+2000 to U+2FFF with its punctuation, arrows and mathematical symbols.

Equal words give equal numbers in every process and on every machine. Different ones give different numbers but for
a chance of 2 to the -64 a pair, unless somebody seeks such a pair.
"""

from __future__ import annotations

import numpy as np

MOST_CHARACTERS = 1_000_000
"""Only so much of the beginning of a text is looked at; it bounds memory to about 50 MB for ASCII."""

_WORD_BASE = np.uint64(0x9E3779B97F4A7C15)
_RUN_BASE = np.uint64(0xD1342543DE82EF95)
_SEPARATOR, _LETTER, _SINGLE, _CONTINUED = 0, 1, 2, 3
_POWERS = np.cumprod(np.full(256, _WORD_BASE, dtype=np.uint64), dtype=np.uint64)


def _kinds() -> np.ndarray:
    """For each byte of UTF-8 what it begins; the later bytes of a character go with its first."""
    kinds = np.full(256, _SEPARATOR, dtype=np.uint8)
    for first, last in (("0", "9"), ("A", "Z"), ("a", "z"), ("_", "_")):
        kinds[ord(first) : ord(last) + 1] = _LETTER
    kinds[0x80:0xC0] = _CONTINUED
    kinds[0xC3:0xE2] = _LETTER
    kinds[0xE3:] = _SINGLE
    return kinds


_KINDS = _kinds()


def word_hashes(text: str) -> np.ndarray:
    """The words of `text` in order.

    Returns:
        uint64 array `[W]` for W words.
    """
    data = np.frombuffer(text[:MOST_CHARACTERS].lower().encode("utf-8", "surrogatepass"), dtype=np.uint8)
    if not len(data):
        return np.zeros(0, dtype=np.uint64)
    kinds = _KINDS[data]
    leads = kinds != _CONTINUED
    if not leads.all():
        kinds = kinds[np.maximum.accumulate(np.where(leads, np.arange(len(data)), 0))]
    before = np.concatenate(([_SEPARATOR], kinds[:-1]))
    begins = ((kinds == _LETTER) & (before != _LETTER)) | ((kinds == _SINGLE) & leads)
    starts = np.flatnonzero(begins)
    if not len(starts):
        return np.zeros(0, dtype=np.uint64)
    # A word reaches to the next one's beginning; the separators between count as nothing.
    positions = np.arange(starts[0], len(data)) - np.repeat(starts, np.diff(starts, append=len(data)))
    inside = np.where(kinds[starts[0] :] != _SEPARATOR, data[starts[0] :], 0).astype(np.uint64)
    return _mixed(np.add.reduceat(inside * _POWERS[positions & 255], starts - starts[0]))


def run_hashes(words: np.ndarray, length: int) -> np.ndarray:
    """All runs of `length` words in a row.

    Args:
        words: uint64 array `[W]` as `word_hashes` gives it.

    Returns:
        uint64 array `[W - length + 1]`; empty if there are fewer than `length` words.
    """
    count = len(words) - length + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64)
    runs = np.zeros(count, dtype=np.uint64)
    for k in range(length):
        runs = runs * _RUN_BASE + words[k : k + count]
    return _mixed(runs)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread over all 64 bits (the finalizer of splitmix64), a bijection."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
