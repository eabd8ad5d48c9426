"""Texts of models on a page: cut into parts, and shortened visibly to a limit.

A text on a page is a list of parts, `[kind, text]`: thoughts, steps, the rest; or, for a step beside the expert's, what
both have and what only one has. The parts joined are the text, letter for letter, but for what an environment answered,
which stands between the steps and is no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

import numpy as np

from treadle.report.text import shorten
from treadle.scoring.thoughts import PLAIN, ThoughtTags, blocks

PAGE_BUDGET = 5_000_000
"""Bytes of a run's page that the texts of its attempts and steps may take."""
LONGEST = 200_000
"""Characters of one text, on a page or in a file beside it: browsers do not cope with megabytes."""


class Part(StrEnum):
    """What a stretch of text is. `CUT` is treadle's marker, not text."""

    TEXT = "text"
    THOUGHT = "thought"
    STEP = "step"
    OBSERVATION = "observation"
    BOTH = "both"
    MODEL = "model"
    EXPERT = "expert"
    CUT = "cut"


Parts = list[tuple[Part, str]]


def parts(
    text: str,
    thoughts: Sequence[str] = (),
    steps: Sequence[str] = (),
    thought_tags: ThoughtTags = PLAIN,
    observations: Sequence[str] = (),
) -> Parts:
    """`text` cut into thoughts (with their tags), steps and the rest.

    Args:
        thoughts, steps: Of the think-act loop, in order, as `Sample` has them; none for a whole solution.
        thought_tags: Where thoughts begin and end in each generation.
        observations: What the environment answered to the first of the steps.
    """
    found: Parts = []
    position = 0
    for k, step in enumerate(steps):
        thought = thoughts[k] if k < len(thoughts) else ""
        after = text.find(thought, position) + len(thought)
        closed = text.find(thought_tags.close, after)
        # A short action such as "4" must not be found within its thought.
        if thought and closed >= 0 and not text[after:closed].strip():
            after = closed + len(thought_tags.close)
        place = text.find(step, max(after, position)) if step else -1
        if place >= 0:
            found += [*_by_tags(text[position:place], thought_tags), (Part.STEP, step)]
            position = place + len(step)
            found += [(Part.OBSERVATION, seen) for seen in observations[k : k + 1]]
    return found + _by_tags(text[position:], thought_tags)


def _by_tags(text: str, thought_tags: ThoughtTags) -> Parts:
    edges = [0, *(edge for block in blocks(text, thought_tags) for edge in block), len(text)]
    pieces = [text[low:high] for low, high in pairwise(edges)]
    return [(Part.THOUGHT if k % 2 else Part.TEXT, piece) for k, piece in enumerate(pieces) if piece]


def cut(whole: Parts, limit: int) -> Parts:
    """`whole` with at most about `limit` characters: beginning, marker, end. See `treadle.report.text.shorten`."""
    text = "".join(part for _, part in whole)
    if len(text) <= limit:
        return whole
    head, marker, tail = shorten(text, len(text), len(text), limit // 2)
    if marker is None:
        return whole
    start, end = _between(whole, 0, len(head)), _between(whole, len(text) - len(tail), len(text))
    return [*start, (Part.CUT, marker), *end]


def _between(whole: Parts, first: int, last: int) -> Parts:
    found, position = [], 0
    for kind, text in whole:
        piece = text[max(0, first - position) : max(0, last - position)]
        position += len(text)
        if piece:
            found.append((kind, piece))
    return found


def limit_for(sizes: Iterable[tuple[int, int]], budget: int = PAGE_BUDGET) -> int:
    """The most characters that each text may have so that all together take no more than `budget` bytes.

    Args:
        sizes: Length in characters and in bytes of each text, see `size`.

    Returns:
        `LONGEST` where everything fits; 0 where not even a hundred characters of each do.
    """
    lengths_N, bytes_N = np.array([*sizes, (0, 0)], dtype=float).T
    ratios_N = bytes_N / np.maximum(lengths_N, 1)
    low, high = 0, LONGEST
    while low < high:
        limit = (low + high + 1) // 2
        # A marker stands for what is left out.
        taken = np.minimum(lengths_N, limit) * ratios_N + 60 * (lengths_N > limit)
        low, high = (limit, high) if taken.sum() <= budget else (low, limit - 1)
    return low if low >= 100 else 0


def size(text: str) -> tuple[int, int]:
    """Characters of a text, and bytes of it as the page holds it."""
    return len(text), len(as_json(text))


def as_json(value: object) -> str:
    """JSON that is safe inside a script element and as a script: ASCII alone, no tag or comment can begin or end."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def fitting(texts: dict[str, Parts], limit: int) -> tuple[dict[str, Parts], bool]:
    """Each of `texts` within `limit`, and whether that left anything out."""
    shown = {key: cut(text, limit) for key, text in texts.items()}
    return shown, any(_has_cut(text) for text in shown.values())


def _has_cut(text: Parts) -> bool:
    return any(kind is Part.CUT for kind, _ in text)
