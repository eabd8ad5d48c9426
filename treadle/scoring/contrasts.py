"""Other experts' actions, against which an action is held: which of them, the same for every rollout of a group.

What an action earns on texts that are not its own problem's is what it earns without its problem. The choice depends on
texts and the seed alone, not on positions, processes or the order of a batch.

Texts are drawn as often as they are some row's expert action. An agent's most frequent call is right now and then; only
if it is as frequent among the others does sending it always earn nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

MOST = 8
"""Other actions that one is held against: m."""


def choose(own: str, texts: Sequence[str], most: int = MOST, seed: int = 0) -> list[str]:
    """At most `most` of `texts`, without those equal to `own`.

    Args:
        own: The expert's action of the row.
        texts: Candidates; one that stands there twice counts twice.
        most: How many; 0 or more.
        seed: Another seed chooses others.

    Returns:
        The chosen ones, in an order that depends on the seed, `own` and themselves.
    """
    if most < 0:
        raise ValueError(f"most={most}: expected how many other actions to hold an action against, 0 or more")
    seen: Counter[str] = Counter()
    ranked = []
    for text in texts:
        if text != own:
            seen[text] += 1
            ranked.append((_rank(seed, own, text, seen[text]), text))
    return [text for _, text in sorted(ranked)[:most]]


def of_rows(
    expert_action: Sequence[str],
    contrast: Sequence[Sequence[str] | None] | None = None,
    most: int = MOST,
    seed: int = 0,
) -> list[list[str]]:
    """What each row of a call is held against.

    Args:
        expert_action: B expert actions. Where a row has no list of its own, the others of other text are its
            candidates, each as often as it has groups of rollouts (the counts of rows without their common divisor).
        contrast: B lists of texts, the data set's column `contrast`, or `None`; an empty list means no contrast.
        most, seed: See `choose`.

    Returns:
        B lists, equal for rows of equal action and column.
    """
    counts = Counter(expert_action)
    each = math.gcd(*counts.values())
    of_call = [text for text, count in counts.items() for _ in range(count // each)]
    chosen: dict[str, list[str]] = {}
    rows = []
    for row, own in enumerate(expert_action):
        column = contrast[row] if contrast is not None else None
        if column is not None:
            rows.append(choose(own, column, most, seed))
            continue
        if own not in chosen:
            chosen[own] = choose(own, of_call, most, seed)
        rows.append(chosen[own])
    return rows


def _rank(seed: int, own: str, text: str, repeat: int) -> bytes:
    parts = (str(seed), own, text, str(repeat))
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
