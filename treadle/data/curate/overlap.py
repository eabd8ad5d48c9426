"""Overlap of training problems with evaluation problems.

Two problems overlap if their words are equal, or if they share a run of 13 words, the field's usual test. Of an
evaluation problem with 6 to 12 words the whole must be contained as a run; a shorter one is found only by equality.

Words are compared after LaTeX's formatting, punctuation and figures are dropped, in lower case, letters and digits
apart. A shared run counts only if it holds three words of content, that is, words other than single characters and
those of the phrase by which contests ask for an answer ("can be written in the form m/n, where m and n are
relatively prime positive integers. Find m+n."). That phrase alone has more than 13 words: by the bare test 106 of
4,052 real training problems overlap with amc23, aime24 and aime25, all of them by this phrase and none in fact. Of a
problem in which no run has such content, most of it formulas, the whole must be contained.

A problem that was reworded, translated or given other numbers is not found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from treadle.data.curate.words import run_hashes, word_hashes

RUN = 13
SHORTEST_RUN = 6
CONTENT_WORDS = 3

_DROPPED = re.compile(
    r"""\[asy\].*?\[/asy\]
      | \\(?:begin|end|hspace|vspace|label|tag)\*?\{[^{}]*\}
      | \\(?:left|right|[bB]igg?[lrm]?|displaystyle|text[a-z]*|math[a-z]+|[mh]box|operatorname
            |q?quad|small|large|plus|minus|equal|rm|bf|it)(?![A-Za-z])""",
    re.VERBOSE | re.DOTALL,
)
_THOUSANDS = re.compile(r"(?<=\d)(?:,(?:\\!)?|\{,\}|\\,)(?=\d{3}(?!\d))")
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_FORMULAIC = np.sort(
    word_hashes(
        " ".join("abcdefghijklmnopqrstuvwxyz0123456789")
        + " and answer any are as be by can compute determine divisible expressed final find form frac given greatest "
        "if in integer integers is it least let may mn no not number numbers of or pq positive prime primes relatively "
        "simplest simplified sqrt square squares such sum that the unique uniquely value what where which with written"
    )
)


class OverlapKind(StrEnum):
    """In what a training problem and an evaluation problem agree."""

    SAME_TEXT = "the same text"
    SHARED_RUN = f"a run of {RUN} words"
    CONTAINED = "the whole problem"


class Overlap(NamedTuple):
    """With which problem of which evaluation set a text overlaps, and in what."""

    set: str
    problem: str
    kind: OverlapKind

    def __str__(self) -> str:
        return f"{self.set}, problem {self.problem}: {self.kind}"


class _Runs(NamedTuple):
    """All runs of one length: sorted hashes, uint64 `[R]`, and the problem that each is of, int32 `[R]`."""

    hashes: np.ndarray
    owners: np.ndarray


class EvaluationIndex:
    """Looks texts up in evaluation sets. Small (12 bytes for each word of the sets) and picklable.

    Args:
        sets: For each set's name its problems as `(id, text)`.
    """

    def __init__(self, sets: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._problems = [(name, id) for name, problems in sets.items() for id, _ in problems]
        self._texts: dict[bytes, int] = {}
        found: dict[int, list[tuple[np.ndarray, int]]] = {}
        for owner, text in enumerate(text for problems in sets.values() for _, text in problems):
            plain = normalised(text)
            words = word_hashes(plain)
            self._texts.setdefault(_digest(plain), owner)
            length = min(RUN, len(words))
            runs = _telling_runs(words, length)
            if not len(runs) and len(words) >= RUN:
                length = len(words)
                runs = run_hashes(words, length)
            if length >= SHORTEST_RUN and len(runs):
                found.setdefault(length, []).append((runs, owner))
        self._runs = {length: _merged(runs) for length, runs in sorted(found.items(), reverse=True)}

    def match(self, text: str) -> Overlap | None:
        """The evaluation problem that `text` overlaps with; of several by equal text the first, else the one that
        most runs are shared with."""
        plain = normalised(text)
        if plain and (owner := self._texts.get(_digest(plain))) is not None:
            return Overlap(*self._problems[owner], OverlapKind.SAME_TEXT)
        words = word_hashes(plain)
        for length, runs in self._runs.items():
            candidates = run_hashes(words, length)
            places = np.minimum(np.searchsorted(runs.hashes, candidates), len(runs.hashes) - 1)
            shared = runs.owners[places[runs.hashes[places] == candidates]]
            if len(shared):
                kind = OverlapKind.SHARED_RUN if length == RUN else OverlapKind.CONTAINED
                return Overlap(*self._problems[np.bincount(shared).argmax()], kind)
        return None


def normalised(text: str) -> str:
    """The words of a problem that are compared, separated by spaces."""
    text = _FRACTION.sub(r"\\frac", _DROPPED.sub(" ", _THOUSANDS.sub("", text)))
    return " ".join(_WORD.findall(text.lower()))


def _digest(plain: str) -> bytes:
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _telling_runs(words: np.ndarray, length: int) -> np.ndarray:
    """The runs of `length` words that hold enough words of content."""
    content = np.cumsum(np.concatenate(([0], ~np.isin(words, _FORMULAIC))))
    return run_hashes(words, length)[content[length:] - content[:-length] >= CONTENT_WORDS]


def _merged(runs: list[tuple[np.ndarray, int]]) -> _Runs:
    hashes = np.concatenate([some for some, _ in runs])
    owners = np.repeat(np.array([owner for _, owner in runs], dtype=np.int32), [len(some) for some, _ in runs])
    hashes, first = np.unique(hashes, return_index=True)
    return _Runs(hashes, owners[first])
