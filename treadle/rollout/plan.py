"""What the prompts of one batch share, and which rows are generated together.

`pack` lays the distinct prefix tokens of all prompts in one row, each once: the longest prompt of a group whole,
then what every other prompt adds to it, and so on downwards. `split` cuts the rows of a call into batches within a
budget of cached tokens.

No tensors of the model appear here; everything is plain Python and numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from treadle.tree.chains import common_length


@dataclass(frozen=True)
class Segment:
    """Tokens that one prompt adds to the pack: `pack[start:stop]`, after the tokens of `path`."""

    start: int
    stop: int
    path: tuple[tuple[int, int], ...]  # slices of the pack that come before, from the root on


@dataclass(frozen=True)
class Pack:
    """Distinct prefix tokens of several prompts in one row.

    Attributes:
        tokens: Token ids, `[T]` int64.
        positions: Position of each token in its prompts, `[T]` int64.
        segments: The pieces of the row in order; a prompt that is a prefix of another adds none.
        paths: By prompt, the slices of the row that make it up, from the root on.
        order: Prompts such that those that share a slice are neighbours, the longest share first.
    """

    tokens: np.ndarray
    positions: np.ndarray
    segments: list[Segment]
    paths: list[tuple[tuple[int, int], ...]]
    order: list[int]

    def last(self, prompt: int) -> int:
        """Index in the row of the last token of a prompt."""
        return self.paths[prompt][-1][1] - 1


def pack(prompts: Sequence[Sequence[int]]) -> Pack:
    """Pack distinct prompts, each with at least one token.

    The longest prompt of a group comes whole, so that it is one causal stretch; the others hang from it where they
    leave it. Prompts that leave it at the same place form a group of their own.
    """
    arrays = [np.asarray(p, dtype=np.int64) for p in prompts]
    by_tokens = sorted(range(len(prompts)), key=lambda i: list(prompts[i]))
    shared = [common_length(arrays[a], arrays[b]) for a, b in pairwise(by_tokens)]
    tokens, positions, segments, order = [], [], [], []
    paths: list[tuple[tuple[int, int], ...]] = [()] * len(prompts)
    size = 0
    # Groups to do, last first: range of `by_tokens`, the tokens they share with the path, and that path.
    groups: list[tuple[int, int, int, tuple[tuple[int, int], ...]]] = [(0, len(prompts), 0, ())] if prompts else []
    while groups:
        low, high, depth, path = groups.pop()
        if depth == 0:
            # Without a common root there is nothing to hang from: each first token starts a group of its own.
            cut = next((i + 1 for i in range(low, high - 1) if shared[i] == 0), high)
            if cut < high:
                groups.append((cut, high, 0, ()))
                high = cut
        longest = max(range(low, high), key=lambda i: len(arrays[by_tokens[i]]))
        main = by_tokens[longest]
        added = arrays[main][depth:]
        if len(added):
            segments.append(Segment(size, size + len(added), path))
            path = (*path, (size, size + len(added)))
            tokens.append(added)
            positions.append(np.arange(depth, depth + len(added)))
            size += len(added)
        paths[main] = path
        order.append(main)
        groups.extend(_groups_below(shared, low, high, longest, path))
    return Pack(np.concatenate(tokens), np.concatenate(positions), segments, paths, order)


def _groups_below(
    shared: list[int], low: int, high: int, longest: int, path: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int, int, tuple[tuple[int, int], ...]]]:
    """Groups of `[low, high)` without `longest` by where they leave it, the earliest first."""
    below = []
    for step, stop in ((-1, low - 1), (1, high)):
        # Going away from the longest prompt, the length shared with it can only fall.
        depth, i = None, longest + step
        while i != stop:
            here = shared[i] if step < 0 else shared[i - 1]
            if depth is None or here < depth:
                depth = here
                below.append([depth, i, i])
            below[-1][1:] = [min(below[-1][1], i), max(below[-1][2], i)]
            i += step
    for depth, first, last in sorted(below):
        yield first, last + 1, depth, tuple(_upto(path, depth))


def _upto(path: tuple[tuple[int, int], ...], depth: int) -> Iterator[tuple[int, int]]:
    """The first `depth` tokens of a path."""
    for start, stop in path:
        if depth <= 0:
            return
        yield start, min(stop, start + depth)
        depth -= stop - start


def split(prompts: Sequence[Sequence[int]], max_new_tokens: int, max_kv_tokens: int | None) -> Iterator[list[int]]:
    """Cut rows into batches whose cache stays within a budget at its largest.

    Rows with equal beginnings stay together. A batch costs its distinct prefix tokens, and `max_new_tokens` for
    every row. A row that exceeds the budget alone is a batch of its own: there is no smaller one.

    Args:
        prompts: Token ids of every row, repeated where rows share a prompt.
        max_new_tokens: Tokens that a row may add.
        max_kv_tokens: The budget; `None` for a single batch.

    Yields:
        Indices of rows.
    """
    batch: list[int] = []
    cost = 0
    last = np.zeros(0, dtype=np.int64)
    for row in sorted(range(len(prompts)), key=lambda i: list(prompts[i])):
        prompt = np.asarray(prompts[row], dtype=np.int64)
        more = len(prompt) - common_length(last, prompt) + max_new_tokens
        if batch and max_kv_tokens is not None and cost + more > max_kv_tokens:
            yield batch
            batch, cost, more = [], 0, len(prompt) + max_new_tokens
        batch.append(row)
        cost += more
        last = prompt
    if batch:
        yield batch


def largest_batch(prompts: Sequence[Sequence[int]], max_new_tokens: int, max_kv_tokens: int | None) -> int:
    """Tokens that the largest batch of `split` holds, by the same count. Arguments as there."""
    largest = 0
    for batch in split(prompts, max_new_tokens, max_kv_tokens):
        rows = [np.asarray(prompts[row], dtype=np.int64) for row in batch]
        shared = sum(common_length(a, b) for a, b in pairwise(rows))
        largest = max(largest, sum(map(len, rows)) - shared + len(rows) * max_new_tokens)
    return largest
